"""What failed attempts and broken streams cost: nothing where the gateway refused, else unknown, and never 0."""

import asyncio
import gc
from decimal import Decimal
from typing import Any

import pytest

from aisa_integrations import Attempt, Exchange, Spend, track
from aisa_integrations.local import LocalGateway
from aisa_integrations.usage import NO_USAGE
from tests.metering.conftest import MakeFace
from tests.metering.faces import FACES, MODEL, OTHER_MODEL, ZERO, Face, closed, first_of

either = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
every_face = pytest.mark.parametrize("name", FACES)


def told(attempts: tuple[Attempt, ...]) -> list[tuple[str, int | None, str | None, Decimal | None]]:
    return [(attempt.model, attempt.status, attempt.cause, attempt.cost) for attempt in attempts]


async def fails(face: Face, model: str = MODEL, *, stream: bool) -> None:
    """A call that ends in an error, of whatever SDK."""
    with pytest.raises(Exception, match=r".") as caught:
        await face.ask(model, stream=stream)
    assert not isinstance(caught.value, AssertionError)


@every_face
@either
async def test_a_refusal_costs_nothing(make: MakeFace, gateway: LocalGateway, name: str, stream: bool) -> None:
    gateway.script.fail(MODEL, "server_error")
    with track() as spend:
        await make(name, fallbacks=[OTHER_MODEL]).ask(stream=stream)
    (exchange,) = spend.exchanges
    assert (exchange.model, exchange.served_by, exchange.error) == (MODEL, OTHER_MODEL, None)
    assert told(exchange.attempts) == [
        (MODEL, 500, "server_error", ZERO),
        (OTHER_MODEL, 200, None, gateway.account.spent),
    ]
    assert (spend.calls, spend.unknown, spend.cost) == (1, 0, gateway.account.spent)
    assert set(spend.by_model) == {OTHER_MODEL}
    assert 0 < exchange.attempts[0].latency + exchange.attempts[1].latency <= exchange.latency


@every_face
@either
@pytest.mark.parametrize(
    ("fault", "cause"),
    [("hang", "timeout"), ("connection_closed", "connection_lost"), ("empty_200", None), ("html_200", "not_json")],
)
async def test_an_attempt_without_an_answer_may_have_been_billed(
    make: MakeFace, gateway: LocalGateway, name: str, stream: bool, fault: str, cause: str | None
) -> None:
    gateway.script.fail(MODEL, fault)
    with track() as spend:
        await make(name, fallbacks=[OTHER_MODEL], timeout=0.2).ask(stream=stream)
    (exchange,) = spend.exchanges
    failed, answered = exchange.attempts
    assert (failed.model, failed.cost) == (MODEL, None)
    assert failed.cause == (cause or failed.cause)
    assert (answered.model, answered.cost) == (OTHER_MODEL, gateway.account.spent)
    assert (spend.calls, spend.unknown, spend.cost) == (1, 1, gateway.account.spent)


@every_face
@pytest.mark.parametrize(
    "fault",
    ["cut_before_content", "silent_end_before_content", "hang_before_content", "comments_only"],
)
async def test_a_stream_cut_before_its_content_may_have_been_billed(
    make: MakeFace, gateway: LocalGateway, name: str, fault: str
) -> None:
    gateway.script.fail(MODEL, fault)
    with track() as spend:
        await make(name, fallbacks=[OTHER_MODEL], timeout=0.2).ask(stream=True)
    (exchange,) = spend.exchanges
    assert [attempt.cost is None for attempt in exchange.attempts] == [True, False]
    assert spend.unknown == 1
    assert spend.cost == gateway.account.by_model()[OTHER_MODEL]


@every_face
async def test_an_attempt_that_failed_and_was_billed_all_the_same_is_in_the_sum(
    make: MakeFace, gateway: LocalGateway, name: str
) -> None:
    """A good reply, with its bill, but not the stream that was asked for."""
    gateway.script.fail(MODEL, "json_to_stream")
    with track() as spend:
        await make(name, fallbacks=[OTHER_MODEL]).ask(stream=True)
    bills = gateway.account.by_model()
    (exchange,) = spend.exchanges
    assert [attempt.cost for attempt in exchange.attempts] == [bills[MODEL], bills[OTHER_MODEL]]
    assert exchange.usage.cost == bills[OTHER_MODEL]
    assert (spend.calls, spend.unknown, spend.billed) == (1, 0, gateway.account.spent)
    assert spend.by_model[OTHER_MODEL].cost == spend.cost


async def test_a_call_that_was_billed_and_failed_is_in_the_sum(face: Face, gateway: LocalGateway) -> None:
    gateway.script.fail("*", "json_to_stream")
    with track() as spend:
        await fails(face, stream=True)
    assert (spend.calls, spend.unknown, spend.billed) == (1, 0, gateway.account.spent)
    assert spend.by_model == {}


