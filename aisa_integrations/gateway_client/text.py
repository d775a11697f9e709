"""The text of replies and events, as the gateway's dicts hold it. Reasoning, refusals and tool calls are no text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def first_choice(reply: Mapping[str, Any]) -> dict[str, Any]:
    """Return the choice with index 0 of a reply or an event; an absent index is 0. Empty where there is none."""
    choices = reply.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and not choice.get("index"):
            return choice
    return {}


def reply_text(reply: Mapping[str, Any]) -> str:
    """Return what the first choice of a reply says."""
    return _content(first_choice(reply).get("message"))


def event_text(event: Mapping[str, Any]) -> str:
    """Return what an event of a stream adds to the first choice's text."""
    return _content(first_choice(event).get("delta"))


def _content(message: object) -> str:
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else ()
    texts = (part.get("text") for part in parts if isinstance(part, dict))
    return "".join(text for text in texts if isinstance(text, str))
