"""A comparison as plain text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..display import figures, money
from ..display.text import aligned, in_a_line, plural
from ..tracking import Spend

if TYPE_CHECKING:
    from .result import Result


def described(results: Sequence[Result], spend: Spend) -> str:
    """Return a line for each model, aligned, under one that sums up."""
    answered = sum(result.ok for result in results)
    cost = money.total(spend.billed, spend.estimated, spend.unknown)
    title = f"Comparison of {plural(len(results), 'model')}: {answered} answered, {cost}"
    return "\n".join([f"<{title}>", *(aligned([_cells(result) for result in results]) if results else ())])


def described_result(result: Result) -> str:
    """Return one result in a line."""
    return f"<Result {' · '.join(filter(None, _cells(result)))}>"


def _cells(result: Result) -> tuple[str, ...]:
    model, seconds = in_a_line(result.model, 100), figures.seconds(result.latency)
    if result.error is not None:
        return (model, "failed", seconds, "", "", in_a_line(f"{type(result.error).__name__}: {result.error}"))
    how = "answered" if result.served_by in (result.model, None) else f"by {in_a_line(result.served_by or '', 100)}"
    used = f"{figures.tokens(result.usage.prompt_tokens)} → {figures.tokens(result.usage.completion_tokens)} tokens"
    return (model, how, seconds, used, money.cost(result.cost, result.usage.cost_kind), in_a_line(result.response))