@either
async def test_a_call_that_fails_is_a_call_and_serves_nobody(face: Face, gateway: LocalGateway, stream: bool) -> None:
    gateway.script.fail("*", "bad_key")
    with track() as spend:
        await fails(face, stream=stream)
    (exchange,) = spend.exchanges
    assert (exchange.model, exchange.served_by, exchange.error) == (MODEL, None, "auth")
    assert exchange.usage.cost is None
    assert (spend.calls, spend.unknown, spend.cost, spend.by_model) == (1, 0, ZERO, {})


@either
async def test_a_timeout_is_unknown_whatever_the_sdk_raises(
    make: MakeFace, gateway: LocalGateway, stream: bool
) -> None:
    gateway.script.fail("*", "hang")
    with track() as spend:
        for name in FACES:
            await fails(make(name, timeout=0.1), stream=stream)
    assert [exchange.error for exchange in spend.exchanges] == ["timeout"] * len(FACES)
    assert (spend.calls, spend.unknown, spend.cost) == (len(FACES), len(FACES), ZERO)


@pytest.mark.parametrize("fault", ["silent_end_after_content", "cut_after_content", "error_event_after_content"])
async def test_a_stream_that_breaks_in_the_middle_is_unknown(face: Face, gateway: LocalGateway, fault: str) -> None:
    gateway.script.fail("*", fault)
    with track() as spend:
        await fails(face, stream=True)
    (exchange,) = spend.exchanges
    assert (exchange.served_by, exchange.error) == (MODEL, "interrupted")
    assert told(exchange.attempts) == [(MODEL, 200, "interrupted", None)]
    assert (spend.calls, spend.unknown, spend.cost) == (1, 1, ZERO)
    assert exchange.ttft is not None
    # What was delivered is billed, and the gateway had no occasion to say so.
    assert gateway.account.spent > 0


async def test_a_stream_that_its_caller_ends_early_is_unknown(face: Face, gateway: LocalGateway) -> None:
    gateway.script.set_style("*", chunk_delay=0.05)
    with track() as spend:
        stream: Any = await face.stream()
        await first_of(stream)
        await closed(stream)
        if face.name == "genai async":
            # Its generator leaves the response open when it is closed, in the stock SDK too: collected, it is settled.
            del stream
            await _collected(spend)
    (exchange,) = spend.exchanges
    assert (exchange.served_by, exchange.error) == (MODEL, None)
    assert (spend.calls, spend.unknown, spend.cost) == (1, 1, ZERO)
    assert gateway.wait(disconnects=1)


async def test_a_stream_that_is_dropped_is_settled_when_it_is_collected(face: Face, gateway: LocalGateway) -> None:
    gateway.script.set_style("*", chunk_delay=0.05)
    with track() as spend:
        stream: Any = await face.stream()
        await first_of(stream)
        del stream
        await _collected(spend)
    assert (spend.calls, spend.unknown, spend.cost) == (1, 1, ZERO)
    assert gateway.wait(disconnects=1)


@pytest.mark.parametrize("name", ["openai", "openai async"])
async def test_a_stream_that_was_never_begun_is_settled_too(make: MakeFace, gateway: LocalGateway, name: str) -> None:
    """openai asks at once; the others ask for a stream at its first event."""
    gateway.script.set_style("*", chunk_delay=0.05)
    face = make(name)
    with track() as spend:
        stream: Any = await face.stream()
        del stream
        await _collected(spend)
    assert (spend.calls, spend.unknown) == (1, 1)


async def _collected(spend: Spend) -> None:
    """Collect what was dropped: generators within generators are finalised by the loop one after another."""
    for _ in range(20):
        gc.collect()
        await asyncio.sleep(0.005)
        if spend.calls:
            return


async def test_a_cancelled_call_is_unknown(make: MakeFace, gateway: LocalGateway) -> None:
    gateway.script.set_style("*", latency=5)
    for name in ("openai async", "genai async", "gateway async"):
        face = make(name)
        with track() as spend, pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await face.ask()
        (exchange,) = spend.exchanges
        assert (exchange.error, exchange.served_by) == ("cancelled", None)
        assert (spend.calls, spend.unknown, spend.cost) == (1, 1, ZERO)


def test_a_record_made_by_the_collector_in_the_midst_of_another_does_no_harm() -> None:
    """A dropped stream is recorded wherever the collector happens to run, even in a thread that reads the sum."""
    spend = Spend()

    class Dropped:
        def __del__(self) -> None:
            spend.record(Exchange(MODEL, MODEL, usage=NO_USAGE))

    class Collecting(str):
        """A model id whose look-up collects garbage, and so records, while the sum is being made."""

        __slots__ = ()

        def __hash__(self) -> int:
            Dropped()
            return super().__hash__()

    spend.record(Exchange(MODEL, Collecting(MODEL), usage=NO_USAGE))
    assert spend.unknown == spend.calls > 1
