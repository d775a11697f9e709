"""A place among the requests at once is free again however its call ends, and who comes first goes first."""

import asyncio
import gc
import ssl
import time
from collections.abc import AsyncIterator

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aisa_integrations import AsyncGatewayClient, GatewayClient, Policy
from aisa_integrations.local import FAULTS, LocalGateway
from aisa_integrations.pacing import WINDOW, RateLimits
from aisa_integrations.transport.network import NetworkOptions
from tests.faults.cases import SILENT
from tests.metering.faces import FACES, Face, body, closed, first_of, make_face, waited


@pytest.fixture
def limits() -> RateLimits:
    return RateLimits(at_once=1)


@pytest.fixture(params=FACES)
async def face(request: pytest.FixtureRequest, gateway: LocalGateway, limits: RateLimits) -> AsyncIterator[Face]:
    made = make_face(request.param, gateway, policy=Policy(limits=limits, deadline=5), timeout=0.4)
    yield made
    await waited(made.close())


async def all_free(limits: RateLimits, face: Face) -> None:
    """Nothing is under way, or in the hands of the loop to be closed, so that the next call goes at once."""
    for _ in range(100):
        if not limits.state().under_way:
            break
        gc.collect()  # an SDK's stream is a cycle, within which others come to light once the loop has closed one
        await asyncio.sleep(0.01)
    assert limits.state().under_way == 0
    await face.ask()
    assert limits.state().under_way == 0


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_after_every_fault(gateway: LocalGateway, limits: RateLimits, face: Face, stream: bool) -> None:
    surface = "gemini" if face.name.startswith("genai") else "chat"
    for fault in FAULTS.values():
        if not fault.fits(surface=surface, stream=stream) or fault.name.startswith("comment_trickle"):
            continue
        if fault.name in SILENT and fault.name != "hang" + "_before_content" * stream:
            continue
        if fault.name == "key_spent":  # says sixty requests a minute, which is learned, and fewer than are made here
            continue
        gateway.clear()
        gateway.script.fail("*", fault.name, retry_after=0, seconds=0.02 if "slow" in fault.name else None)
        try:
            await face.ask(stream=stream)
        except Exception as error:
            del error
        assert limits.state().under_way == 0, fault.name
    gateway.clear()
    await all_free(limits, face)


async def test_while_a_stream_flows_nobody_else_goes(gateway: LocalGateway, limits: RateLimits, face: Face) -> None:
    gateway.script.set_style("*", chunk_delay=0.02)
    stream = await face.stream()
    await first_of(stream)
    assert limits.state().under_way == 1
    await closed(stream)
    await all_free(limits, face)


async def test_after_a_stream_that_was_dropped(gateway: LocalGateway, limits: RateLimits, face: Face) -> None:
    gateway.script.set_style("*", chunk_delay=0.02)
    stream = await face.stream()
    await first_of(stream)
    del stream
    await all_free(limits, face)


async def test_after_a_stream_that_nobody_read(gateway: LocalGateway, limits: RateLimits, face: Face) -> None:
    await face.stream()
    await all_free(limits, face)


async def test_after_nobody_could_be_reached(gateway: LocalGateway, limits: RateLimits) -> None:
    url = gateway.url
    gateway.stop()
    client = GatewayClient("sk-aisa-x", base_url=url, policy=Policy(limits=limits, max_retries=0))
    with client, pytest.raises(Exception, match="can't be reached"):
        client.chat(body())
    gateway.start()
    assert limits.state().under_way == 0


@pytest.mark.parametrize("name", [name for name in FACES if name.endswith("async")])
@pytest.mark.parametrize("fault", ["hang", "hang_before_content", "hang_after_content"])
async def test_after_a_call_that_was_cancelled(
    gateway: LocalGateway, limits: RateLimits, name: str, fault: str
) -> None:
    face = make_face(name, gateway, policy=Policy(limits=limits))
    gateway.script.fail("*", fault, times=1)
    call = asyncio.create_task(face.ask(stream=fault != "hang"))
    assert await asyncio.to_thread(gateway.wait, requests=1, idle=False)
    await asyncio.sleep(0.05)
    call.cancel()
    await asyncio.wait([call])
    assert call.cancelled()
    await all_free(limits, face)
    await waited(face.close())


