"""Putting pieces of JSON together, or saying that it can't be done exactly."""

from __future__ import annotations

from typing import Any


class NotExact(Exception):
    """The pieces do not say what the whole was."""


def members(value: Any) -> dict[str, Any]:
    """Return a JSON object, or {} for null; anything else is not exact."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise NotExact
    return value


def items(value: Any) -> list[Any]:
    """Return a JSON list, or [] for null; anything else is not exact."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise NotExact
    return value


def index_of(piece: dict[str, Any]) -> int:
    """Return the index of a choice or candidate; an absent one is the first (gateway notes, "Chat")."""
    index = piece.get("index")
    if index is None:
        return 0
    if isinstance(index, bool) or not isinstance(index, int):
        raise NotExact
    return index


def keep_first(whole: dict[str, Any], name: str, value: Any) -> None:
    """Keep what is said first of something that may be said otherwise with every event, such as an id."""
    if whole.get(name) is None:
        whole[name] = value


def keep_last(whole: dict[str, Any], name: str, value: Any) -> None:
    """Keep what is said last of something that grows with every event, such as usage."""
    if value is not None or name not in whole:
        whole[name] = value


def keep_same(whole: dict[str, Any], name: str, value: Any) -> None:
    """Keep something that is said once, or always alike."""
    known = whole.get(name)
    if known is None:
        whole[name] = value
    elif value is not None and (known != value or type(known) is not type(value)):
        raise NotExact


def keep_only(whole: dict[str, Any], name: str, value: Any) -> None:
    """Keep something that may be said once alone: a second time it could be a repetition or the next piece."""
    if whole.get(name) is None:
        whole[name] = value
    elif value is not None:
        raise NotExact


def append_text(whole: dict[str, Any], name: str, value: Any) -> None:
    """Append a piece of a text; null is no piece."""
    known = whole.get(name)
    if value is None:
        whole.setdefault(name, None)
    elif not isinstance(value, str):
        raise NotExact
    elif known is None:
        whole[name] = value
    elif isinstance(known, str):
        whole[name] = known + value
    else:
        raise NotExact


def append_items(whole: dict[str, Any], name: str, value: Any) -> None:
    """Append pieces of a list; null is no piece."""
    if value is None:
        whole.setdefault(name, None)
    else:
        whole[name] = [*items(whole.get(name)), *items(value)]
