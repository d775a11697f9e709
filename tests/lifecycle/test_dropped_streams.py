"""A stream that nobody closes is settled, metered, cut upstream, and gives its slot back."""

import asyncio
import contextlib
import gc
import threading
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from aisa_integrations import Budget, GatewayClient, Policy, RateLimits, async_openai_client, openai_client, track
from aisa_integrations.local import LocalGateway
from aisa_integrations.locks import SafeLock
from aisa_integrations.transport.network import NetworkOptions
from tests.clients.faces import ASYNC_FACES, MESSAGES, OPENAI, SYNC_FACES, Face
from tests.lifecycle.watching import eventually, no_noise

ONE = httpx2.Limits(max_connections=1)


def one_slot(face: Face, gateway: LocalGateway) -> Any:
    """A client whose pool has room for one connection: a slot that stays taken stops it for good."""
    limits = {"network": NetworkOptions(limits=ONE)} if "gateway" in face.name else {"limits": ONE}
    return face.make(gateway.api_key, base_url=gateway.url, max_retries=0, timeout=5, **limits)


def endless(gateway: LocalGateway) -> None:
    """Streams go on with comments after two pieces: their end is the client's doing alone."""
    gateway.script.fail("*", "comment_trickle_after_content", every=0.02)


def raw(client: Any) -> Any:
    return client.chat.completions.with_raw_response.create(model="gpt-4o", messages=MESSAGES, stream=True)


def never_begun(face: Face, client: Any) -> None:
    stream = face.open(client)
    del stream


def half_read(face: Face, client: Any) -> None:
    stream = face.open(client)
    next(iter(stream))
    del stream


def left_by_break(face: Face, client: Any) -> None:
    for piece in face.open(client):
        if face.piece(piece):
            break


def left_by_an_error(face: Face, client: Any) -> None:
    with contextlib.suppress(LookupError):
        for _ in face.open(client):
            raise LookupError


# These ask at the first piece only.
LATE = {"genai", "genai aio", "async gateway", "ChatAisa", "async ChatAisa"}
SYNC_WAYS = [never_begun, half_read, left_by_break, left_by_an_error]


@pytest.mark.parametrize("face", SYNC_FACES, ids=str)
@pytest.mark.parametrize("way", SYNC_WAYS, ids=lambda way: way.__name__)
def test_a_dropped_stream(face: Face, way: Callable[[Face, Any], None], gateway: LocalGateway) -> None:
    endless(gateway)
    client = one_slot(face, gateway)
    asked = not (way is never_begun and face.name in LATE)
    with no_noise(), track() as spend:
        way(face, client)
        gc.collect()
        assert spend.calls == asked
        if asked:
            assert gateway.wait(requests=1, disconnects=1)
        assert "hello" in face.ask(client)
    assert spend.calls == 1 + asked
    assert spend.unknown == asked


@pytest.mark.parametrize("face", SYNC_FACES, ids=str)
def test_many_dropped_streams_and_one_slot(face: Face, gateway: LocalGateway) -> None:
    endless(gateway)
    client = one_slot(face, gateway)
    with no_noise(), track() as spend:
        for _ in range(5):
            half_read(face, client)
            gc.collect()
        assert "hello" in face.ask(client)
    assert spend.calls == 6
    assert gateway.wait(disconnects=5)


def test_a_dropped_raw_response(gateway: LocalGateway) -> None:
    endless(gateway)
    client = one_slot(OPENAI, gateway)
    with no_noise(), track() as spend:
        response = raw(client)
        del response
        gc.collect()
        assert gateway.wait(requests=1, disconnects=1)
        assert "hello" in OPENAI.ask(client)
    assert spend.calls == 2


def test_who_waits_for_the_slot_of_a_dropped_stream_gets_it(gateway: LocalGateway) -> None:
    endless(gateway)
    client = one_slot(OPENAI, gateway)
    stream = OPENAI.open(client)
    answers: list[str] = []
    waiting = threading.Thread(target=lambda: answers.append(OPENAI.ask(client)))
    waiting.start()
    del stream
    gc.collect()
    waiting.join(timeout=4)
    assert len(answers) == 1


def test_a_stream_collected_while_another_call_is_made(gateway: LocalGateway) -> None:
    """The collector runs in the middle of calls, in the very thread that holds what settling needs."""
    endless(gateway)
    client = openai_client(gateway.api_key, base_url=gateway.url, policy=Policy(max_retries=0))
    before = gc.get_threshold()
    with no_noise(), track() as spend:
        for _ in range(10):
            half_read(OPENAI, client)
            gc.set_threshold(5, 2, 2)
            try:
                OPENAI.ask(client)
            finally:
                gc.set_threshold(*before)
        gc.collect()
        assert eventually(lambda: spend.calls == 20)
    assert gateway.wait(disconnects=10)


