"""Connections live from call to call and end with `close()`; after it a client behaves as the stock one does."""

import asyncio
import gc
from typing import Any

import httpx2
import openai
import pytest

from aisa_integrations.local import LocalGateway
from tests.clients.faces import (
    ASYNC_FACES,
    ASYNC_GATEWAY,
    ASYNC_OPENAI,
    FACES,
    GATEWAY,
    GENAI,
    GENAI_AIO,
    MESSAGES,
    OPENAI,
    SDK_FACES,
    SYNC_FACES,
    Face,
    comes_out,
)
from tests.lifecycle.watching import Connects, descriptors, eventually, no_noise


@pytest.fixture
def connects(gateway: LocalGateway, monkeypatch: pytest.MonkeyPatch) -> Connects:
    return Connects(monkeypatch)


def _used_again(face: Face, client: Any) -> Any:
    """Plain calls and streams in turn, in one loop where the face is async."""

    async def in_a_loop() -> None:
        for _ in range(2):
            await face.call(client)
            await face.read_within(client)

    if face.is_async:
        return in_a_loop()
    for _ in range(2):
        face.ask(client)
        face.read(client)
    return None


STYLES: dict[str, dict[str, Any]] = {
    "standard": {},
    "without [DONE]": {"done": False},
    "usage on an own chunk": {"usage_on": "own"},
    "with comments": {"comments": True},
    "byte by byte": {"write_size": 7},
    "all at once": {"write_size": 0},
}


@pytest.mark.parametrize("face", FACES, ids=str)
@pytest.mark.parametrize("style", STYLES)
def test_streams_read_to_their_end_keep_their_connection(
    face: Face, style: str, gateway: LocalGateway, connects: Connects
) -> None:
    gateway.script.set_style("*", **STYLES[style])
    face.run(_used_again, face, face.make(gateway.api_key, base_url=gateway.url))
    assert connects.count == 1
    assert gateway.disconnects == 0


@pytest.mark.parametrize("face", FACES, ids=str)
def test_errors_keep_their_connection(face: Face, gateway: LocalGateway, connects: Connects) -> None:
    gateway.script.fail("*", "server_error", times=4)
    client = face.make(gateway.api_key, base_url=gateway.url, max_retries=0, fallbacks=["a", "b", "c", "d"])
    face.run(_used_again, face, client)
    assert connects.count == 1


@pytest.mark.parametrize("face", FACES, ids=str)
def test_close_leaves_no_descriptor(face: Face, gateway: LocalGateway) -> None:
    before = descriptors()
    client = face.make(gateway.api_key, base_url=gateway.url)

    async def in_a_loop() -> None:
        await face.read_within(client)
        await face.close(client)
        await asyncio.sleep(0)
        assert await asyncio.to_thread(eventually, lambda: descriptors() <= inside)

    async def measured() -> int:
        await asyncio.to_thread(lambda: None)
        return descriptors()

    with no_noise():
        if face.is_async:
            with asyncio.Runner() as runner:
                inside = runner.run(measured())
                runner.run(in_a_loop())
        else:
            face.read(client)
            face.close(client)
        assert eventually(lambda: descriptors() == before)


@pytest.mark.parametrize("face", SYNC_FACES, ids=str)
def test_a_client_that_is_dropped_leaves_no_descriptor(face: Face, gateway: LocalGateway) -> None:
    before = descriptors()
    with no_noise():
        face.read(face.make(gateway.api_key, base_url=gateway.url))
        gc.collect()
        assert eventually(lambda: descriptors() == before)


def test_context_managers_close(gateway: LocalGateway) -> None:
    before = descriptors()
    with no_noise():
        for face in (OPENAI, GATEWAY, GENAI):
            with face.make(gateway.api_key, base_url=gateway.url) as client:
                assert "hello" in face.ask(client)
        for face in (ASYNC_OPENAI, ASYNC_GATEWAY):
            asyncio.run(_within(face, face.make(gateway.api_key, base_url=gateway.url)))
        gemini = GENAI_AIO.make(gateway.api_key, base_url=gateway.url)
        asyncio.run(_within_aio(gemini))
        gemini.close()
        assert eventually(lambda: descriptors() == before)


async def _within(face: Face, manager: Any) -> None:
    async with manager as client:
        assert "hello" in face.text(await face.call(client))


