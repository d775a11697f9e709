"""Failures of a comparison are values: every fault of the gateway, all of them, and what ends the comparison itself."""

import threading
from typing import Any

import pytest

from aisa_integrations import AuthenticationError, ConfigurationError, ConnectionFailedError, RateLimitError
from aisa_integrations.local import FAULTS, LocalGateway
from tests.comparison.conftest import Ask
from tests.faults.cases import SILENT, play
from tests.faults.table import TOLERATED, end_of
from tests.lifecycle.watching import eventually, no_noise

A, B, C = "gpt-4o", "gpt-4.1", "claude-haiku-4-5-20251001"
either = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
# Nobody is asked before a key's reset, and so it can't be one of many here.
STOPS_ALL = frozenset({"key_spent"})


def played(stream: bool, *, silent: bool) -> list[str]:
    return [
        name
        for name, fault in FAULTS.items()
        if fault.fits(surface="chat", stream=stream) and (name in SILENT) == silent and name not in STOPS_ALL
    ]


@either
@pytest.mark.parametrize("silent", [False, True], ids=["that speak", "that are silent"])
def test_every_fault_is_the_value_of_its_model(ask: Ask, gateway: LocalGateway, silent: bool, stream: bool) -> None:
    """One comparison of as many models as there are faults, each of which fails in its own way."""
    names = played(stream, silent=silent)
    for name in names:
        play(gateway, FAULTS[name], f"faulty/{name}")
    models = [*(f"faulty/{name}" for name in names), "sound/model"]
    found = ask(models, stream=stream, timeout=1 if silent else 20)
    assert list(found) == models
    assert found["sound/model"].ok
    assert {name for name in names if found[f"faulty/{name}"].ok} == TOLERATED.intersection(names)
    for name in names:
        result, end = found[f"faulty/{name}"], end_of(name, stream=stream)
        assert result.ok == (result.error is None)
        if end is None or result.error is None:
            continue
        error = result.error
        assert (type(error), error.code) == (end.error, end.code), name
        assert error.model == result.model
        assert [(attempt.status, attempt.cause) for attempt in result.attempts] == [(end.seen_status, end.cause)], name
        assert (result.response, result.message, result.served_by, result.cost) == ("", None, None, None)
        assert bool(getattr(error, "partial", "")) == end.interrupted
        assert error.__traceback__ is None


@either
def test_all_of_them_may_fail(ask: Ask, gateway: LocalGateway, stream: bool) -> None:
    gateway.script.fail("*", "invalid_api_key")
    found = ask([A, B, C], stream=stream)
    assert (found.answered, [result.model for result in found.failed]) == ((), [A, B, C])
    assert {type(result.error) for result in found.values()} == {AuthenticationError}
    assert repr(found).startswith("<Comparison of 3 models: 0 answered, at no cost>")
    assert (found.spend.calls, found.spend.unknown) == (3, 0)


@either
def test_a_gateway_that_is_not_there(ask: Ask, stream: bool) -> None:
    found = ask([A, B], base_url="http://127.0.0.1:9", stream=stream)
    assert {type(result.error) for result in found.values()} == {ConnectionFailedError}


@either
def test_a_key_that_is_spent(ask: Ask, gateway: LocalGateway, stream: bool) -> None:
    gateway.script.fail(A, "key_spent", reset_in=60)
    found = ask([A], stream=stream)
    assert type(found[A].error) is RateLimitError


@either
def test_what_a_failure_may_have_cost_is_unknown(ask: Ask, gateway: LocalGateway, stream: bool) -> None:
    gateway.script.fail(A, "cut_after_content" if stream else "body_cut")
    found = ask([A, B], stream=stream)
    assert (found.spend.unknown, found.spend.billed) == (1, found[B].cost)
    assert found[A].cost is None


# ---- being told of each result --------------------------------------------------------------------------------------


@either
def test_each_result_is_told_as_it_comes_in_the_callers_thread(ask: Ask, gateway: LocalGateway, stream: bool) -> None:
    gateway.script.set_style(A, latency=0.1)
    gateway.script.fail(B, "server_error")
    told: list[Any] = []
    threads: set[int] = set()

    def tell(result: Any) -> None:
        threads.add(threading.get_ident())
        told.append(result)

    found = ask([A, B], stream=stream, on_result=tell)
    assert [result.model for result in told] == [B, A]
    assert all(found[result.model] is result for result in told)
    assert threads == {threading.get_ident()}


def test_an_async_listener_is_awaited_or_refused(ask: Ask, way: str, gateway: LocalGateway) -> None:
    told: list[str] = []

    async def tell(result: Any) -> None:
        told.append(result.model)

    if way == "async":
        ask([A, B], on_result=tell)
        assert sorted(told) == sorted([A, B])
    else:
        with pytest.raises(ConfigurationError, match="acompare"):
            ask([A, B], on_result=tell)
        assert gateway.requests == []


@either
def test_a_listener_that_raises_ends_the_comparison(ask: Ask, gateway: LocalGateway, stream: bool) -> None:
    gateway.script.fail(B, "hang_after_content" if stream else "hang")
    gateway.script.fail(C, "hang_before_content" if stream else "hang")
    gateway.script.set_style(A, latency=0.1)

    def tell(result: Any) -> None:
        raise LookupError(result.model)

    with no_noise(), pytest.raises(LookupError, match=A) as caught:
        ask([A, B, C], stream=stream, on_result=tell, timeout=60)
    assert caught.type is LookupError
    assert gateway.wait(disconnects=2)
    assert len(gateway.requests) == 3
    assert eventually(lambda: not comparing())


def comparing() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "aisa-compare"]
