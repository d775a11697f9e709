"""How a policy stands, in a notebook: the budget, the models that cool down, the pace of the key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from . import figures, html, money
from .html import Html

if TYPE_CHECKING:
    from ..budget import BudgetState
    from ..cooldown import Cooling
    from ..pacing import PacingState

_MOST_COOLING: Final = 50


def standing_html(cooling: Sequence[Cooling], budget: BudgetState | None, limits: PacingState | None) -> Html:
    """Return an output for what a policy remembers between calls."""
    lines = [_budget(budget), _limits(limits)]
    if not cooling:
        return html.panel("State", *lines, _line("cooling down", "no model"))
    rows = [
        (html.code(one.model), figures.seconds(one.seconds_left), f"{one.failures:,}", html.data(one.cause))
        for one in cooling[:_MOST_COOLING]
    ]
    table = html.table(("cooling down", "for", "failures", "cause of the last"), rows, right=frozenset({1, 2}))
    more = len(cooling) - len(rows)
    return html.panel("State", *lines, table, html.quiet(f"… and {more:,} more") if more else None)


def _budget(budget: BudgetState | None) -> Html:
    if budget is None:
        return _line("budget", "none")
    sums = (
        f"{money.usd(budget.spent)} spent",
        f"{money.usd(budget.reserved)} reserved",
        f"{money.usd(budget.remaining)} left",
    )
    said = f"{', '.join(sums)} of {money.usd(budget.limit)} a {budget.per}" + (
        f" ({budget.day} UTC)" if budget.day else ""
    )
    used = float((budget.spent + budget.reserved) / budget.limit) if budget.limit else 1.0
    overrun = html.joined(" ", html.badge("a bill was above its reservation", "bad")) if budget.overrun else None
    bar = html.element("div", html.bar(used, "bad" if used >= 1 else "accent"), style="max-width:320px")
    return html.joined(_line("budget", said, overrun), bar)


def _limits(limits: PacingState | None) -> Html:
    if limits is None:
        return _line("limits", "none")
    minute = "" if limits.requests_per_minute is None else f" of {limits.requests_per_minute:,}"
    at_once = "" if limits.at_once is None else f" of {limits.at_once:,}"
    said = f"{limits.started:,}{minute} requests within the last minute, {limits.under_way:,}{at_once} under way"
    return _line("limits", said)


def _line(name: str, *said: str | Html | None) -> Html:
    return html.element("div", html.quiet(f"{name}: "), *said)
