"""An answer of a model in a box: its text, and what it said beside text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from . import html
from .html import Html

# What users should see at a glance: an answer that ended so is not the whole of it, or is none.
_ENDED_EARLY: Final[Mapping[str, str]] = {
    "length": "cut off at max_tokens",
    "content_filter": "cut off by a content filter",
}
_REASONING: Final = ("reasoning_content", "reasoning")
_MOST_CALLS: Final = 10


def answer(message: Mapping[str, Any] | None, written: str, *, whole: str, **bounds: Any) -> Html:
    """Return what a model answered: text, refusal and tool calls; reasoning folded away.

    Args:
        message: the whole message, or None where there is only text.
        written: the text of the answer.
        whole: the Python expression of that text.
        bounds: how much of it is in the page, as `html.text` takes them.
    """
    message = message or {}
    parts = [_reasoning(message), *_calls(message.get("tool_calls"))]
    if isinstance(refusal := message.get("refusal"), str) and refusal:
        parts.append(html.joined(html.badge("refused", "warning"), " ", html.data(refusal, limit=1_000)))
    if written:
        parts.append(html.text(written, whole=whole, **bounds))
    return html.joined(*parts) if any(parts) else html.quiet("an empty answer")


def ended_early(finish_reason: str | None) -> Html | None:
    """Return a badge for an answer that is not whole, or None."""
    said = _ENDED_EARLY.get(finish_reason or "")
    return None if said is None else html.badge(said, "warning")


def _reasoning(message: Mapping[str, Any]) -> Html | None:
    said = next((said for name in _REASONING if isinstance(said := message.get(name), str) and said), None)
    if said is None:
        return None
    shown = html.quiet(html.element("div", html.data(said, limit=2_000), style="white-space:pre-wrap"))
    summary = html.element("summary", html.quiet("reasoning"), style="cursor:pointer")
    return html.element("details", summary, shown)


def _calls(calls: Any) -> list[Html]:
    listed = calls if isinstance(calls, list) else []
    shown = [html.element("div", "calls ", html.code(_call(call), limit=500)) for call in listed[:_MOST_CALLS]]
    more = len(listed) - len(shown)
    return [*shown, html.element("div", html.quiet(f"… and {more} more"))] if more else shown


def _call(call: Any) -> str:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        return json.dumps(call, ensure_ascii=False, default=repr)
    arguments = function.get("arguments")
    return f"{function.get('name')}({arguments if isinstance(arguments, str) else json.dumps(arguments)})"
