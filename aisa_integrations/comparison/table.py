"""A comparison as plain text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from ..routing.caps import usd
from ..tracking import Spend

if TYPE_CHECKING:
    from .result import Result

_WIDTH: Final = 60  # characters of an answer or an error in a line


def described(results: Sequence[Result], spend: Spend) -> str:
    """Return a line for each model, aligned, under one that sums up."""
    answered = sum(result.ok for result in results)
    title = (
        f"Comparison of {len(results)} model{'' if len(results) == 1 else 's'}: {answered} answered, {_total(spend)}"
    )
    cells = [_cells(result) for result in results]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)][:-1]
    lines = ["  ".join([*map(str.ljust, line, widths), line[-1]]).rstrip() for line in cells]
    return "\n".join([f"<{title}>", *lines])


def _cells(result: Result) -> tuple[str, ...]:
    seconds, usage = f"{result.latency:.2f} s", result.usage
    if result.error is not None:
        return (result.model, "failed", seconds, "", "", _in_a_line(f"{type(result.error).__name__}: {result.error}"))
    how = "answered" if result.served_by in (result.model, None) else f"by {result.served_by}"
    tokens = f"{_known(usage.prompt_tokens)} → {_known(usage.completion_tokens)} tokens"
    cost = "cost unknown" if result.cost is None else f"{usd(result.cost)} {usage.cost_kind}"
    return (result.model, how, seconds, tokens, cost, _in_a_line(result.response))


def _total(spend: Spend) -> str:
    parts = [
        f"{usd(amount)} {kind}" for amount, kind in ((spend.billed, "billed"), (spend.estimated, "estimated")) if amount
    ]
    if spend.unknown:
        parts.append(f"{spend.unknown} of unknown cost")
    return " and ".join(parts) or "at no cost"


def _known(tokens: int | None) -> str:
    return "?" if tokens is None else str(tokens)


def _in_a_line(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _WIDTH else words[: _WIDTH - 1] + "…"
