"""What ends an evaluation early, and what it then leaves: everything that was done, and how to go on."""

import asyncio
import itertools
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from aisa_integrations import (
    AsyncGatewayClient,
    AuthenticationError,
    Budget,
    BudgetExceededError,
    ConfigurationError,
    ConnectionFailedError,
    GatewayClient,
    InsufficientCreditsError,
    Policy,
    QuotaExceededError,
    aevaluate,
    evaluate,
    track,
)
from tests.evaluation.conftest import MODELS, asked, told
from tests.lifecycle.test_leaving import interrupted_in
from tests.lifecycle.watching import eventually, no_noise

ROWS = [f"row {number}" for number in range(30)]
ONE = ["gpt-4o"]


def evaluating() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "aisa-evaluate"]


# ---- the key, the wallet, the gateway -------------------------------------------------------------------------------

ENDS: list[tuple[str, type[Exception]]] = [
    ("bad_key", AuthenticationError),
    ("quota_exceeded", QuotaExceededError),
    ("out_of_credits", InsufficientCreditsError),
]


@pytest.mark.parametrize(("fault", "kind"), ENDS, ids=[case[0] for case in ENDS])
def test_what_every_call_would_meet_ends_it_early(run, gateway, tmp_path, caplog, fault, kind):
    out = tmp_path / "out.jsonl"
    for model in MODELS:
        gateway.script.fail(model, fault, after=5)
    with caplog.at_level(logging.WARNING, "aisa_integrations"):
        found = run(ROWS, out=out, concurrency=4)
    assert isinstance(found.stopped, kind)
    assert 8 <= len([one for one in found if one.ok]) <= 10
    assert len(gateway.requests) < 20
    assert not found.complete
    assert f"stopped: {kind.__name__}: " in repr(found)
    assert [record.message for record in caplog.records if "the evaluation was stopped after" in record.message]
    gateway.script.clear()
    before = len(gateway.requests)
    kept = sum(one.ok for one in found)
    again = run(ROWS, out=out)
    assert (again.complete, len(gateway.requests) - before) == (True, 60 - kept)


@pytest.mark.parametrize(("fault", "kind"), ENDS, ids=[case[0] for case in ENDS])
def test_where_there_is_no_answer_at_all_it_raises(run, gateway, fault, kind):
    gateway.script.fail("*", fault)
    with pytest.raises(kind):
        run(ROWS, concurrency=2)
    assert len(gateway.requests) < 8
    assert eventually(lambda: evaluating() == [])


def test_one_model_that_is_gated_ends_nothing(run, gateway):
    gateway.script.fail("gpt-4.1", "model_gated")
    found = run(ROWS[:10])
    assert (found.complete, found.stopped) == (True, None)
    assert [one.error_type for one in found.of("gpt-4.1")] == ["InsufficientCreditsError"] * 10
    assert all(one.ok for one in found.of("gpt-4o"))


def test_a_gateway_that_is_gone_is_not_asked_for_each_row(run):
    read: list[int] = []

    def rows() -> Iterator[str]:
        for number in itertools.count():
            read.append(number)
            yield str(number)

    with pytest.raises(ConnectionFailedError):
        run(rows(), base_url="http://127.0.0.1:9", concurrency=3)
    assert 8 < len(read) < 40


def test_forbidden_live_requests_end_it_at_once(run, gateway, monkeypatch):
    monkeypatch.setenv("AISA_OFFLINE", "1")
    with pytest.raises(ConfigurationError):
        run(ROWS, base_url="https://api.aisa.one", api_key="sk-live")


def test_a_failure_is_a_row_s_own(run, gateway):
    gateway.script.fail("gpt-4.1", "server_error")
    found = run(ROWS[:5])
    assert (found.complete, len(found.failed), found.cost.failed) == (True, 5, 5)
    assert found.failed[0].error.startswith("GatewayError: ")
    assert found.failed[0].cost is None


# ---- money ----------------------------------------------------------------------------------------------------------


def test_a_spent_budget_ends_it_and_more_goes_on(run, gateway, tmp_path):
    out = tmp_path / "out.jsonl"
    first = run(ROWS, out=out, budget="0.002", max_tokens=40, concurrency=6)
    assert isinstance(first.stopped, BudgetExceededError)
    assert 4 <= len(first) < 60
    assert all(one.ok for one in first)
    assert first.cost.billed == gateway.account.spent <= Budget("0.002").usd
    rest = run(ROWS, out=out, budget=Budget(1), max_tokens=40)
    assert (rest.complete, rest.stopped, len(gateway.requests)) == (True, None, 60)
    assert rest.cost_now.calls == 60 - len(first)


def test_what_calls_under_way_have_reserved_is_waited_for(run, gateway):
    """Each reserves a hundred times what it costs: sixty don't fit at once, one after the other they do."""
    gateway.script.set_style("*", latency=0.01)
    found = run(ROWS[:15], budget="0.08", max_tokens=2_000, concurrency=8)
    assert (found.complete, found.stopped, len(gateway.requests)) == (True, None, 30)


def test_a_budget_has_one_place(run, client, gateway):
    with pytest.raises(ConfigurationError, match="budget can't be given beside it"):
        run(ROWS, client=client, budget=1)
    with pytest.raises(ConfigurationError, match="beside a policy that has one"):
        run(ROWS, policy=Policy(budget=Budget(1)), budget=1)
    assert gateway.requests == []


def test_a_model_over_its_cap_is_left_out_and_ends_nothing(run, gateway):
    found = run(ROWS[:3], ["gpt-4o", "gpt-4.1-mini"], policy=Policy(max_cost_usd="0.001"), max_tokens=300)
    assert (found.complete, len(found)) == (True, 6)
    assert [one.ok for one in found] == [False, True] * 3
    assert {model for model, _ in asked(gateway)} == {"gpt-4.1-mini"}