def test_a_stream_collected_amid_a_locked_section_is_settled_after_it(gateway: LocalGateway) -> None:
    """Its turn among those at once, and as the first call of a model, is given on; amid the section it would wait."""
    endless(gateway)
    policy = Policy(budget=Budget(usd=10), limits=RateLimits(at_once=1), max_retries=0, deadline=3)
    client = GatewayClient(gateway.api_key, base_url=gateway.url, policy=policy)
    with track() as spend:
        stream = client.stream({"model": "gpt-4o", "messages": MESSAGES})
        next(stream)
        with SafeLock():
            stream.close()
            assert spend.calls == 0
        assert spend.calls == 1
        assert client.chat({"model": "gpt-4o", "messages": MESSAGES})["choices"]


# ---- async ----------------------------------------------------------------------------------------------------------


async def _opened(face: Face, client: Any) -> Any:
    stream = face.open(client)
    return await stream if hasattr(stream, "__await__") else stream


async def a_never_begun(face: Face, client: Any) -> None:
    stream = await _opened(face, client)
    del stream


async def a_half_read(face: Face, client: Any) -> None:
    stream = await _opened(face, client)
    await anext(aiter(stream))
    del stream


async def a_left_by_break(face: Face, client: Any) -> None:
    async for piece in await _opened(face, client):
        if face.piece(piece):
            break


async def a_left_by_an_error(face: Face, client: Any) -> None:
    with contextlib.suppress(LookupError):
        async for _ in await _opened(face, client):
            raise LookupError


async def collected() -> None:
    # The generators of an SDK are closed one after the other, each in a task of the loop.
    for _ in range(20):
        gc.collect()
        await asyncio.sleep(0)


ASYNC_WAYS = [a_never_begun, a_half_read, a_left_by_break, a_left_by_an_error]


@pytest.mark.parametrize("face", ASYNC_FACES, ids=str)
@pytest.mark.parametrize("way", ASYNC_WAYS, ids=lambda way: way.__name__)
def test_a_dropped_async_stream(
    face: Face, way: Callable[[Face, Any], Any], gateway: LocalGateway, caplog: pytest.LogCaptureFixture
) -> None:
    endless(gateway)
    client = one_slot(face, gateway)
    asked = not (way is a_never_begun and face.name in LATE)

    async def drop_and_ask() -> str:
        await way(face, client)
        await collected()
        if asked:
            assert await asyncio.to_thread(gateway.wait, requests=1, disconnects=1)
        return face.text(await face.call(client))

    with no_noise(), track() as spend:
        assert "hello" in asyncio.run(drop_and_ask())
    assert spend.calls == 1 + asked
    assert spend.unknown == asked
    assert caplog.messages == []


@pytest.mark.parametrize("face", ASYNC_FACES, ids=str)
def test_many_dropped_async_streams_and_one_slot(face: Face, gateway: LocalGateway) -> None:
    endless(gateway)
    client = one_slot(face, gateway)

    async def drop_and_ask() -> str:
        for _ in range(5):
            await a_half_read(face, client)
            await collected()
        return face.text(await face.call(client))

    with no_noise(), track() as spend:
        assert "hello" in asyncio.run(drop_and_ask())
    assert spend.calls == 6
    assert gateway.wait(disconnects=5)


def test_a_dropped_async_raw_response(gateway: LocalGateway) -> None:
    endless(gateway)
    client = async_openai_client(gateway.api_key, base_url=gateway.url, limits=ONE, max_retries=0)

    async def drop_and_ask() -> Any:
        response = await raw(client)
        del response
        await collected()
        return await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)  # type: ignore[arg-type]

    with no_noise(), track() as spend:
        asyncio.run(drop_and_ask())
    assert spend.calls == 2
    assert gateway.wait(disconnects=1)


def test_a_stream_dropped_with_its_client(gateway: LocalGateway) -> None:
    endless(gateway)
    with no_noise(), track() as spend:
        stream = GatewayClient(gateway.api_key, base_url=gateway.url).stream({"model": "gpt-4o", "messages": MESSAGES})
        next(stream)
        del stream
        gc.collect()
        assert gateway.wait(disconnects=1)
    assert spend.calls == 1
