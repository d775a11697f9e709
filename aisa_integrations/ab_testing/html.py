"""What an A/B test found, in a notebook: a column for each model, clear differences to the first marked. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ..display import cells, html, money
from ..display.html import Html
from ..display.text import plural
from ..intervals import Interval

if TYPE_CHECKING:
    from .summary import ABSummary, Arm

_MOST: Final = 12  # models beside each other


def summary_html(summary: ABSummary, labels: Sequence[tuple[str, str, str]]) -> Html:
    """Return the output of a summary.

    Args:
        summary: of the rows.
        labels: name, words and unit of each figure, in the order in which to show them.
    """
    arms = list(summary.values())[:_MOST]
    rows: list[Sequence[str | Html]] = [
        ("calls", *map(_calls, arms)),
        ("cost", *(money.total(arm.billed, arm.estimated, arm.unknown) for arm in arms)),
    ]
    for name, label, unit in labels:
        if any(arm.figures[name] is not None for arm in arms):
            rows.append((label, *(_figure(arm, name, _WRITTEN.get(unit, _number)) for arm in arms)))
    headings = ["", *[html.code(arm.model) for arm in arms]]
    more = len(summary) - len(arms)
    left_out = (
        html.quiet(f"… and {plural(more, 'model')} more: ", html.code("summary.to_pandas()")) if more > 0 else None
    )
    return html.panel(
        f"A/B test of {plural(len(summary), 'model')}",
        html.table(headings, rows, right=frozenset(range(1, len(headings)))) if arms else None,
        left_out,
        html.element("div", html.quiet("Below a figure: by how much it exceeds the first model's."))
        if arms[1:]
        else None,
        summary=f"{plural(len(summary.rows), 'call')} · intervals of {summary.confidence:.0%}",
    )


def _calls(arm: Arm) -> Html:
    parts: list[str | Html | None] = [f"{arm.calls:,}"]
    parts += [" ", html.badge(f"{arm.failed:,} failed", "bad")] if arm.failed else []
    others = ((arm.cancelled, "cancelled"), (arm.elsewhere, "answered by another id"), (arm.cached, "from a cache"))
    said = ", ".join(f"{count:,} {word}" for count, word in others if count)
    return html.joined(*parts, html.element("div", html.quiet(said)) if said else None)


def _figure(arm: Arm, name: str, write: Callable[[float], str]) -> Html:
    figure, difference = arm.figures[name], (arm.differences or {}).get(name)
    if figure is None:
        return html.joined("?")
    return html.joined(cells.interval(figure, write), None if difference is None else _against(difference, write))


def _against(difference: Interval, write: Callable[[float], str]) -> Html:
    def signed(value: float) -> str:
        return f"{'+' if value > 0 else ''}{write(value)}"

    told = 0 not in difference
    return html.element("div", cells.interval(difference, signed), " ", html.badge("clear", "accent") if told else None)


def _number(value: float) -> str:
    return f"{value:.3g}"


_WRITTEN: Final[dict[str, Callable[[float], str]]] = {
    "USD": lambda value: money.usd(Decimal(repr(value))),
    "s": lambda value: f"{value:.3g} s",
    "%": lambda value: f"{value:.1%}",
}
