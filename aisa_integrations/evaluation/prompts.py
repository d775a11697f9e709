"""What is asked about a row: a text or messages with `{field}` in them, or a function of the row. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from string import Formatter
from typing import Any, Final

from ..chat_body import Messages
from ..errors import ConfigurationError
from .digests import digest_of_function
from .rows import PROMPT

Prompt = str | Messages | Callable[[Mapping[str, Any]], str | Messages]
Written = Callable[[Mapping[str, Any]], str | Messages]

_FORMATTER: Final = Formatter()


def compiled(prompt: Prompt | None) -> Written:
    """Return a function that writes the prompt of a row.

    What is in the data is put in as it is: braces in it stay braces.

    Args:
        prompt: a text or messages whose texts may hold `{field}`, a function of the row, or None for the row's own
            `prompt` or `messages`.

    Raises:
        ConfigurationError: it is none of these, or no format.
    """
    if prompt is None:
        return _own_prompt
    if callable(prompt):
        return prompt
    if isinstance(prompt, str):
        _check_format(prompt)
        return lambda row: _filled(prompt, row)
    if isinstance(prompt, Sequence) and prompt and all(isinstance(message, Mapping) for message in prompt):
        _in_texts(prompt, _check_format)
        return lambda row: _in_texts(prompt, lambda text: _filled(text, row))
    raise ConfigurationError(
        f"prompt is a text such as 'Translate: {{text}}', messages, or a function of a row, not {prompt!r}."
    )


def described(prompt: Prompt | None) -> Any:
    """Return the prompt as a results file tells it."""
    if callable(prompt):
        return {"function": getattr(prompt, "__qualname__", repr(type(prompt))), "code": digest_of_function(prompt)}
    return prompt


def _own_prompt(row: Mapping[str, Any]) -> str | Messages:
    for name in (PROMPT, "messages"):
        if row.get(name) is not None:
            own: str | Messages = row[name]
            return own
    raise ConfigurationError(
        f"the row has neither a `prompt` nor `messages`, but {_names(row)}: say what to ask with prompt=…."
    )


def _in_texts(value: Any, change: Callable[[str], Any]) -> Any:
    """Return messages with each text of their contents changed; roles, types and ids stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {
            key: _in_texts(part, change) if key in ("content", "text", "url", "image_url") else part
            for key, part in value.items()
        }
    if isinstance(value, Sequence):
        return [_in_texts(part, change) for part in value]
    return value


def _check_format(text: str) -> None:
    try:
        fields = [name for _, name, _, _ in _FORMATTER.parse(text) if name is not None]
    except ValueError as error:
        raise ConfigurationError(
            f"prompt is no format: {error}. A brace that is meant is doubled: {{{{ or }}}}."
        ) from None
    if any(name == "" or name.isdecimal() for name in fields):
        raise ConfigurationError("prompt has a {} without a name: {field} puts the row's field in, {{}} means braces.")


def _filled(text: str, row: Mapping[str, Any]) -> str:
    parts = []
    for literal, name, form, conversion in _FORMATTER.parse(text):
        parts.append(literal)
        if name is not None:
            value = _FORMATTER.convert_field(_found(name, row), conversion)
            parts.append(format(value, form) if form else _text(value))
    return "".join(parts)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, (dict, list)) else str(value)


def _found(name: str, row: Mapping[str, Any]) -> Any:
    value = row[name] if name in row else _nested(name, row)
    if value is None or (isinstance(value, float) and value != value):  # not a number: pandas' gap
        raise ConfigurationError(f"the field {name!r}, which the prompt asks for, is empty in this row.")
    return value


def _nested(name: str, row: Mapping[str, Any]) -> Any:
    value: Any = row
    for step in name.split("."):
        if not isinstance(value, Mapping) or step not in value:
            raise ConfigurationError(
                f"the prompt asks for {{{name}}}, and the row has {_names(row)}. "
                "A brace that is meant is doubled: {{ or }}."
            )
        value = value[step]
    return value


def _names(row: Mapping[str, Any]) -> str:
    return ", ".join(row) or "no field"
