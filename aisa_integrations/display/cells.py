"""Cells of figures: amounts with a badge for whose word it is, bars that compare what stands in a column."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from . import html, money
from .html import Html

if TYPE_CHECKING:
    from ..intervals import Interval


def amount(cost: Decimal | None, kind: str | None) -> Html:
    """Return an amount with a badge that says by whose word it is; `unknown` where there is none."""
    if cost is None:
        return html.badge("unknown", "warning")
    return html.joined(money.usd(cost), " ", html.badge(kind, "plain")) if kind else html.joined(money.usd(cost))


def with_bar(shown: str | Html, value: float | Decimal | None, largest: float | Decimal | None) -> Html:
    """Return a figure over a bar of its share of the largest in its column."""
    if value is None or not largest:
        return html.joined(shown)
    return html.joined(shown, html.bar(float(value) / float(largest), "accent"))


def interval(figure: Interval, write: Callable[[float], str] = "{:.3g}".format) -> Html:
    """Return a figure and, set back, the range that it may as well have had."""
    if figure.low is None or figure.high is None:
        return html.joined(write(figure.estimate))
    return html.joined(write(figure.estimate), " ", html.quiet(f"{write(figure.low)} to {write(figure.high)}"))
