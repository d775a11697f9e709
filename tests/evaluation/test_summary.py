"""An evaluation in figures, held against ones that are worked out here."""

import io
import statistics
import sys
from decimal import Decimal
from typing import Any

import pytest

from aisa_integrations import ConfigurationError
from aisa_integrations.display.money import usd
from aisa_integrations.evaluation.progress import Progress, in_words
from aisa_integrations.evaluation.record import NOT_SCORED, Answer, Marks
from aisa_integrations.evaluation.summary import summarised
from aisa_integrations.evaluation.tally import Tally
from tests.evaluation.conftest import MODELS

ROWS = [{"prompt": f"row {number}", "n": number} for number in range(20)]


def answer(row: int, model: str, score: float | None = None, **more: Any) -> Answer:
    fields: dict[str, Any] = {
        "row": row, "id": str(row), "model": model, "ok": True, "response": "", "message": None, "latency": 1.0 + row,
        "ttft": None, "input_tokens": 10, "output_tokens": None, "cost": None, "cost_kind": None, "billed": Decimal(0),
        "estimated": Decimal(0), "unknown": False, "finish_reason": None, "served_by": model, "error": None,
        "marks": NOT_SCORED if score is None else Marks({"score": score}),
    }  # fmt: skip
    return Answer(**{**fields, **more})


def test_each_model_has_its_own_figures(run, gateway):
    gateway.script.fail("gpt-4.1", "server_error", times=3)
    gateway.script.set_style("gpt-4o", usage="tokens")
    found = run(ROWS, score=lambda text, row: row["n"] % 4 == 0)
    summary = found.summary()
    first, second = summary.models
    assert (first.model, first.n, first.failed) == ("gpt-4o", 20, 0)
    assert (second.model, second.n, second.failed) == ("gpt-4.1", 20, 3)
    assert first.scores["score"].estimate == 0.25
    assert (first.scores["score"].count, second.scores["score"].count) == (20, 17)
    assert first.scores["score"].low < 0.25 < first.scores["score"].high
    mine = found.of("gpt-4o")
    assert first.latency.estimate == pytest.approx(statistics.median(one.latency for one in mine))
    assert first.input_tokens == sum(one.input_tokens for one in mine)
    assert (first.billed, first.unknown) == (0, 0)
    assert first.estimated > 0
    assert second.billed == sum(one.cost for one in found.of("gpt-4.1") if one.ok) > 0
    assert summary.to_pandas()["score"].tolist() == [0.25, second.scores["score"].estimate]


def test_pairs_are_compared_over_the_rows_that_both_have():
    scored = {"a": [1, 1, 1, 0, 0.5, None, 1], "b": [0, 0, 1, 1, 0.5, 1, None]}
    answers = [answer(row, model, score) for model, scores in scored.items() for row, score in enumerate(scores)]
    (pair,) = summarised(answers, ["a", "b"], None, 0.95).pairs
    assert (pair.model, pair.other, pair.wins, pair.ties, pair.losses) == ("a", "b", 2, 2, 1)
    assert (pair.rate.estimate, pair.rate.count, pair.is_clear) == (0.6, 5, False)


def test_a_clear_difference_is_clear():
    answers = [answer(row, model, float(model == "a")) for row in range(30) for model in ("a", "b")]
    summary = summarised(answers, ["a", "b", "c"], None, 0.9)
    assert [(pair.rate.estimate, pair.is_clear) for pair in summary.pairs] == [(1.0, True)]
    assert (summary.models[2].n, summary.models[2].scores, summary.models[2].latency) == (0, {}, None)
    assert "a against b: 30 won, 0 tied, 0 lost, rate 1 [0.9173, 1]" in repr(summary)
    assert "intervals of 90%" in repr(summary)


