"""A call's record in a notebook: who served it, after which attempts, in what time, at what cost."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..usage import Attempt, Exchange, Usage
from . import cells, figures, html, money
from .answer import answer, ended_early
from .html import Html
from .text import plural

_MOST_ATTEMPTS: Final = 20


def exchange_html(exchange: Exchange) -> Html:
    """Return an output for one call."""
    return html.panel("Call", receipt(exchange), tried(exchange.attempts))


def reply_html(reply: Mapping[str, Any], exchange: Exchange) -> Html:
    """Return an output for a reply: its first choice's answer over the record of its call."""
    listed = reply.get("choices")
    choices = [choice for choice in listed if isinstance(choice, dict)] if isinstance(listed, list) else []
    first = choices[0] if choices else {}
    message = said if isinstance(said := first.get("message"), dict) else {}
    content = message.get("content")
    written = content if isinstance(content, str) else "" if content is None else json.dumps(content, default=repr)
    whole = 'reply["choices"][0]["message"]["content"]'
    others = len(choices) - 1
    more = html.element("div", html.quiet(f"… and {plural(others, 'choice')} more")) if others > 0 else None
    ended = ended_early(first.get("finish_reason"))
    parts = (answer(message, written, whole=whole), more, ended, receipt(exchange), tried(exchange.attempts))
    return html.panel("Reply", *parts)


def usage_html(usage: Usage) -> Html:
    """Return an output for the tokens and the cost of a reply."""
    facts = [
        ("tokens in", usage.prompt_tokens),
        ("cached", usage.cached_tokens),
        ("tokens out", usage.completion_tokens),
    ]
    known = [
        f"{name} {figures.tokens(count)}" for name, count in (*facts, ("reasoning", usage.reasoning_tokens)) if count
    ]
    left = () if usage.credits_remaining is None else (f"{money.usd(usage.credits_remaining, exact=True)} left",)
    return html.panel("Usage", summary=_dotted(*known, cells.amount(usage.cost, usage.cost_kind), *left))


def receipt(exchange: Exchange) -> Html:
    """Return a line that says who served a call, how fast and at what cost."""
    usage = exchange.usage
    who = html.code(exchange.served_by or exchange.model or "?")
    if exchange.served_by not in (None, exchange.model):
        who = html.joined(html.code(exchange.model or "?"), " → ", who)
    failed = None if exchange.error is None else html.badge("failed", "bad")
    if exchange.cached:
        saved = "" if exchange.saved is None else f", {money.usd(exchange.saved)} saved"
        cost = html.joined("$0 ", html.badge("from the cache", "good"), saved)
    else:
        cost = cells.amount(usage.cost, usage.cost_kind)
    left = None if usage.credits_remaining is None else f"{money.usd(usage.credits_remaining, exact=True)} left"
    parts = (who, failed, figures.seconds(exchange.latency), f"{figures.in_and_out(usage)} tokens", cost, left)
    return html.element("div", _dotted(*parts))


def tried(attempts: Sequence[Attempt]) -> Html | None:
    """Return the attempts of a call that took more than one, or None."""
    if len(attempts) < 2:
        return None
    steps: list[str | Html] = []
    for attempt in attempts[:_MOST_ATTEMPTS]:
        steps += [" → " if steps else "", html.code(attempt.model), " "]
        steps.append(html.badge("answered", "good") if attempt.cause is None else html.badge(_failure(attempt), "bad"))
    more = len(attempts) - _MOST_ATTEMPTS
    return html.element("div", html.quiet("attempts: ", *steps, f" … and {more} more" if more > 0 else None))


def _failure(attempt: Attempt) -> Html:
    status = "" if attempt.status is None else f"{attempt.status} "
    return html.joined(status, html.data(attempt.cause or "", limit=40))


def _dotted(*parts: str | Html | None) -> Html:
    shown = [part for part in parts if part]
    return html.joined(*[piece for part in shown for piece in (" · ", part)][1:])
