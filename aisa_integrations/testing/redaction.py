"""Taking keys out of what is written down: those that this process knows, and whatever looks like one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

from ..settings import known_keys

# Bearer keys of this gateway and its like, and Google's.
_LIKE_A_KEY: Final = r"\bsk-[\w-]{16,}|\bAIza[\w-]{30,}"
_IN_ITS_PLACE: Final = "[the key]"


def keys_in(text: str) -> list[str]:
    """Return the keys that stand in a text."""
    return _keys().findall(text)


def without_keys(text: str) -> str:
    """Return a text with another word in place of each key."""
    return _keys().sub(_IN_ITS_PLACE, text)


def body_without_keys(body: bytes) -> bytes:
    """Return a body with another word in place of each key, one that a stream tells in pieces too."""
    # Every byte has its character in this one, so that what is no text comes out as it was.
    whole = without_keys(body.decode("latin-1")).encode("latin-1")
    return _stream_without_keys(whole) if b"data:" in whole else whole


def _keys() -> re.Pattern[str]:
    known = sorted(known_keys(), key=len, reverse=True)
    # As it is, in a URL, in JSON.
    forms = dict.fromkeys(form for key in known for form in (key, quote(key, safe=""), json.dumps(key)[1:-1]))
    return re.compile("|".join([*map(re.escape, forms), _LIKE_A_KEY]), re.ASCII)


def _stream_without_keys(body: bytes) -> bytes:
    """Return a stream in which no key is told in pieces: what its chunks say together is then said by the first."""
    lines = body.split(b"\n")
    events = {place: event for place, line in enumerate(lines) if (event := _event(line)) is not None}
    said: dict[tuple[Any, ...], list[_Text]] = {}
    for place, event in events.items():
        for path, holder, name in _texts(event, ()):
            said.setdefault(path, []).append((place, holder, name))
    changed: set[int] = set()
    for texts in said.values():
        told = "".join(holder[name] for _, holder, name in texts)
        if (clean := without_keys(told)) == told:
            continue
        for place, holder, name in texts:
            holder[name], clean = clean, ""
            changed.add(place)
    for place in changed:
        ending = b"\r" if lines[place].endswith(b"\r") else b""
        lines[place] = b"data: " + json.dumps(events[place], ensure_ascii=False).encode() + ending
    return b"\n".join(lines)


_Text = tuple[int, Any, Any]


def _event(line: bytes) -> Any:
    if not line.startswith(b"data:"):
        return None
    try:
        return json.loads(line.removeprefix(b"data:"))
    except ValueError:
        return None


def _texts(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any, Any]]:
    """Yield every text of an event: the path that it shares with its continuation, its holder, its name in there."""
    if isinstance(value, dict):
        parts = [(name, name, inner) for name, inner in value.items()]
    elif isinstance(value, list):
        # One of several choices or tool calls says which it is.
        parts = [
            (place, inner.get("index", place) if isinstance(inner, dict) else place, inner)
            for place, inner in enumerate(value)
        ]
    else:
        return
    for name, shared, inner in parts:
        if isinstance(inner, str):
            yield (*path, shared), value, name
        else:
            yield from _texts(inner, (*path, shared))
