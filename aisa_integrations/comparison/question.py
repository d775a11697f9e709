"""What each model is asked, and the result that its reply or its error makes. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..chat_body import Messages, chat_messages, chat_options
from ..errors import AisaError, ConfigurationError
from ..gateway_client.text import first_choice, reply_text
from ..policy import checked_fallbacks
from ..routing.caps import Fallback
from ..usage import NO_USAGE, Exchange
from .result import Result

_OWN_ARGUMENTS: Final = frozenset(
    {"system", "stream", "on_result", "client", "api_key", "base_url", "timeout", "network", "max_retries", "fallbacks"}
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a model's answer while it streams.

    Args:
        model: the id that was asked.
        text: what it adds.
    """

    model: str
    text: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A result, with the records of the calls behind it."""

    result: Result
    exchanges: tuple[Exchange, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """What one model is asked.

    Args:
        model: the id.
        body: of the chat call.
        streams: whether the answer is asked for as a stream.
    """

    model: str
    body: Mapping[str, Any]
    streams: bool

    def answered(self, reply: Mapping[str, Any], exchanges: Sequence[Exchange]) -> Answered:
        """Return the result of a reply."""
        choice, last = first_choice(reply), exchanges[-1]
        message = choice.get("message")
        # Of a stream that another model went on with, the first part's bill never came: the whole is not known.
        usage = last.usage if len(exchanges) == 1 else NO_USAGE
        earlier = sum(exchange.latency for exchange in exchanges[:-1])
        result = Result(
            model=self.model,
            ok=True,
            response=reply_text(reply),
            message=message if isinstance(message, dict) else None,
            latency=earlier + last.latency,
            ttft=exchanges[0].ttft,
            usage=usage,
            cost=usage.cost,
            finish_reason=choice.get("finish_reason"),
            served_by=last.served_by,
            attempts=tuple(attempt for exchange in exchanges for attempt in exchange.attempts),
            error=None,
        )
        return Answered(result, tuple(exchanges))

    def with_the_policy(self) -> Question:
        """Return the same question asked with the fallbacks of the client's policy, as a call by itself is."""
        body = {name: value for name, value in self.body.items() if name != "models"}
        return Question(self.model, body, self.streams)

    def failed(self, error: AisaError, seconds: float, exchanges: Sequence[Exchange] = ()) -> Answered:
        """Return the result of a call that failed after so many seconds; `exchanges` where its records are at hand."""
        # Its frames would keep the client and its connections alive for as long as the result.
        error = error.with_traceback(None)
        record = Exchange(self.model, None, error.attempts, latency=seconds, error=error.code or type(error).__name__)
        result = Result(
            model=self.model,
            ok=False,
            response="",
            message=None,
            latency=seconds,
            ttft=None,
            usage=NO_USAGE,
            cost=None,
            finish_reason=None,
            served_by=None,
            attempts=error.attempts,
            error=error,
        )
        return Answered(result, tuple(exchanges) or (record,))


def questions(
    models: Iterable[str],
    messages: str | Messages,
    system: str | None,
    fallbacks: Iterable[str | Fallback] | None,
    options: Mapping[str, Any],
    *,
    streams: bool,
) -> list[Question]:
    """Return what each model is asked; alone, but for the fallbacks that were named for this comparison.

    Raises:
        ConfigurationError: for what can't be asked; nothing was sent.
    """
    names = _checked_models(models)
    after = [Fallback.of(entry).to_json() for entry in checked_fallbacks(fallbacks or ())]
    shared = {"messages": chat_messages(messages, system), **chat_options(options, also=_OWN_ARGUMENTS)}
    try:
        json.dumps(shared, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"the messages or options can't be written as JSON: {error}") from None
    # With `models`, the fallbacks of the client's policy are left out: another model's answer is no comparison.
    return [Question(name, {"model": name, "models": [name, *after], **shared}, streams) for name in names]


def _checked_models(models: Iterable[str]) -> list[str]:
    if isinstance(models, (str, bytes, Mapping)) or not isinstance(models, Iterable):
        raise ConfigurationError(f"models is a list of model ids, such as ['gpt-4o', 'gpt-4.1'], not {models!r}.")
    names = list(models)
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise ConfigurationError(f"a model is named by its id, such as 'gpt-4o', not {name!r}.")
    if not names:
        raise ConfigurationError("models is empty: name at least one.")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigurationError(f"{', '.join(twice)}: named twice. A comparison has one result for each model.")
    return names
