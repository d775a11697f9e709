"""Amounts in words: a small one is never nothing, and nothing is never a small one."""

from decimal import Decimal

import pytest

from aisa_integrations.display.money import cost, total, usd


@pytest.mark.parametrize(
    ("amount", "shown", "exactly"),
    [
        ("0", "$0", "$0"),
        ("0.0012", "$0.0012", "$0.0012"),
        ("0.000125", "$0.000125", "$0.000125"),
        ("0.00012375", "$0.0001238", "$0.00012375"),
        ("0.00000000012", "$0.00000000012", "$0.00000000012"),
        ("1.5E-7", "$0.00000015", "$0.00000015"),
        ("0.1", "$0.10", "$0.10"),
        ("9.999875", "$10.00", "$9.999875"),
        ("12.5", "$12.50", "$12.50"),
        ("1E+1", "$10.00", "$10.00"),
        ("1234567.891", "$1,234,567.89", "$1,234,567.891"),
        ("-0.5", "-$0.50", "-$0.50"),
    ],
)
def test_amounts(amount: str, shown: str, exactly: str) -> None:
    assert usd(Decimal(amount)) == shown
    assert usd(Decimal(amount), exact=True) == exactly


def test_every_figure_says_by_whose_word() -> None:
    assert cost(Decimal("0.0012"), "billed") == "$0.0012 billed"
    assert cost(Decimal(0), "estimated") == "$0 estimated"
    assert cost(None, None) == "cost unknown"


def test_a_sum_keeps_its_parts_apart() -> None:
    assert total(Decimal("0.0012"), Decimal("0.01"), 2) == "$0.0012 billed and $0.01 estimated and 2 of unknown cost"
    assert total(Decimal(0), Decimal(0), 0) == "at no cost"
    assert total(Decimal(0), Decimal(0), 1) == "1 of unknown cost"
