"""`LLMRouterClient`: the class of the AIsa skill, as its users call it, on `GatewayClient`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

from .chat_body import Messages, chat_messages, chat_options
from .comparison import Result, compare
from .errors import ConfigurationError
from .gateway_client import GatewayClient, GatewayStream, Reply
from .gateway_client.text import event_text
from .images import image_part
from .policy import Policy
from .routing.caps import Fallback
from .settings import UNSET, Unset, concealed
from .transport.network import NetworkOptions
from .usage import Exchange


class TextStream(Iterator[str]):
    """The pieces of a streamed answer's text as they come; a context manager that closes it.

    A break raises `InterruptedStreamError`, whose `partial` is what had come.
    """

    def __init__(self, events: GatewayStream) -> None:
        self._events = events

    def __next__(self) -> str:
        for event in self._events:
            if text := event_text(event):
                return text
        raise StopIteration

    @property
    def exchange(self) -> Exchange | None:
        """Return the record of the call once the stream has ended: who served it, attempts, tokens and cost."""
        return self._events.exchange

    def close(self) -> None:
        """End the stream and the request behind it."""
        self._events.close()

    def __enter__(self) -> TextStream:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class LLMRouterClient:
    """Talk to the gateway as the AIsa skill's own client does: `client.chat(model=…, messages=…)`.

    Args:
        api_key: the gateway's key; else `AISA_API_KEY`.
        base_url: the gateway's origin, with or without `/v1`; else `AISA_BASE_URL`, else the live gateway.
        timeout: seconds of an attempt (default: connect 10, read 120); None is no limit.
        max_retries: further rounds over the chain of models (default 2); 0 still fails over.
        fallbacks: model ids asked in turn when the one that was named fails; not in `compare_models`.
        policy: the rest of what to do about failures; an argument above beats the same field here.
        network: how connections are made.

    Raises:
        MissingKeyError: no key was given or found.
        ConfigurationError: an argument that cannot work.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float | Unset | None = UNSET,
        max_retries: int | None = None,
        fallbacks: Iterable[str | Fallback] | None = None,
        policy: Policy | None = None,
        network: NetworkOptions | None = None,
    ) -> None:
        key, api_key = concealed(api_key), None
        self._gateway = GatewayClient(
            key,  # type: ignore[arg-type]  # concealed: nothing shows it
            base_url=base_url,
            timeout=timeout,
            max_retries=max_retries,
            fallbacks=fallbacks,
            policy=policy,
            network=network,
        )

    def chat(self, model: str, messages: str | Messages, **options: Any) -> Reply:
        """Ask for a chat completion and return it as a dict; `.exchange` beside it says who served it and the cost.

        Args:
            model: the id.
            messages: a list of messages, or a text.
            options: fields of the call such as `temperature`; `extra_body` for those that are not known here.

        Raises:
            AisaError: one of the tree in `errors.py`.
        """
        return self._gateway.chat(_body(model, chat_messages(messages), options))

    def chat_stream(self, model: str, messages: str | Messages, **options: Any) -> TextStream:
        """Ask for a chat completion and return the pieces of its text as they come; see `chat`.

        Raises:
            AisaError: at once, or for a break after the first content an `InterruptedStreamError` while iterating.
        """
        return TextStream(self._gateway.stream(_body(model, chat_messages(messages), options, streams=True)))

    def vision(self, model: str, image_url: str | os.PathLike[str], prompt: str, **options: Any) -> Reply:
        """Ask about a picture and return the completion as a dict; see `chat`.

        Args:
            model: the id of a model that sees.
            image_url: an http(s) URL, a data URL, or the path of a PNG, JPEG, GIF or WebP file.
            prompt: what is asked.
            options: as in `chat`.
        """
        if not isinstance(prompt, str) or not prompt.strip():
            raise ConfigurationError(f"prompt is a text, not {prompt!r}.")
        content = [{"type": "text", "text": prompt}, image_part(image_url)]
        return self._gateway.chat(_body(model, [{"role": "user", "content": content}], options))

    def compare_models(
        self, models: Iterable[str], message: str | Messages, **options: Any
    ) -> dict[str, dict[str, Any]]:
        """Ask several models the same thing at the same time, each alone; what fails is an entry too.

        Returns:
            for each model `{"success": True, "response": str, "latency": seconds, "tokens": int, "cost": USD}`, or
            `{"success": False, "error": str}`. `tokens` (in all) and `cost` (a float) are None where they are not
            known. `compare(client=…)` tells more: who served, what was billed and what estimated.
        """
        results = compare(models, message, client=self._gateway, **options)
        return {model: _plain(result) for model, result in results.items()}

    def list_models(self) -> list[dict[str, Any]]:
        """Return the models that the gateway serves now."""
        return self._gateway.models()

    def close(self) -> None:
        """Close every connection."""
        self._gateway.close()

    def __enter__(self) -> LLMRouterClient:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _aisa_standing(self) -> tuple[Policy, str]:
        return self._gateway._aisa_standing()

    def __repr__(self) -> str:
        gateway = getattr(self, "_gateway", None)
        return f"{type(self).__name__}({gateway._settings.origin if gateway is not None else 'not made'})"


def _body(
    model: str, messages: list[dict[str, Any]], options: dict[str, Any], *, streams: bool = False
) -> dict[str, Any]:
    if not isinstance(model, str) or not model.strip():
        raise ConfigurationError(f"model is the id of a model, such as 'gpt-4o', not {model!r}.")
    if options.pop("stream", streams) not in (streams, None):
        raise ConfigurationError("stream=… is no option: chat() gives the whole answer, chat_stream() its pieces.")
    fallbacks = options.pop("models", None)
    body = {"model": model, "messages": messages, **chat_options(options, also=frozenset({"models"}))}
    return body if fallbacks is None else {**body, "models": fallbacks}


def _plain(result: Result) -> dict[str, Any]:
    if result.error is not None:
        return {"success": False, "error": str(result.error)}
    return {
        "success": True,
        "response": result.response,
        "latency": result.latency,
        "tokens": result.usage.total_tokens,
        "cost": None if result.cost is None else float(result.cost),
    }
