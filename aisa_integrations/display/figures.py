"""Cells of figures: seconds, tokens, amounts, each with a bar that compares it with those above and below."""

from __future__ import annotations

from decimal import Decimal

from ..usage import Usage
from . import html, money
from .html import Html


def seconds(value: float | None) -> str:
    """Write seconds: `0.45 s`; nothing where there are none."""
    return "" if value is None else f"{value:,.2f} s"


def tokens(count: int | None) -> str:
    """Write a number of tokens, `?` where it is not known."""
    return "?" if count is None else f"{count:,}"


def in_and_out(usage: Usage) -> str:
    """Write the tokens of a call: `1,200 → 45`, nothing where none are known."""
    if usage.prompt_tokens is None and usage.completion_tokens is None:
        return "?"
    return f"{tokens(usage.prompt_tokens)} → {tokens(usage.completion_tokens)}"


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
