"""One async client on many event loops: every call answers, and nothing of a loop stays behind it."""

import asyncio
import contextlib
import gc
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from aisa_integrations.local import LocalGateway
from tests.clients.faces import ASYNC_FACES, Face
from tests.lifecycle.watching import Connects, descriptors, eventually, no_noise

pytestmark = pytest.mark.parametrize("face", ASYNC_FACES, ids=str)


def by_asyncio_run(face: Face, client: Any) -> None:
    face.ask(client)
    face.read(client)


def by_a_loop_that_is_just_closed(face: Face, client: Any) -> None:
    loop = asyncio.new_event_loop()
    loop.run_until_complete(_call(face, client))
    loop.close()


def by_a_loop_closed_in_mid_stream(face: Face, client: Any) -> None:
    loop = asyncio.new_event_loop()
    stream = loop.run_until_complete(_begun(face, client))
    loop.close()
    del stream


def by_asyncio_run_left_in_mid_stream(face: Face, client: Any) -> None:
    asyncio.run(_begun(face, client))


async def _call(face: Face, client: Any) -> str:
    return face.text(await face.call(client))


async def _begun(face: Face, client: Any) -> Any:
    stream = face.open(client)
    stream = await stream if hasattr(stream, "__await__") else stream
    pieces = aiter(stream)
    await anext(pieces)
    return stream, pieces


def _repeat(times: int, way: Callable[[Face, Any], None], face: Face, gateway: LocalGateway) -> None:
    client = face.make(gateway.api_key, base_url=gateway.url)
    way(face, client)
    gc.collect()
    before = descriptors()
    for _ in range(times):
        way(face, client)
    gc.collect()
    assert eventually(lambda: descriptors() <= before)
    del client
    gc.collect()


WAYS = [
    by_asyncio_run,
    by_a_loop_that_is_just_closed,
    by_a_loop_closed_in_mid_stream,
    by_asyncio_run_left_in_mid_stream,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_nothing_of_a_loop_stays(
    face: Face, way: Callable[[Face, Any], None], gateway: LocalGateway, caplog: pytest.LogCaptureFixture
) -> None:
    clean = descriptors()
    with no_noise(), caplog.at_level(logging.WARNING, "asyncio"):
        _repeat(10, way, face, gateway)
    # The gateway runs in a thread of its own, and its asyncio complains of every client that left.
    here = threading.current_thread().name
    assert [record.getMessage() for record in caplog.records if record.threadName == here] == []
    assert gateway.wait()
    assert eventually(lambda: descriptors() == clean)


def test_two_hundred_runs(face: Face, gateway: LocalGateway) -> None:
    with no_noise():
        _repeat(200, by_asyncio_run, face, gateway)
    assert len(gateway.requests) == 402


def test_loops_of_several_threads_at_once(face: Face, gateway: LocalGateway) -> None:
    client = face.make(gateway.api_key, base_url=gateway.url)
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(face.ask(client))) for _ in range(4)]
    with no_noise():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(answers) == 4
    assert all("hello" in answer for answer in answers)


def test_within_a_loop_a_connection_is_used_again(
    face: Face, gateway: LocalGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = face.make(gateway.api_key, base_url=gateway.url)
    connects = Connects(monkeypatch)

    async def several() -> None:
        for _ in range(3):
            await face.call(client)
            await face.read_within(client)

    asyncio.run(several())
    assert connects.count == 1
    asyncio.run(several())
    assert connects.count == 2


def test_calls_of_one_loop_at_once(face: Face, gateway: LocalGateway) -> None:
    client = face.make(gateway.api_key, base_url=gateway.url)

    async def together() -> list[str]:
        return await asyncio.gather(*(face.read_within(client) for _ in range(20)))

    with no_noise():
        assert len(set(asyncio.run(together()))) == 1


@pytest.mark.parametrize("name", ["drop", "close"])
def test_a_client_that_is_made_in_a_loop_and_left_there(face: Face, name: str, gateway: LocalGateway) -> None:
    async def once() -> None:
        client = face.make(gateway.api_key, base_url=gateway.url)
        await face.call(client)
        if name == "close":
            await face.close(client)

    clean = descriptors()
    with no_noise():
        for _ in range(5):
            asyncio.run(once())
    assert eventually(lambda: descriptors() == clean)


def test_it_is_used_from_a_debugging_loop(face: Face, gateway: LocalGateway) -> None:
    client = face.make(gateway.api_key, base_url=gateway.url)
    with no_noise():
        assert "hello" in asyncio.run(_call(face, client), debug=True)


@pytest.mark.parametrize("how", ["closed", "read on"])
def test_a_stream_that_outlives_its_loop(face: Face, how: str, gateway: LocalGateway) -> None:
    client = face.make(gateway.api_key, base_url=gateway.url)
    with no_noise():
        stream, pieces = asyncio.run(_begun(face, client))

        async def later() -> None:
            if how == "closed":
                await (stream.close if hasattr(stream, "close") else stream.aclose)()
            else:
                with contextlib.suppress(Exception):
                    await anext(pieces)

        asyncio.run(later())
        assert "hello" in face.ask(client)
