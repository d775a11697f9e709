"""Short names of values that are the same in every process, so that a later run knows what an earlier one did."""

from __future__ import annotations

import json
from collections.abc import Set
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from hashlib import blake2b
from pathlib import PurePath
from types import CodeType
from typing import Any
from uuid import UUID


class NotTold(TypeError):
    """Tell that a value of some kind can't be told from another one of its kind in another process."""


def digest(value: object, *, strictly: bool = True) -> str:
    """Return 32 hexadecimal digits for a value that is made of what JSON has, dates, amounts and the like.

    Args:
        value: to be named.
        strictly: raise for what can't be told apart; else it counts by its type alone.

    Raises:
        NotTold: the value holds something that has no lasting form.
    """
    plain = _plain if strictly else _plain_or_type
    try:
        written = json.dumps(value, sort_keys=True, separators=(",", ":"), default=plain)
    except NotTold:
        raise
    except (TypeError, ValueError, RecursionError):
        # Keys that can't be sorted or written, or a value that holds itself.
        if strictly:
            raise NotTold("a dict whose keys are no texts, or a value that holds itself") from None
        written = f"type:{type(value).__qualname__}"
    return blake2b(written.encode(), digest_size=16).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, (Decimal, UUID, PurePath, timedelta)):
        return f"{type(value).__name__}:{value}"
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"bytes:{blake2b(value, digest_size=16).hexdigest()}"
    if isinstance(value, Set):
        return sorted(value, key=repr)
    for form in ("tolist", "item"):  # of numpy's arrays and numbers
        if callable(getattr(value, form, None)):
            return getattr(value, form)()
    raise NotTold(f"a {type(value).__name__}")


def _plain_or_type(value: Any) -> Any:
    try:
        return _plain(value)
    except NotTold:
        return f"type:{type(value).__qualname__}"


def digest_of_function(function: Any) -> str:
    """Return a digest that changes when the function's own code does; what it calls or closes over is not seen."""
    code = getattr(function, "__code__", None)
    if code is None:  # an object that is called
        code = getattr(getattr(type(function), "__call__", None), "__code__", None)  # noqa: B004
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return digest([name, None if code is None else _of_code(code)])


def _of_code(code: CodeType) -> list[Any]:
    # Not its file and lines: in a notebook they are new each time.
    constants = [
        _of_code(one)
        if isinstance(one, CodeType)
        else sorted(map(repr, one))
        if isinstance(one, frozenset)
        else repr(one)
        for one in code.co_consts
    ]
    return [code.co_code.hex(), constants, list(code.co_names)]
