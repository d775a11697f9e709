"""Fields of a stream that nobody knows beforehand, put together from their pieces without ever failing. Pure."""

from __future__ import annotations

from typing import Any, Final

_SAID_AGAIN: Final = frozenset({"id", "index", "type", "format", "name", "role"})


def gather(whole: dict[str, Any], name: str, piece: Any) -> None:
    """Add a piece of a field: texts and lists grow, objects do so member by member, of anything else the last holds."""
    known = whole.get(name)
    if piece is None:
        whole.setdefault(name, None)
    elif isinstance(known, str) and isinstance(piece, str) and name not in _SAID_AGAIN:
        whole[name] = known + piece
    elif isinstance(known, list) and isinstance(piece, list):
        whole[name] = [*known, *piece]
    elif isinstance(known, dict) and isinstance(piece, dict):
        whole[name] = dict(known)
        for inner, value in piece.items():
            gather(whole[name], inner, value)
    else:
        whole[name] = piece