# ---- the line -------------------------------------------------------------------------------------------------------


@pytest.fixture
async def client(gateway: LocalGateway, limits: RateLimits) -> AsyncIterator[AsyncGatewayClient]:
    network = NetworkOptions(verify=ssl.create_default_context())
    made = AsyncGatewayClient(gateway.api_key, base_url=gateway.url, policy=Policy(limits=limits), network=network)
    yield made
    await made.close()


async def test_who_comes_first_goes_first(gateway: LocalGateway, client: AsyncGatewayClient) -> None:
    gateway.script.set_style("*", latency=0.01)
    calls = [asyncio.create_task(client.chat(body(f"model-{number}"))) for number in range(12)]
    await asyncio.gather(*calls)
    assert [request.model for request in gateway.requests] == [f"model-{number}" for number in range(12)]


async def test_who_gives_up_waiting_leaves_the_line(
    gateway: LocalGateway, client: AsyncGatewayClient, limits: RateLimits
) -> None:
    gateway.script.fail("model-0", "slow_first_byte", seconds=0.2)
    calls = [asyncio.create_task(client.chat(body(f"model-{number}"))) for number in range(6)]
    await asyncio.sleep(0.05)
    for call in calls[1:5]:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert [request.model for request in gateway.requests] == ["model-0", "model-5"]
    assert limits.state().under_way == 0


@settings(deadline=None, max_examples=150)
@given(
    per_minute=st.one_of(st.none(), st.integers(1, 6)),
    at_once=st.one_of(st.none(), st.integers(1, 4)),
    moves=st.lists(st.tuples(st.sampled_from(["come", "end", "leave", "wait"]), st.integers(0, 9)), max_size=60),
)
def test_no_window_and_no_moment_holds_more_than_the_limit(
    per_minute: int | None, at_once: int | None, moves: list[tuple[str, int]]
) -> None:
    limits = RateLimits(requests_per_minute=per_minute, at_once=at_once)
    now, under_way, starts, line = 1000.0, 0, list[float](), list[tuple[float, int]]()
    for what, number in [*moves, *[("end", 0), ("wait", 2 * 61)] * 70]:  # a minute for each that may have come
        if what == "come":
            line.append((now, None))  # type: ignore[arg-type]
        elif what == "end" and under_way:
            limits.ended("key")
            under_way -= 1
        elif what == "leave" and line:
            limits.leave_line("key", line.pop(number % len(line))[1])
        elif what == "wait":
            now += number / 2
        for waiter in [waiter for waiter in line if waiter[0] <= now]:
            turn = limits.try_start("key", now, waiter[1])
            line.remove(waiter)
            if turn.wait:
                line.append((now + turn.wait, turn.ticket))  # type: ignore[arg-type]
                continue
            under_way += 1
            starts.append(now)
            assert at_once is None or under_way <= at_once
            assert per_minute is None or sum(start > now - WINDOW for start in starts) <= per_minute
    assert line == []


def test_a_pool_that_is_full_is_no_failure_of_the_model(gateway: LocalGateway) -> None:
    """Nothing was sent: no other model is asked for it, and it costs nothing."""
    network = NetworkOptions(limits=httpx2.Limits(max_connections=1), verify=ssl.create_default_context())
    client = GatewayClient(
        gateway.api_key, base_url=gateway.url, timeout=0.2, max_retries=0, fallbacks=["other"], network=network
    )
    gateway.script.set_style("*", chunk_delay=0.02)
    with client, client.stream(body()) as stream:
        next(stream)
        began = time.monotonic()
        with pytest.raises(Exception, match="PoolTimeout"):
            client.chat(body())
        assert time.monotonic() - began < 5
    assert len(gateway.requests) == 1
