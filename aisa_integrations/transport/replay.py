"""A whole reply from the events of a stream, and the events that a whole reply would have come in: pure.

So that a cache can answer plain and streaming calls from one entry. What can't be put together exactly is not put
together at all: `assemble` returns None, and nothing is stored.
"""

from __future__ import annotations

from typing import Any

from . import replay_chat, replay_gemini
from .merging import NotExact
from .surfaces import Surface


def assemble(events: list[dict[str, Any]], surface: Surface) -> dict[str, Any] | None:
    """Return the plain reply that a complete stream amounts to, or None where that can't be said exactly.

    Args:
        events: the JSON of every event in order, those with usage too, without `[DONE]`; they are not changed.
        surface: whose shape they have; only chat and Gemini's can be assembled.
    """
    try:
        if surface is Surface.CHAT:
            return replay_chat.assemble(events)
        if surface is Surface.GEMINI:
            return replay_gemini.assemble(events)
    except NotExact:
        pass
    return None


def as_events(reply: dict[str, Any], surface: Surface, include_usage: bool) -> list[dict[str, Any]]:
    """Return the events that a plain reply would have come in, without `[DONE]`.

    Args:
        reply: a complete good answer; it is not changed.
        surface: whose shape it has: chat or Gemini's.
        include_usage: whether the caller asked for usage in the stream; Gemini always has it.
    """
    if surface is Surface.CHAT:
        return replay_chat.as_events(reply, include_usage)
    if surface is Surface.GEMINI:
        return replay_gemini.as_events(reply)
    raise ValueError(f"replies of {surface.value} are not replayed as a stream")
