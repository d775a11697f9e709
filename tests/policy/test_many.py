"""Many calls at once on one loop: all of them end, connections are kept and bounded, and no place is lost."""

import asyncio
import random
import ssl
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from aisa_integrations import AsyncGatewayClient, async_openai_client, genai_client
from aisa_integrations.local import LocalGateway
from aisa_integrations.transport.network import NetworkOptions
from tests.lifecycle.watching import Connects, descriptors, eventually
from tests.metering.faces import MODEL, TLS, messages

Ask = Callable[..., Any]


def make(gateway: LocalGateway, limits: httpx2.Limits | None = None, **settings: Any) -> AsyncGatewayClient:
    network = NetworkOptions(verify=TLS) if limits is None else NetworkOptions(limits=limits, verify=TLS)
    return AsyncGatewayClient(gateway.api_key, base_url=gateway.url, network=network, **settings)


async def ask(client: AsyncGatewayClient, text: str = "hello", *, stream: bool = False) -> str:
    """One call; its text."""
    body = {"model": MODEL, "messages": messages(text)}
    if not stream:
        return str((await client.chat(body))["choices"][0]["message"]["content"])
    events = [event async for event in client.stream(body)]
    return "".join(choice["delta"].get("content") or "" for event in events for choice in event["choices"])


def said(text: str) -> str:
    return f"Simulated reply from {MODEL}: you said {text}"


async def test_a_thousand_calls_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalGateway(latency=0.2) as gateway:
        before, connects, client = descriptors(), Connects(monkeypatch), make(gateway)
        texts = await asyncio.gather(*(ask(client, f"number {n}", stream=n % 2 == 0) for n in range(1000)))
        assert texts == [said(f"number {n}") for n in range(1000)]
        assert len(gateway.requests) == 1000
        assert connects.count <= 1000
        opened = connects.count
        gateway.script.set_style("*", latency=0)
        for number in range(10):
            await ask(client, stream=number % 2 == 0)
        assert connects.count == opened  # a lone caller meets a connection that is warm
        await client.close()
        assert await asyncio.to_thread(eventually, lambda: descriptors() <= before)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_a_lone_caller_keeps_its_connection(
    gateway: LocalGateway, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    connects, client = Connects(monkeypatch), make(gateway)
    for _ in range(20):
        await ask(client, stream=stream)
    assert connects.count == 1
    for _ in range(5):
        await asyncio.gather(*(ask(client, stream=stream) for _ in range(6)))
    assert connects.count <= 7
    await client.close()


# ---- a bound on connections -----------------------------------------------------------------------------------------


def openai_call(gateway: LocalGateway, limits: httpx2.Limits) -> tuple[Ask, Ask]:
    client = async_openai_client(gateway.api_key, base_url=gateway.url, limits=limits, verify=TLS)
    create: Any = client.chat.completions.create
    return lambda: create(model=MODEL, messages=messages()), client.close


def genai_call(gateway: LocalGateway, limits: httpx2.Limits) -> tuple[Ask, Ask]:
    client = genai_client(gateway.api_key, base_url=gateway.url, limits=limits, verify=TLS)
    return lambda: client.aio.models.generate_content(model=MODEL, contents="hello"), client.aio.aclose


def gateway_call(gateway: LocalGateway, limits: httpx2.Limits) -> tuple[Ask, Ask]:
    client = make(gateway, limits)
    return lambda: ask(client), client.close


@pytest.mark.parametrize("most", [1, 6])
@pytest.mark.parametrize("made", [openai_call, genai_call, gateway_call])
async def test_no_more_connections_than_allowed(
    gateway: LocalGateway, monkeypatch: pytest.MonkeyPatch, made: Any, most: int
) -> None:
    connects = Connects(monkeypatch)
    gateway.script.set_style("*", latency=0.01)
    call, close = made(gateway, httpx2.Limits(max_connections=most))
    await asyncio.gather(*(call() for _ in range(20)))
    assert connects.count <= most
    assert len(gateway.requests) == 20
    await close()


@pytest.fixture
def one() -> httpx2.Limits:
    return httpx2.Limits(max_connections=1)


async def test_who_waits_for_a_connection_goes_in_turn(gateway: LocalGateway, one: httpx2.Limits) -> None:
    client = make(gateway, one)
    calls = [asyncio.create_task(ask(client, str(number))) for number in range(12)]
    await asyncio.gather(*calls)
    told = [request.json["messages"][0]["content"] for request in gateway.requests]
    assert told == [str(number) for number in range(12)]
    await client.close()


async def test_cancelled_waiters_lose_no_place(gateway: LocalGateway, one: httpx2.Limits) -> None:
    client = make(gateway, one)
    gateway.script.set_style("*", latency=0.05)
    first = asyncio.create_task(ask(client))
    waiting = [asyncio.create_task(ask(client)) for _ in range(6)]

    def cancel_some(_: Any) -> None:
        # In the very turn of the loop in which the first gives its place back: before they run, and after.
        for call in waiting[:3]:
            call.cancel()

    await asyncio.sleep(0.01)
    waiting[1].cancel()
    first.add_done_callback(cancel_some)
    ended = await asyncio.gather(first, *waiting, return_exceptions=True)
    assert [isinstance(end, str) for end in ended] == [True, False, False, False, True, True, True]
    assert await asyncio.wait_for(ask(client), 5) == said("hello")
    await client.close()


@pytest.mark.parametrize("seed", range(4))
async def test_whoever_is_cancelled_whenever(gateway: LocalGateway, seed: int) -> None:
    chance = random.Random(seed)
    client = make(gateway, httpx2.Limits(max_connections=2))
    gateway.script.set_style("*", latency=0.002, chunk_delay=0.001)
    calls = [asyncio.create_task(ask(client, stream=number % 2 == 0)) for number in range(60)]
    for call in chance.sample(calls, 40):
        asyncio.get_running_loop().call_later(chance.random() * 0.1, call.cancel)
    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(end) for end in ended} <= {str, asyncio.CancelledError}
    assert sum(isinstance(end, str) for end in ended) >= 20
    texts = await asyncio.wait_for(asyncio.gather(*(ask(client) for _ in range(4))), 5)
    assert texts == [said("hello")] * 4
    await client.close()