def test_three_rows_that_agree_prove_little():
    answers = [answer(row, model, float(model == "a")) for row in range(3) for model in ("a", "b")]
    summary = summarised(answers, ["a", "b"], None, 0.95)
    assert [(pair.wins, pair.is_clear) for pair in summary.pairs] == [(3, False)]
    assert [str(model.scores["score"]) for model in summary.models] == ["1 [0.4385, 1]", "0 [0, 0.5615]"]


def test_a_score_s_name_takes_no_figure_s_place(run):
    found = run(["Hello"], ["gpt-4o"], score=lambda text, row: {"model": 0.5, "n": 7, "failed": True})
    (figures,) = found.summary().to_dicts()
    assert (figures["model"], figures["n"], figures["failed"]) == ("gpt-4o", 1, 0)
    assert (figures["score_model"], figures["score_n"], figures["score_failed"]) == (0.5, 7.0, 1.0)


def test_what_is_not_known_is_none_and_never_0(run, gateway):
    gateway.script.set_style("*", usage="none")
    (only,) = run(ROWS, ["gpt-4o"]).summary().models
    assert (only.input_tokens, only.output_tokens, only.unknown, only.scores) == (None, None, 20, {})
    assert "20 of unknown cost" in repr(run(ROWS[:20], ["gpt-4o"]).summary())


def test_pairs_go_by_the_score_that_is_named(run):
    found = run(ROWS, score=lambda text, row: {"a": 1, "b": "4o" in text})
    assert (found.summary().score, found.summary(score="b").score) == ("a", "b")
    assert [pair.ties for pair in found.summary().pairs] == [20]
    assert [pair.wins for pair in found.summary(score="b").pairs] == [20]
    with pytest.raises(ConfigurationError, match="there is no score 'c', but a, b"):
        found.summary(score="c")
    with pytest.raises(ConfigurationError, match="there is no score 'c', but none at all"):
        run(ROWS[:1]).summary(score="c")


# ---- how far it is --------------------------------------------------------------------------------------------------


def test_the_forecast_goes_by_what_each_model_cost():
    tally = Tally(["cheap", "dear"], rows=10)
    assert tally.forecast is None
    tally.add(answer(0, "cheap", billed=Decimal("0.01")), new=True)
    assert tally.forecast is None  # nothing is known of the other
    tally.add(answer(0, "dear", estimated=Decimal("0.5")), new=False)
    assert tally.forecast == Decimal("5.1")
    tally.add(answer(1, "dear", unknown=True, ok=False), new=True)
    assert tally.forecast == Decimal("5.1")
    assert in_words(tally) == "$0.01 billed and $0.50 estimated and 1 of unknown cost, about $5.10 in all, 1 failed"
    assert (tally.told, tally.new.calls, tally.whole.calls) == ("3 of 20", 2, 3)


@pytest.mark.parametrize("found", [0, 6])
def test_the_bar_tells_what_it_costs(run, monkeypatch, tmp_path, found):
    err = io.StringIO()
    monkeypatch.setattr("sys.stderr", err)
    if found:
        run(ROWS[: found // 2], out=tmp_path / "out.jsonl", progress=False)
        assert err.getvalue() == ""
    evaluation = run(ROWS, out=tmp_path / "out.jsonl", progress=True)
    last = err.getvalue().split("\r")[-1]
    assert "evaluating: 100%" in last
    assert "40/40" in last
    assert f"{usd(evaluation.cost.billed)} billed" in last


def test_no_bar_where_nobody_sees_it(run, monkeypatch):
    import ipykernel.kernelapp  # noqa: F401 - loaded by many a program that is no notebook

    err = io.StringIO()
    monkeypatch.setattr("sys.stderr", err)
    run(ROWS[:2])
    assert err.getvalue() == ""


def test_a_bar_without_tqdm_is_told_or_left_out(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match=r'progress=True needs tqdm: pip install "aisa-integrations\[eval\]"'):
        run(ROWS[:1], progress=True)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    Progress(None).show(Tally(MODELS, 3))
