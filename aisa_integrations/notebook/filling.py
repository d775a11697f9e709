"""The notebook's variables in what a cell says. Nothing is put into a prompt that was not named for it: JSON and code
are full of braces and dollars. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..errors import ConfigurationError

_VARIABLE: Final = re.compile(r"\{([^\W\d]\w*)\}|\$([^\W\d]\w*)")


def with_variables(words: Iterable[str], namespace: Mapping[str, Any]) -> list[str]:
    """Return words in which each `{name}` or `$name` that stands alone, or as an option's value, is that variable.

    A list stands for several words, or after an option for `a,b`.

    Raises:
        ConfigurationError: there is no such variable, or it holds nothing that a line can say.
    """
    found: list[str] = []
    for word in words:
        option, equals, rest = word.partition("=") if word.startswith("--") else ("", "", word)
        named = _VARIABLE.fullmatch(rest)
        if named is None:
            found.append(word)
            continue
        said = _texts(named[1] or named[2], namespace)
        if not equals and found and found[-1].startswith("-") and "=" not in found[-1]:
            option, equals = found.pop(), "="
        if equals:
            # As one word, so that a text which begins with a dash is no option.
            found.append(f"{option}={','.join(said)}" if option.startswith("--") else f"{option}{','.join(said)}")
        else:
            found += said
    return found


def filled(texts: tuple[str, str | None], names: Iterable[str], namespace: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return a prompt and a system text with the named variables in place of `{name}`, and all else as it is.

    Raises:
        ConfigurationError: there is no such variable, or no text says its name.
    """
    values = {name: str(_value(name, namespace)) for name in names}
    if not values:
        return texts
    for name in values:
        if not any(f"{{{name}}}" in (text or "") for text in texts):
            raise ConfigurationError(f"--fill {name}: neither the prompt nor --system says {{{name}}}.")
    # In one pass: what is put in is not looked at again.
    places = re.compile("|".join(re.escape(f"{{{name}}}") for name in values))

    def put(found: re.Match[str]) -> str:
        return values[found[0][1:-1]]

    prompt, system = texts
    return places.sub(put, prompt), None if system is None else places.sub(put, system)


def _value(name: str, namespace: Mapping[str, Any]) -> Any:
    if name not in namespace:
        raise ConfigurationError(f"There is no variable {name}.")
    return namespace[name]


def _texts(name: str, namespace: Mapping[str, Any]) -> list[str]:
    value = _value(name, namespace)
    said = list(value) if isinstance(value, (list, tuple)) else [value]
    if not said or not all(isinstance(one, (str, int, float)) for one in said):
        raise ConfigurationError(
            f"{name} is {type(value).__name__}; a text, a number or a list of texts can stand here."
        )
    return [str(one) for one in said]