# ---- who is asked, and how many at once -----------------------------------------------------------------------------


def test_fallbacks_are_asked_only_where_they_are_named(run, gateway):
    gateway.script.fail("gpt-4o", "server_error")
    alone = run(["Hello"], ONE, policy=Policy(fallbacks=["gpt-4.1"]))
    assert [(one.ok, one.served_by) for one in alone] == [(False, None)]
    found = run(["Hello"], ONE, fallbacks=["gpt-4.1"])
    assert [(one.ok, one.model, one.served_by) for one in found] == [(True, "gpt-4o", "gpt-4.1")]


@pytest.mark.parametrize(
    ("given", "most"), [({}, 5), ({"concurrency": 3}, 3), ({"policy": Policy(limits="starter")}, 20)]
)
def test_so_many_at_once_and_no_more(run, gateway, given, most):
    gateway.script.set_style("*", latency=0.03)
    seen: list[int] = []

    def watch(text: str, row: Any) -> int:
        seen.append(gateway.in_flight)
        return 1

    run(ROWS, score=watch, **given)
    assert max(seen) <= most
    assert max(seen) >= most / 2


def test_a_slow_model_does_not_hold_the_others_up(run, gateway):
    gateway.script.fail("gpt-4o", "slow_first_byte", seconds=0.15)
    found = run(ROWS[:12], concurrency=4)
    order = [model for model, _ in asked(gateway)]
    # Each has its share of what is under way: the quick one has not to wait for the slow one's rows.
    assert order[:10].count("gpt-4.1") >= 6
    assert found.complete


def test_calls_count_to_the_block_around_them(run):
    with track() as spend:
        found = run(ROWS[:4])
    assert (spend.calls, spend.billed) == (8, found.cost.billed)


# ---- Ctrl-C and cancellation ----------------------------------------------------------------------------------------


async def cancelled(**settings: Any) -> None:
    task = asyncio.create_task(aevaluate(ROWS, MODELS, **settings))
    await asyncio.sleep(0.5)
    task.cancel()
    await task


def interrupted(**settings: Any) -> None:
    with interrupted_in(0.5):
        evaluate(ROWS, MODELS, **settings)


def left(way: str, **settings: Any) -> BaseException:
    """Leave an evaluation in the midst of it; return what came out."""
    kind = KeyboardInterrupt if way == "sync" else asyncio.CancelledError
    with no_noise(), pytest.raises(kind) as caught:
        interrupted(**settings) if way == "sync" else asyncio.run(cancelled(**settings))
    return caught.value


def test_leaving_it_closes_every_call_and_keeps_what_came(way, gateway, tmp_path):
    out = tmp_path / "out.jsonl"
    settings: dict[str, Any] = {"api_key": gateway.api_key, "base_url": gateway.url, "out": out, "concurrency": 6}
    gateway.script.fail("gpt-4o", "hang", after=4)
    gateway.script.fail("gpt-4.1", "hang", after=6)
    notes = left(way, **settings).__notes__
    assert notes == [f"10 of 60 calls are in {out}: the same again goes on from there."]
    assert gateway.wait(disconnects=6)
    assert evaluating() == []
    assert len(gateway.requests) == 10 + 6
    gateway.script.clear()
    again = evaluate(ROWS, MODELS, **settings)
    assert (again.complete, len(gateway.requests)) == (True, 16 + 60 - 10)


def test_leaving_it_leaves_other_calls_of_the_client_alone(gateway):
    gateway.script.fail("gpt-4o", "hang")
    gateway.script.fail("other", "slow_first_byte", seconds=0.8)
    replies: list[Any] = []
    with GatewayClient(gateway.api_key, base_url=gateway.url) as client:
        body = {"model": "other", "messages": [{"role": "user", "content": "Hello"}]}
        other = threading.Thread(target=lambda: replies.append(client.chat(body)))
        other.start()
        gateway.wait(requests=1, idle=False)
        with no_noise(), pytest.raises(KeyboardInterrupt), interrupted_in(0.3):
            evaluate(ROWS, ONE, client=client)
        other.join()
    assert [reply["model"] for reply in replies] == ["other"]


def test_what_the_rows_or_a_client_raise_comes_out_and_leaves_nothing_behind(run, gateway, tmp_path):
    def rows() -> Iterator[str]:
        yield from ROWS[:20]
        raise LookupError("no more rows")

    out = tmp_path / "out.jsonl"
    with pytest.raises(LookupError, match="no more rows"):
        run(rows(), out=out, concurrency=2)
    assert evaluating() == []
    before = len(gateway.requests)
    kept = before - gateway.disconnects
    found = run(ROWS[:20], out=out)
    assert found.complete
    assert len(gateway.requests) - before <= 40 - kept + 4


def test_clients_of_the_wrong_kind_are_told(run, way, gateway):
    kind: Any = GatewayClient if way == "async" else AsyncGatewayClient
    with pytest.raises(ConfigurationError, match="client is a"):
        run(ROWS, ONE, client=kind(gateway.api_key, base_url=gateway.url))


def test_both_ways_find_the_same(gateway):
    settings: dict[str, Any] = {"api_key": gateway.api_key, "base_url": gateway.url, "score": "contains"}
    rows = [{"prompt": text, "right": text} for text in ROWS]
    found = evaluate(rows, MODELS, expected="right", **settings)
    assert told(found) == told(asyncio.run(aevaluate(rows, MODELS, expected="right", **settings)))
