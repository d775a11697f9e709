"""The body of a chat call from what a person writes: a model, a text or messages, and options. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from .errors import ConfigurationError
from .policy import Policy

# What the gateway documents beside OpenAI's own fields: how models are told to think.
_THINKING: Final = frozenset({"enable_thinking", "thinking", "thinking_budget"})
CHAT_OPTIONS: Final = _THINKING | {
    *("audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs", "max_completion_tokens"),
    *("max_tokens", "metadata", "modalities", "moderation", "n", "parallel_tool_calls", "prediction"),
    *(
        "presence_penalty",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "seed",
        "service_tier",
        "stop",
    ),
    *("store", "stream_options", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity"),
    "web_search_options",
}
_OF_A_CLIENT: Final = frozenset({"api_key", "base_url", "fallbacks", "max_retries", "network", "policy", "timeout"})
_OF_A_POLICY: Final = frozenset(part.name for part in fields(Policy))

Messages = Sequence[Mapping[str, Any]]


def chat_messages(messages: str | Messages, system: str | None = None) -> list[dict[str, Any]]:
    """Return messages from a text, or from messages, with a system message before them.

    Args:
        messages: what the user says, or a list of messages as the gateway takes them.
        system: what the model is told first; None for nothing.

    Raises:
        ConfigurationError: there is nothing to send, or it is not of these forms.
    """
    if isinstance(messages, str):
        said: list[dict[str, Any]] = [{"role": "user", "content": messages}] if messages.strip() else []
    elif isinstance(messages, (Mapping, bytes)) or not isinstance(messages, Sequence):
        raise ConfigurationError(f"messages is a text or a list of messages, not {type(messages).__name__}.")
    else:
        said = [dict(message) for message in messages if isinstance(message, Mapping)]
        if len(said) < len(messages):
            raise ConfigurationError('each message is a dict such as {"role": "user", "content": "Hello"}.')
    if not said:
        raise ConfigurationError("there is no message: give a text, or at least one message.")
    if system is None:
        return said
    if not isinstance(system, str):
        raise ConfigurationError(f"system is a text, not {type(system).__name__}.")
    if any(message.get("role") in ("system", "developer") for message in said):
        raise ConfigurationError("system=… was given beside a system message: give one of the two.")
    return [{"role": "system", "content": system}, *said]


def chat_options(options: Mapping[str, Any], *, also: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return the fields that options stand for; what is None is left out.

    Args:
        options: fields of the body, and `extra_body`, a dict of those that are not known here.
        also: names that the caller takes beside those of `CHAT_OPTIONS`, for the hint of an error.

    Raises:
        ConfigurationError: an option that is not known, so that a slip of the pen is not sent.
    """
    extra = options.get("extra_body")
    if extra is not None and not isinstance(extra, Mapping):
        raise ConfigurationError(f"extra_body is a dict of further fields, not {type(extra).__name__}.")
    for name in options:
        if name not in CHAT_OPTIONS and name != "extra_body":
            raise ConfigurationError(_unknown(name, also))
    known = {name: value for name, value in options.items() if value is not None and name != "extra_body"}
    extra = dict(extra or {})
    if taken := sorted({"messages", "model", "models", "stream"} & extra.keys()):
        raise ConfigurationError(
            f"extra_body can't hold {', '.join(taken)}: each has an argument or a method of its own."
        )
    return {**known, **extra}


def _unknown(name: str, also: frozenset[str]) -> str:
    if name in _OF_A_CLIENT:
        return f"{name}=… is a setting of the client, and no option of a chat."
    if name == "system":
        return 'system=… is no option here: begin with a message {"role": "system", "content": …}.'
    if name in _OF_A_POLICY:
        return f"{name}=… belongs to a policy: policy=Policy({name}=…)."
    close = difflib.get_close_matches(name, CHAT_OPTIONS | also | _OF_A_POLICY, n=1)
    meant = f" Did you mean {close[0]}=…?" if close else ""
    return f"{name}=… is no option of a chat.{meant} What is not listed here goes into extra_body={{{name!r}: …}}."
