"""What is wrong with the arguments of a chat model, in words that say what to do. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from pydantic import ValidationError

from ..chat_body import CHAT_OPTIONS
from ..errors import ConfigurationError
from ..policy import Policy

_OF_A_POLICY: Final = frozenset(part.name for part in fields(Policy))


def refuse_unknown(given: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Raise for an argument that is not known, with the one that was meant.

    Raises:
        ConfigurationError: there is one.
    """
    for name in given.keys() - known.keys():
        if name in _OF_A_POLICY:
            raise ConfigurationError(f"{name}=… belongs to a policy: policy=Policy({name}=…).")
        if name in CHAT_OPTIONS:
            raise ConfigurationError(f"{name}=… is no setting of a model: bind it, or give it to a call.")
        close = difflib.get_close_matches(name, [*known, *_OF_A_POLICY], n=1)
        meant = f" Did you mean {close[0]}=…?" if close else ""
        raise ConfigurationError(
            f"{name}=… is no argument of ChatAisa.{meant} A field of the body that is not listed here goes into "
            f"extra_body={{{name!r}: …}}."
        )


def what_is_wrong(error: ValidationError) -> str:
    """Return what pydantic found, without the values: a key may be among them in the wrong place."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, each['loc']))}=…: {each['msg']}" for each in found) + "."