async def _within_aio(client: Any) -> None:
    async with client.aio as aio:
        assert await aio.models.generate_content(model="gemini-2.5-flash", contents="hi")


# ---- after close ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("face", SDK_FACES, ids=str)
def test_an_sdk_client_after_close_is_as_stock(face: Face, gateway: LocalGateway) -> None:
    client = face.make(gateway.api_key, base_url=gateway.url)
    face.run(face.close, client)
    face.run(face.close, client)
    with comes_out(RuntimeError, "client has been closed"):
        face.ask(client)
    assert gateway.requests == []


def test_is_closed_says_so(gateway: LocalGateway) -> None:
    client = OPENAI.make(gateway.api_key, base_url=gateway.url)
    assert not client.is_closed()
    client.close()
    assert client.is_closed()
    stock = openai.OpenAI(api_key="any", base_url=gateway.url)
    stock.close()
    with pytest.raises((RuntimeError, openai.APIConnectionError)) as expected:
        stock.models.list()
    with pytest.raises(type(expected.value)) as got:
        client.models.list()
    assert (str(got.value), repr(got.value.__cause__)) == (str(expected.value), repr(expected.value.__cause__))


@pytest.mark.parametrize("face", [GATEWAY, ASYNC_GATEWAY], ids=str)
def test_a_gateway_client_opens_new_connections_after_close(face: Face, gateway: LocalGateway) -> None:
    client = face.make(gateway.api_key, base_url=gateway.url)
    with no_noise():
        for _ in range(2):
            assert "hello" in face.ask(client)
            face.run(face.close, client)


def test_copies_share_their_connections(gateway: LocalGateway, connects: Connects) -> None:
    client = OPENAI.make(gateway.api_key, base_url=gateway.url)
    OPENAI.ask(client)
    OPENAI.ask(client.with_options(timeout=5))
    assert connects.count == 1
    client.with_options(timeout=5).close()
    with comes_out(RuntimeError, "closed"):
        OPENAI.ask(client)


def test_one_side_of_gemini_is_closed_without_the_other(gateway: LocalGateway) -> None:
    client = GENAI.make(gateway.api_key, base_url=gateway.url)
    client.close()
    assert "hello" in GENAI_AIO.ask(client)
    other = GENAI.make(gateway.api_key, base_url=gateway.url)
    asyncio.run(other.aio.aclose())
    assert "hello" in GENAI.ask(other)


def test_gemini_works_as_a_one_liner(gateway: LocalGateway) -> None:
    answer = GENAI.make(gateway.api_key, base_url=gateway.url).models.generate_content(
        model="gemini-2.5-flash", contents="Say hello"
    )
    assert "hello" in answer.text


@pytest.mark.parametrize("face", ASYNC_FACES, ids=str)
def test_closing_on_another_loop_closes_what_is_there(face: Face, gateway: LocalGateway) -> None:
    client = face.make(gateway.api_key, base_url=gateway.url)
    with no_noise():
        face.ask(client)
        face.run(face.close, client)


# ---- streams --------------------------------------------------------------------------------------------------------


def test_a_stream_closed_early_is_closed_upstream(gateway: LocalGateway) -> None:
    gateway.script.fail("*", "comment_trickle_after_content", every=0.02)
    client = OPENAI.make(gateway.api_key, base_url=gateway.url, limits=httpx2.Limits(max_connections=1))
    with client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True) as stream:
        next(iter(stream))
    assert gateway.wait(disconnects=1)
    with GATEWAY.open(GATEWAY.make(gateway.api_key, base_url=gateway.url)) as events:
        next(events)
    assert gateway.wait(disconnects=2)
    assert list(events) == []
    assert "hello" in OPENAI.ask(client)


@pytest.mark.parametrize("face", [ASYNC_OPENAI, ASYNC_GATEWAY], ids=str)
def test_an_async_stream_closed_early_is_closed_upstream(face: Face, gateway: LocalGateway) -> None:
    gateway.script.fail("*", "comment_trickle_after_content", every=0.02)
    client = face.make(gateway.api_key, base_url=gateway.url)

    async def closed_early() -> bool:
        stream = face.open(client)
        stream = await stream if hasattr(stream, "__await__") else stream
        async with stream:
            await anext(aiter(stream))
        return await asyncio.to_thread(gateway.wait, disconnects=1)

    with no_noise():
        assert asyncio.run(closed_early())
