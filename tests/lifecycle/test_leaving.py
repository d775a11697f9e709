"""Ctrl-C and cancellation go through untouched, close the request upstream at once, and are never tried again."""

import asyncio
import contextlib
import ctypes
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from aisa_integrations import track
from aisa_integrations.local import LocalGateway
from aisa_integrations.tracking import Spend
from aisa_integrations.transport.network import NetworkOptions
from tests.clients.faces import ASYNC_FACES, SYNC_FACES, Face
from tests.lifecycle.watching import eventually, no_noise

# (fault, way): before a reply, while a stream is opened, in the middle of it; each would go on for ever.
MOMENTS = [
    pytest.param("hang", "plain", id="plain call"),
    pytest.param("hang", "stream", id="opening a stream"),
    pytest.param("hang_before_content", "stream", id="waiting for content"),
    pytest.param("hang_after_content", "stream", id="reading a stream"),
    pytest.param("comment_trickle_after_content", "stream", id="reading comments"),
]


def eager(face: Face, gateway: LocalGateway) -> Any:
    """A client that would try again for long, and has room for one connection."""
    limits = httpx2.Limits(max_connections=1)
    room = {"network": NetworkOptions(limits=limits)} if "gateway" in face.name else {"limits": limits}
    return face.make(gateway.api_key, base_url=gateway.url, max_retries=5, fallbacks=["second", "third"], **room)


def assert_left(gateway: LocalGateway, spend: Spend) -> None:
    assert gateway.wait(disconnects=1)
    assert len(gateway.requests) == 1
    assert (spend.calls, spend.unknown, float(spend.cost)) == (1, 1, 0)


def assert_still_works(face: Face, client: Any, gateway: LocalGateway) -> None:
    gateway.script.clear()
    assert "hello" in face.ask(client)


