"""The reply that a stream's events amount to, for those who want an answer whole though it came in pieces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ..transport.merging import NotExact
from ..transport.replay_chat import assemble
from .text import event_text, first_choice

_OF_A_REPLY: Final = frozenset({"id", "object", "created", "model", "usage"})
_OF_A_MESSAGE: Final = frozenset(
    {"role", "content", "reasoning_content", "reasoning", "refusal", "tool_calls", "function_call"}
)


def assembled(events: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the reply that the events of a whole stream amount to.

    What can't be put together, such as an unknown field that comes with several pieces, is left out; text never is.
    """
    for pieces in (list(events), [_well_known(event) for event in events]):
        try:
            return assemble(pieces, finished=False)
        except NotExact:
            continue
    message = {"role": "assistant", "content": "".join(map(event_text, events))}
    reasons = [first_choice(event).get("finish_reason") for event in events]
    return {"choices": [{"index": 0, "message": message, "finish_reason": next(filter(None, reversed(reasons)), None)}]}


def _well_known(event: dict[str, Any]) -> dict[str, Any]:
    choices = event.get("choices")
    kept = [_choice(choice) for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []
    return {**{name: value for name, value in event.items() if name in _OF_A_REPLY}, "choices": kept}


def _choice(choice: dict[str, Any]) -> dict[str, Any]:
    delta = choice.get("delta")
    known = {name: delta[name] for name in _OF_A_MESSAGE & delta.keys()} if isinstance(delta, dict) else {}
    return {"index": choice.get("index"), "delta": known, "finish_reason": choice.get("finish_reason")}
