"""The chaos run in small, and that it sees what goes wrong."""

from dataclasses import replace
from decimal import Decimal

import pytest

from aisa_integrations import Spend
from aisa_integrations.usage import Attempt, Exchange, Usage
from chaos.calls import Job, Outcome
from chaos.mayhem import Asked, answer
from chaos.reckoning import Tally
from chaos.run import Size, main, run, table

CENT = Decimal("0.01")


def test_hundreds_of_calls_to_models_that_fail_in_every_way(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL", logger="aisa_integrations")
    report = run(Size(calls=600, threads=8, tasks=24, seed=600))
    assert report.problems == []
    assert report.played.total() > 300
    assert "account $" in table(report)


def test_the_program_says_how_it_went(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["chaos", "--calls", "24", "--threads", "4", "--tasks", "4"])
    assert main() == 0
    assert capsys.readouterr().out.endswith("all is as it ought to be\n")


# ---- what it would see ----------------------------------------------------------------------------------------------

JOB = Job(7, "openai", stream=False, leaves=False, alone=False)
SERVED = Attempt("model", 200, None, 0.1, CENT)
GOOD = Exchange("model", "model", (SERVED,), Usage(cost=CENT, cost_kind="billed"))
REQUEST = Asked("model", None, CENT)


def problems(exchange: Exchange, text: str, *requests: Asked, error: Exception | None = None) -> list[str]:
    spend, tally = Spend(), Tally()
    spend.record(exchange)
    tally.add(Outcome(JOB, text, error, spend), requests, promised=2)
    return tally.problems


def test_it_finds_nothing_where_all_is_well() -> None:
    assert problems(GOOD, answer("model", 7), REQUEST) == []


@pytest.mark.parametrize(
    ("cause", "cost", "requests"),
    [
        ("connect", Decimal(0), [REQUEST]),
        ("connection_lost", None, [REQUEST]),  # before the gateway read it
        ("connection_lost", None, [Asked("model", "lost", CENT), REQUEST]),
    ],
)
def test_an_attempt_without_a_reply_may_not_have_been_seen(
    cause: str, cost: Decimal | None, requests: list[Asked]
) -> None:
    failed = Attempt("model", None, cause, 0.1, cost)
    assert problems(replace(GOOD, attempts=(failed, SERVED)), answer("model", 7), *requests) == []


def test_an_attempt_that_was_answered_was_seen() -> None:
    failed = Attempt("model", 500, "server_error", 0.1, Decimal(0))
    assert "the gateway saw" in problems(replace(GOOD, attempts=(failed, SERVED)), answer("model", 7), REQUEST)[0]


@pytest.mark.parametrize(
    ("exchange", "text", "requests", "error", "told"),
    [
        (GOOD, answer("model", 7)[:-1], [REQUEST], None, "is not the whole"),
        (GOOD, answer("other", 7), [REQUEST], None, "is not the whole"),
        (GOOD, answer("model", 7), [REQUEST] * 3, None, "3 requests, and 2 were promised"),
        (GOOD, answer("model", 7), [Asked("other", None, CENT)], None, "the gateway saw"),
        (GOOD, answer("model", 7), [Asked("model", None, CENT * 2)], None, "cost 0.02"),
        (GOOD, answer("model", 7), [Asked("model", None)], None, "no bill was settled"),
        (replace(GOOD, error="cut"), answer("model", 7), [REQUEST], None, "recorded as cut"),
        (GOOD, "", [REQUEST], KeyError("choices"), "raised KeyError"),
        (GOOD, "wrong", [REQUEST], TimeoutError(), "came before the error"),
    ],
)
def test_it_finds(exchange: Exchange, text: str, requests: list[Asked], error: Exception | None, told: str) -> None:
    assert any(told in problem for problem in problems(exchange, text, *requests, error=error))
