"""A comparison as plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from ..routing.caps import usd
from ..tracking import Spend

_WIDTH: Final = 60  # characters of an answer or an error in a line


def described(rows: Sequence[Mapping[str, Any]], spend: Spend) -> str:
    """Return a line for each model, aligned, under one that sums up."""
    answered = sum(row["ok"] for row in rows)
    title = f"Comparison of {len(rows)} model{'' if len(rows) == 1 else 's'}: {answered} answered, {_total(spend)}"
    cells = [_cells(row) for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)][:-1]
    lines = ["  ".join([*map(str.ljust, line, widths), line[-1]]).rstrip() for line in cells]
    return "\n".join([f"<{title}>", *lines])


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    seconds = f"{row['latency_s']:.2f} s"
    if not row["ok"]:
        return (row["model"], "failed", seconds, "", "", _in_a_line(row["error"]))
    tokens = f"{_known(row['input_tokens'])} → {_known(row['output_tokens'])} tokens"
    # From the row's float as it is written, which is the exact amount but for its last digits.
    cost = "cost unknown" if row["cost_usd"] is None else f"{usd(Decimal(str(row['cost_usd'])))} {row['cost_kind']}"
    name = row["model"]
    by = "" if row["served_by"] == name else f"by {row['served_by']}"
    return (name, by or "answered", seconds, tokens, cost, _in_a_line(row["response"]))


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