# ---- Ctrl-C ---------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def interrupted_in(seconds: float) -> Iterator[None]:
    """Raise KeyboardInterrupt out of a signal handler, as Ctrl-C does, in so many seconds."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _act(face: Face, way: str, client: Any) -> None:
    face.ask(client) if way == "plain" else face.read(client)


@pytest.mark.parametrize("face", SYNC_FACES, ids=str)
@pytest.mark.parametrize(("fault", "way"), MOMENTS)
def test_ctrl_c(face: Face, fault: str, way: str, gateway: LocalGateway) -> None:
    gateway.script.fail("*", fault)
    client = eager(face, gateway)
    with no_noise(), track() as spend:
        with pytest.raises(KeyboardInterrupt) as caught, interrupted_in(0.2):
            _act(face, way, client)
        assert caught.type is KeyboardInterrupt
        assert_left(gateway, spend)
    assert_still_works(face, client, gateway)


@pytest.mark.parametrize("face", SYNC_FACES, ids=str)
def test_an_exception_raised_in_a_thread_from_outside(face: Face, gateway: LocalGateway) -> None:
    gateway.script.fail("*", "comment_trickle_after_content", every=0.02)
    client = eager(face, gateway)
    raised: list[type[BaseException]] = []

    def read() -> None:
        try:
            face.read(client)
        except BaseException as error:
            raised.append(type(error))

    with no_noise(), track() as spend:
        thread = threading.Thread(target=read)
        thread.start()
        gateway.wait(requests=1, idle=False)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident or 0), ctypes.py_object(KeyboardInterrupt)
        )
        thread.join()
        assert raised == [KeyboardInterrupt]
        assert gateway.wait(disconnects=1)
    assert len(gateway.requests) == 1
    assert spend.calls == 1


@pytest.mark.parametrize("face", SYNC_FACES, ids=str)
def test_ctrl_c_between_two_rounds(face: Face, gateway: LocalGateway) -> None:
    gateway.script.fail("*", "retry_after", retry_after=30)
    client = face.make(gateway.api_key, base_url=gateway.url, max_retries=5)
    with track() as spend, pytest.raises(KeyboardInterrupt), interrupted_in(0.3):
        face.ask(client)
    assert len(gateway.requests) == 1
    # Nothing was under way, and a refusal costs nothing.
    assert (spend.calls, spend.unknown) == (1, 0)


# ---- cancellation ---------------------------------------------------------------------------------------------------


async def _work(face: Face, way: str, client: Any) -> None:
    await (face.call(client) if way == "plain" else face.read_within(client))


async def by_cancel(work: Any, gateway: LocalGateway) -> None:
    task = asyncio.create_task(work)
    await asyncio.to_thread(gateway.wait, requests=1, idle=False)
    await asyncio.sleep(0.1)
    task.cancel("the caller's own words")
    await task


async def by_timeout(work: Any, gateway: LocalGateway) -> None:
    async with asyncio.timeout(0.2):
        await work


async def by_wait_for(work: Any, gateway: LocalGateway) -> None:
    await asyncio.wait_for(work, 0.2)


async def by_a_failing_sibling(work: Any, gateway: LocalGateway) -> None:
    async def fail() -> None:
        await asyncio.sleep(0.2)
        raise LookupError

    async with asyncio.TaskGroup() as group:
        group.create_task(work)
        group.create_task(fail())


LEAVINGS: dict[Callable[..., Any], type[BaseException]] = {
    by_cancel: asyncio.CancelledError,
    by_timeout: TimeoutError,
    by_wait_for: TimeoutError,
    by_a_failing_sibling: ExceptionGroup,
}


@pytest.mark.parametrize("face", ASYNC_FACES, ids=str)
@pytest.mark.parametrize("leave", LEAVINGS, ids=lambda leave: leave.__name__)
@pytest.mark.parametrize(("fault", "way"), MOMENTS)
def test_cancellation(face: Face, leave: Callable[..., Any], fault: str, way: str, gateway: LocalGateway) -> None:
    gateway.script.fail("*", fault)
    client = eager(face, gateway)

    async def left_and_used_again() -> None:
        with track() as spend:
            with pytest.raises(LEAVINGS[leave]) as caught:
                await leave(_work(face, way, client), gateway)
            assert caught.type is LEAVINGS[leave]
            assert leave is not by_cancel or caught.value.args == ("the caller's own words",)
            await asyncio.to_thread(assert_left, gateway, spend)
        gateway.script.clear()
        assert "hello" in face.text(await face.call(client))

    with no_noise():
        asyncio.run(left_and_used_again())


@pytest.mark.parametrize("face", ASYNC_FACES, ids=str)
@pytest.mark.parametrize(("fault", "way"), MOMENTS)
def test_ctrl_c_in_asyncio_run(face: Face, fault: str, way: str, gateway: LocalGateway) -> None:
    gateway.script.fail("*", fault)
    client = eager(face, gateway)
    killer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    with no_noise(), track() as spend:
        killer.start()
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(_work(face, way, client))
        killer.join()
        assert_left(gateway, spend)
    assert_still_works(face, client, gateway)


@pytest.mark.parametrize("face", ASYNC_FACES, ids=str)
def test_cancellation_between_two_rounds(face: Face, gateway: LocalGateway) -> None:
    gateway.script.fail("*", "retry_after", retry_after=30)
    client = face.make(gateway.api_key, base_url=gateway.url, max_retries=5)
    with track() as spend, pytest.raises(TimeoutError):
        asyncio.run(by_timeout(_work(face, "plain", client), gateway))
    assert len(gateway.requests) == 1
    # Nothing was under way, and a refusal costs nothing.
    assert (spend.calls, spend.unknown) == (1, 0)


@pytest.mark.parametrize("face", ASYNC_FACES, ids=str)
def test_a_hundred_cancelled_calls_leave_every_slot_free(face: Face, gateway: LocalGateway) -> None:
    gateway.script.fail("*", "hang_after_content")
    client = eager(face, gateway)

    async def in_a_row() -> None:
        for turn in range(30):
            with contextlib.suppress(TimeoutError):
                # Some are left before the head, some in the stream, some while their connection closes.
                async with asyncio.timeout(0.002 * turn):
                    await face.read_within(client)
        gateway.script.clear()
        assert "hello" in face.text(await face.call(client))

    with no_noise():
        asyncio.run(in_a_row())
    assert eventually(lambda: gateway.in_flight == 0)


@pytest.mark.parametrize("face", ASYNC_FACES, ids=str)
def test_a_second_cancellation_while_the_connection_closes(face: Face, gateway: LocalGateway) -> None:
    gateway.script.fail("*", "hang_after_content")
    client = eager(face, gateway)

    async def impatient() -> None:
        for turns in range(12):
            task = asyncio.create_task(_work(face, "stream", client))
            await asyncio.sleep(0.05)
            task.cancel()
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        gateway.script.clear()
        assert "hello" in face.text(await face.call(client))

    with no_noise():
        asyncio.run(asyncio.wait_for(impatient(), 10))


@pytest.mark.parametrize("face", ASYNC_FACES, ids=str)
def test_leaving_the_queue_for_a_slot_lets_the_next_one_in(face: Face, gateway: LocalGateway) -> None:
    gateway.script.fail("*", "slow_first_byte", seconds=0.02)
    client = eager(face, gateway)

    async def in_a_crowd() -> None:
        async with asyncio.timeout(5):
            for turn in range(10):
                tasks = [asyncio.create_task(_work(face, "plain", client)) for _ in range(8)]
                await asyncio.sleep(0.003 * turn)
                for task in tasks[turn % 3 :: 2]:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    with no_noise():
        asyncio.run(in_a_crowd())
