"""Amounts of USD in words: the one way everywhere, so that a small amount is never rounded to nothing."""

from __future__ import annotations

from decimal import Decimal

UNKNOWN = "cost unknown"


def usd(amount: Decimal, *, exact: bool = False) -> str:
    """Write an amount so that small ones are not rounded to nothing: `$0.0012`, `$12.50`; `$0` is nothing at all.

    Args:
        amount: USD.
        exact: whether to write it to its last digit, and not only the first four that count.
    """
    if not amount:
        return "$0"
    sign, amount = "-" if amount < 0 else "", amount.copy_abs()  # abs() would round to the caller's own precision
    written = f"{amount:,f}" if exact else f"{amount:,.{max(2, 3 - amount.adjusted())}f}"
    whole, _, cents = written.partition(".")
    return f"{sign}${whole}.{cents[:2]:0<2}{cents[2:].rstrip('0')}"


def cost(amount: Decimal | None, kind: str | None) -> str:
    """Write what something cost and by whose word: `$0.0012 billed`, `$0.0012 estimated`, `cost unknown`."""
    return UNKNOWN if amount is None else f"{usd(amount)} {kind or ''}".rstrip()


def total(billed: Decimal, estimated: Decimal, unknown: int, *, exact: bool = False) -> str:
    """Write a sum, its parts apart: `$0.0012 billed and $0.01 estimated and 2 of unknown cost`."""
    parts = [
        f"{usd(amount, exact=exact)} {kind}"
        for amount, kind in ((billed, "billed"), (estimated, "estimated"))
        if amount
    ]
    if unknown:
        parts.append(f"{unknown} of unknown cost")
    return " and ".join(parts) or "at no cost"
