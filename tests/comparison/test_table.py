"""A comparison as rows, as a data frame and as text."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas
import pytest

from aisa_integrations.comparison import COLUMNS
from aisa_integrations.local import LocalGateway
from tests.comparison.conftest import Ask

ROOT = Path(__file__).parents[2]
A, B, C = "gpt-4o", "gpt-4.1", "claude-haiku-4-5-20251001"
PROMISED = [
    *("model", "ok", "latency_s", "ttft_s", "input_tokens", "output_tokens", "cost_usd", "cost_kind", "served_by"),
    *("error", "response"),
]


@pytest.fixture
def mixed(ask: Ask, gateway: LocalGateway) -> Any:
    """An answer that was billed, a failure, an answer of unknown cost."""
    gateway.script.fail(B, "server_error")
    gateway.script.set_style(C, usage="none")
    return ask([A, B, C], "Hello")


def test_rows_have_the_promised_columns_and_plain_values(mixed: Any) -> None:
    rows = mixed.to_dicts()
    assert list(COLUMNS) == PROMISED
    assert [list(row) for row in rows] == [PROMISED] * 3
    assert json.loads(json.dumps(rows)) == rows
    answered, failed, unknown = rows
    assert answered == {
        "model": A,
        "ok": True,
        "latency_s": mixed[A].latency,
        "ttft_s": mixed[A].ttft,
        "input_tokens": mixed[A].usage.prompt_tokens,
        "output_tokens": mixed[A].usage.completion_tokens,
        "cost_usd": float(mixed[A].cost),
        "cost_kind": "billed",
        "served_by": A,
        "error": None,
        "response": f"Simulated reply from {A}: you said Hello",
    }
    assert failed == {
        **dict.fromkeys(PROMISED),
        "model": B,
        "ok": False,
        "latency_s": mixed[B].latency,
        "error": f"GatewayError: {mixed[B].error}",
        "response": "",
    }
    assert [unknown[name] for name in ("input_tokens", "output_tokens", "cost_usd", "cost_kind")] == [None] * 4


def test_a_data_frame_has_them_too_and_gaps_where_nothing_is_known(mixed: Any) -> None:
    frame = mixed.to_pandas()
    assert list(frame.columns) == PROMISED
    assert list(frame["model"]) == [A, B, C]
    assert list(frame["ok"]) == [True, False, True]
    assert frame["ok"].dtype == bool
    for name in ("latency_s", "ttft_s", "cost_usd"):
        assert frame[name].dtype == "float64"
    for name in ("input_tokens", "output_tokens"):
        assert frame[name].dtype == "Int64"
    assert list(frame["cost_usd"].isna()) == [False, True, True]
    assert list(frame["input_tokens"].isna()) == [False, True, True]
    assert frame["cost_usd"].sum() == float(mixed[A].cost)
    assert list(frame["error"].isna()) == [True, False, True]


def test_a_data_frame_of_failures_has_the_same_kinds(ask: Ask, gateway: LocalGateway) -> None:
    gateway.script.fail("*", "server_error")
    frame = ask([A, B]).to_pandas()
    assert [str(frame[name].dtype) for name in ("ttft_s", "cost_usd", "input_tokens")] == [
        "float64",
        "float64",
        "Int64",
    ]
    assert frame["cost_usd"].isna().all()
    both = pandas.concat([frame, frame], ignore_index=True)
    assert len(both.groupby("model")) == 2


def test_without_pandas_the_hint_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['pandas'] = None\n"
        "from aisa_integrations import Comparison\n"
        "found = Comparison([], [])\n"
        "print(found.to_dicts())\n"
        "try: found.to_pandas()\n"
        "except ImportError as error: print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == ["[]", 'to_pandas() needs pandas: pip install "aisa-integrations[notebook]"']


def test_its_text_has_a_line_for_each_model(mixed: Any) -> None:
    title, answered, failed, unknown = repr(mixed).splitlines()
    assert title == f"<Comparison of 3 models: 2 answered, ${mixed[A].cost:f} billed and 1 of unknown cost>"
    assert answered.startswith(f"{A}  ")
    assert f"${mixed[A].cost:f} billed" in answered
    assert answered.endswith(mixed[A].response)
    assert failed.split()[:2] == [B, "failed"]
    assert "GatewayError: " in failed
    assert "? → ? tokens" in unknown
    assert "cost unknown" in unknown
    assert len({line.index(word) for line, word in ((answered, "Simul"), (failed, "Gateway"), (unknown, "Simul"))}) == 1


def test_its_text_is_short_whatever_the_answers_are(ask: Ask, gateway: LocalGateway) -> None:
    gateway.script.reply(A, "One line,\nand another.\n" * 1_000)
    text = repr(ask([A], "Hello"))
    assert len(text.splitlines()) == 2
    assert "One line, and another. One line," in text
    assert text.endswith("…")
