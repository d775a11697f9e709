"""A route's decision in a notebook: who is asked, in which order, and what spoke against the others."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ..display import html, money
from ..display.html import Html
from ..display.text import plural

if TYPE_CHECKING:
    from .decision import Candidate, RouteDecision

_MOST: Final = 60


def decision_html(decision: RouteDecision) -> Html:
    """Return an output: the chain in a line, and a row for each model that was looked at."""
    steps = [piece for model in decision.chain[:_MOST] for piece in (", then ", html.code(model))][1:]
    chain = html.joined("→ ", *steps) if steps else html.badge("nothing is left", "bad")
    shown = decision.candidates[:_MOST]
    headings = ("", "model", "developer", "in $/1M", "out $/1M", "window", "this call, estimated", "why")
    table = html.table(headings, map(_row, shown), right=frozenset({3, 4, 5, 6})) if shown else None
    more = len(decision.candidates) - len(shown)
    left_out = html.quiet(f"… and {plural(more, 'model')} more: ", html.code("decision.to_pandas()")) if more else None
    return html.panel(
        html.code(decision.route),
        html.element("div", chain),
        html.element("div", html.quiet(html.data(decision.reason, limit=500))),
        table,
        left_out,
        summary=html.data(decision.rule),
    )


def _row(candidate: Candidate) -> Sequence[str | Html]:
    cost = candidate.estimated_cost
    return (
        "✓" if candidate.kept else html.quiet("·"),
        html.code(candidate.model),
        html.data(candidate.developer or "?"),
        _number(candidate.input_usd_per_1m),
        _number(candidate.output_usd_per_1m),
        "?" if candidate.context_tokens is None else f"{candidate.context_tokens:,}",
        html.badge("unknown", "warning") if cost is None else f"≤ {money.usd(cost)}",
        html.data(candidate.why) if candidate.kept else html.quiet(html.data(candidate.why)),
    )


def _number(price: Decimal | None) -> str:
    return "?" if price is None else f"{price:f}"
