"""A comparison in a notebook: a table of figures, and the answers side by side below it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ..display import cells, figures, html, money
from ..display.answer import answer, ended_early
from ..display.exchange import tried
from ..display.html import Html
from ..display.text import plural
from ..tracking import Spend

if TYPE_CHECKING:
    from .result import Result

_MOST_ROWS: Final = 60
_MOST_ANSWERS: Final = 24
_CHARACTERS: Final = 100_000  # of all the answers together that are in the page, beyond their beginnings


def comparison_html(results: Sequence[Result], spend: Spend, name: str = "comparison") -> Html:
    """Return the output of a whole comparison, which is in the variable of that name."""
    answered = sum(result.ok for result in results)
    failed = len(results) - answered
    counts = [f"{answered} answered", *([f"{failed} failed"] if failed else [])]
    cost = money.total(spend.billed, spend.estimated, spend.unknown)
    shown = results[:_MOST_ANSWERS]
    share = min(20_000, _CHARACTERS // max(len(shown), 1))
    cards = [
        html.card(_title(result), _content(result, f"{name}[{result.model!r}].response", share)) for result in shown
    ]
    more = len(results) - len(shown)
    left_out = html.quiet(f"… and {plural(more, 'answer')} more, which are left out here.") if more else None
    return html.panel(
        f"Comparison of {plural(len(results), 'model')}",
        _figures(results) if results else None,
        html.side_by_side(cards) if cards else None,
        left_out,
        summary=" · ".join([", ".join(counts), cost]),
    )


def result_html(result: Result) -> Html:
    """Return the output of one result."""
    table = _figures([result])
    return html.panel(_title(result), table, _content(result, "result.response", 20_000))


def _title(result: Result) -> Html:
    state = None if result.ok else html.badge("failed", "bad")
    badges = [html.joined(" ", badge) for badge in (state, ended_early(result.finish_reason)) if badge]
    return html.joined(html.code(result.model), *badges)


def _content(result: Result, whole: str, unfolded: int) -> Html:
    if result.error is None:
        return html.joined(
            answer(result.message, result.response, whole=whole, unfolded=unfolded), tried(result.attempts)
        )
    said = html.joined(f"{type(result.error).__name__}: ", html.data(str(result.error), limit=1_000))
    return html.joined(html.element("div", said), tried(result.attempts))


def _figures(results: Sequence[Result]) -> Html:
    shown = results[:_MOST_ROWS]
    # One alone has nothing to be compared with.
    slowest = max(result.latency for result in shown) if len(shown) > 1 else None
    dearest = max((result.cost or 0 for result in shown), default=None) if len(shown) > 1 else None
    # A plain reply comes whole: its first content came with the rest.
    streamed = any(result.ttft is not None and result.latency - result.ttft > 0.005 for result in shown)
    headings = ("model", "time", *(["first token"] if streamed else []), "tokens in → out", "cost")
    rows = []
    for result in shown:
        time = cells.with_bar(figures.seconds(result.latency), result.latency, slowest)
        first = [figures.seconds(result.ttft)] if streamed else []
        used = figures.in_and_out(result.usage) if result.ok else ""
        cost = cells.with_bar(_cost(result), result.cost, dearest)
        rows.append((_who(result), time, *first, used, cost))
    more = len(results) - len(shown)
    left_out = (
        html.quiet(f"… and {plural(more, 'model')} more: ", html.code("comparison.to_pandas()")) if more else None
    )
    return html.joined(html.table(headings, rows, right=frozenset(range(1, len(headings)))), left_out)


def _cost(result: Result) -> Html:
    if result.ok:
        return cells.amount(result.cost, result.usage.cost_kind)
    # A failure has no bill of its own; the requests that it took may have one each.
    costs = [attempt.cost for attempt in result.attempts]
    known = [cost for cost in costs if cost is not None]
    return cells.amount(None if len(known) < len(costs) else sum(known, Decimal(0)), "billed" if any(known) else None)


def _who(result: Result) -> Html:
    by = None
    if result.served_by not in (None, result.model):
        by = html.joined(" ", html.quiet("answered by "), html.code(result.served_by or ""))
    return html.joined(
        html.code(result.model), by, None if result.ok else html.joined(" ", html.badge("failed", "bad"))
    )
