"""What rows amount to: counts, rates, figures with their intervals, and differences to the first model."""

import random
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from aisa_integrations import ABSummary
from aisa_integrations.ab_testing import Row

from .test_log import FAILED, ROW


def rows(arm: str, count: int, *, mean: float, seed: int, **fields: Any) -> list[Row]:
    draw = random.Random(seed)
    return [
        replace(ROW, arm=arm, model=arm, served_by=arm, latency_s=draw.expovariate(1 / mean), **fields)
        for _ in range(count)
    ]


def test_each_figure_is_of_the_calls_that_say_it() -> None:
    summary = ABSummary(
        [
            ROW,
            replace(ROW, latency_s=1.25, stream=False, ttft_s=None, output_tokens=None),
            replace(ROW, cost_usd=Decimal("0.5"), cost_kind="estimated", served_by="o3"),
            replace(ROW, cost_usd=None, cost_kind=None, cached=True),
            FAILED,
            replace(FAILED, failed_cost_usd=Decimal("0.25")),
            replace(FAILED, outcome="cancelled", error="CancelledError"),
        ]
    )
    arm = summary["gpt-4o"]
    assert (arm.calls, arm.answered, arm.failed, arm.cancelled, arm.elsewhere, arm.cached) == (7, 4, 2, 1, 1, 1)
    assert arm.billed == Decimal("0.00002576") * 2 + Decimal("0.25")
    assert arm.estimated == Decimal("0.5")
    assert arm.unknown == 3  # the answer of unknown cost, one failure and the cancelled call
    figures = {name: figure and (figure.estimate, figure.count) for name, figure in arm.figures.items()}
    assert figures == {
        "error_rate": (pytest.approx(2 / 6), 6),
        "latency_s": (0.75, 4),
        "latency_p95_s": (pytest.approx(1.175), 4),
        "ttft_s": (0.25, 3),
        "input_tokens": (5, 4),
        "output_tokens": (11, 3),
        "billed_usd": (pytest.approx(2.576e-05), 2),
        "estimated_usd": (0.5, 1),
    }
    assert arm.differences is None


def test_a_difference_is_to_the_first_model_and_clear_only_where_it_is() -> None:
    given = [
        *rows("gpt-4o", 120, mean=0.5, seed=1),
        *rows("slow", 120, mean=2.0, seed=2),
        *rows("same", 120, mean=0.5, seed=3),
        *[replace(FAILED, arm="slow", model="slow")] * 40,
    ]
    summary = ABSummary(given)
    assert list(summary) == ["gpt-4o", "slow", "same"]
    slow, same = (summary[name].differences for name in ("slow", "same"))
    assert slow is not None
    assert same is not None
    assert slow["latency_s"] is not None
    assert 0 not in slow["latency_s"]
    assert slow["error_rate"] is not None
    assert slow["error_rate"].estimate == 0.25
    assert 0 not in slow["error_rate"]
    assert same["latency_s"] is not None
    assert 0 in same["latency_s"]
    assert slow["ttft_s"] is not None
    assert slow["estimated_usd"] is None
    assert list(ABSummary(given, arms=["same", "gpt-4o"])) == ["same", "gpt-4o", "slow"]


def test_without_an_error_the_rate_is_not_surely_none() -> None:
    rate = ABSummary(rows("a", 20, mean=1, seed=1))["a"].figures["error_rate"]
    assert rate is not None
    assert rate.estimate == 0
    assert rate.high == pytest.approx(0.161, abs=0.001)


def test_a_model_without_a_call_has_no_figures() -> None:
    summary = ABSummary([ROW], arms=["gpt-4o", "gpt-4.1"])
    assert summary["gpt-4.1"].calls == 0
    assert set(summary["gpt-4.1"].figures.values()) == {None}
    assert "gpt-4.1: 0 calls" in repr(summary)
    assert repr(ABSummary([])) == "<A/B test of 0 models: 0 calls; ranges of 95 %>"


def test_in_words_and_as_a_table() -> None:
    summary = ABSummary([*rows("a", 5, mean=1, seed=1), *rows("b", 5, mean=1, seed=2)])
    shown = repr(summary)
    assert shown.splitlines()[0] == "<A/B test of 2 models: 10 calls; ranges of 95 %>"
    assert "a: 5 calls, $0.0001288 billed" in shown
    assert "to the first" in shown.partition("b: 5 calls")[2]
    assert "to the first" not in shown.partition("b: 5 calls")[0]
    table = summary.to_pandas()
    assert len(table) == 2 * 8
    latency = table[(table.model == "b") & (table.figure == "latency_s")].iloc[0]
    assert latency.low <= latency.estimate <= latency.high
    assert latency.difference == pytest.approx(
        latency.estimate - table[(table.model == "a") & (table.figure == "latency_s")].iloc[0].estimate
    )
    assert table[table.figure == "estimated_usd"].estimate.isna().all()