async def test_whoever_waits_while_the_client_is_closed_begins_anew(gateway: LocalGateway, one: httpx2.Limits) -> None:
    client = make(gateway, one, max_retries=0)
    gateway.script.fail(MODEL, "hang", times=1)
    first = asyncio.create_task(ask(client))
    assert await asyncio.to_thread(gateway.wait, requests=1, idle=False)
    waiting = [asyncio.create_task(ask(client)) for _ in range(3)]
    await asyncio.sleep(0.01)
    await client.close()
    assert await asyncio.wait_for(asyncio.gather(*waiting), 5) == [said("hello")] * 3
    first.cancel()
    await asyncio.wait([first])
    await client.close()


async def test_a_wait_for_a_connection_that_is_too_long_is_no_failure_of_the_model(
    gateway: LocalGateway, one: httpx2.Limits
) -> None:
    client = make(gateway, one, timeout=0.2, max_retries=0, fallbacks=["other"])
    gateway.script.set_style(MODEL, chunk_delay=0.02)
    stream = client.stream({"model": MODEL, "messages": messages()})
    await anext(stream)
    with pytest.raises(Exception, match="PoolTimeout"):
        await ask(client)
    await stream.aclose()
    assert await ask(client) == said("hello")
    assert [request.model for request in gateway.requests] == [MODEL, MODEL]
    await client.close()


def test_each_loop_has_its_own(gateway: LocalGateway, one: httpx2.Limits) -> None:
    client = AsyncGatewayClient(
        gateway.api_key, base_url=gateway.url,
        network=NetworkOptions(limits=one, verify=ssl.create_default_context()),
    )  # fmt: skip

    async def several() -> list[str]:
        return await asyncio.gather(*(ask(client) for _ in range(5)))

    for _ in range(3):
        assert asyncio.run(several()) == [said("hello")] * 5
