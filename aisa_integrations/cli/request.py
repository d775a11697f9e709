"""The chat body that a command line asks for."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import ConfigurationError


def piped_text() -> str:
    """Return what is piped or redirected into stdin, decoded, or nothing where a person sits there.

    Raises:
        ConfigurationError: it is no text.
    """
    stream = sys.stdin
    if stream is None or stream.closed or stream.isatty():
        return ""
    try:
        mode = stat.S_IFMT(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):
        return stream.read()  # no file behind it: a test's, or a notebook's
    if mode == stat.S_IFCHR:
        return ""  # /dev/null, as under cron
    try:
        text = stream.read()
        text.encode()  # in UTF-8 mode what is no text comes as lone surrogates
        return text
    except UnicodeError:
        raise ConfigurationError("stdin holds something else than text; for images there is `aisa vision`.") from None


def joined(message: str | None, piped: str) -> str:
    """Return one message of what was given as an argument and what was piped in."""
    return "\n\n".join(part for part in (message or "", piped.rstrip("\n")) if part.strip())


def parse_messages(text: str) -> list[dict[str, Any]]:
    """Read `--messages`.

    Raises:
        ConfigurationError: it is no JSON list of messages.
    """
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"--messages is no JSON: {error}.") from None
    if not isinstance(found, list) or not found or not all(map(_is_message, found)):
        raise ConfigurationError('--messages is a JSON list such as [{"role": "user", "content": "Hello"}].')
    return found


def _is_message(one: object) -> bool:
    return isinstance(one, dict) and isinstance(one.get("role"), str)


def chat_body(
    model: str,
    messages: Sequence[Mapping[str, Any]],
    *,
    system: str | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
) -> dict[str, Any]:
    """Return the body to send; what was not given is left to the gateway.

    Raises:
        ConfigurationError: for a value that no model takes.
    """
    if temperature is not None and not 0 <= temperature <= 2:
        raise ConfigurationError(f"--temperature goes from 0 to 2, not {temperature:g}.")
    if max_tokens is not None and max_tokens < 1:
        raise ConfigurationError(f"--max-tokens is 1 or more, not {max_tokens}.")
    told = [{"role": "system", "content": system}] if system else []
    options = {"temperature": temperature, "max_tokens": max_tokens}
    return {
        "model": model,
        "messages": [*told, *messages],
        **{name: value for name, value in options.items() if value is not None},
    }
