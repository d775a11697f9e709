"""What an A/B test shows: a column for each model, clear differences marked, nothing of a hostile id as markup."""

from decimal import Decimal
from typing import Any

import pytest

from aisa_integrations.ab_testing import ABSummary, Row
from tests.display.reading import Page

SCRIPT = "<script>alert(1)</script>\u202e"


def row(arm: str, number: int = 0, **more: Any) -> Row:
    seconds = (1.0 if arm == "gpt-4o" else 3.0) + number / 100
    known: dict[str, Any] = {
        "time": 0.0,
        "arm": arm,
        "model": arm,
        "outcome": "answered",
        "served_by": arm,
        "stream": False,
        "latency_s": seconds,
        "ttft_s": None,
        "input_tokens": 10,
        "output_tokens": 20,
        "attempts": 1,
        "cost_usd": Decimal("0.0012"),
        "cost_kind": "billed",
        "failed_cost_usd": Decimal(0),
        "cached": False,
        "error": None,
    }
    return Row(**{**known, **more})


@pytest.fixture
def found() -> ABSummary:
    rows = [row(arm, number) for arm in ("gpt-4o", SCRIPT) for number in range(20)]
    return ABSummary([*rows, row(SCRIPT, outcome="failed", cost_usd=None, cost_kind=None, error="GatewayError")])


def test_figures_stand_beside_each_other_with_their_ranges(found: ABSummary) -> None:
    page = Page(found._repr_html_())
    assert page.text.startswith("A/B test of 2 models · 41 calls · intervals of 95%")
    assert "\\u202e" in page.text
    assert "1 failed" in page.text
    assert "$0.024 billed" in page.text
    assert "latency, median1.1 s 1.06 s to 1.14 s3.09 s" in page.text
    assert "+2 s" in page.text
    assert page.text.count("clear") == 2  # both latencies; the cost of both is the same
    assert "time to first token" not in page.text  # which no row has


def test_many_models_are_shown_in_part() -> None:
    many = ABSummary([row(f"model-{number}") for number in range(100)])
    assert "… and 88 models more: summary.to_pandas()" in Page(many._repr_html_()).text
    assert len(many._repr_html_()) < 100_000
    assert "A/B test of 0 models" in Page(ABSummary([])._repr_html_()).text


def test_it_is_plotted(found: ABSummary) -> None:
    axes: Any = found.plot()
    labels = [text.get_text() for text in axes.figure.legends[0].get_texts()]
    assert labels == ["billed", "95% bootstrap interval"]
    assert [text.get_text() for text in axes.texts] == ["gpt-4o", "<script>alert(1)</script>\\u202e (1 failed)"]
