"""Warm clients in forked children: each process has connections of its own, and leaves the parent's alone."""

import asyncio
import functools
import gc
import multiprocessing
import os
import pathlib
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

import aisa_integrations
from aisa_integrations import track
from aisa_integrations.local import LocalGateway
from tests.clients.faces import FACES, GATEWAY, OPENAI, SYNC_FACES, Face
from tests.lifecycle.watching import eventually, in_a_child

ROOT = pathlib.Path(aisa_integrations.__file__).parents[1]
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


@pytest.fixture(autouse=True)
def _threads_are_meant() -> Iterator[None]:
    # From Python 3.12 on, forking a process with threads warns; that it goes well with ours is what is tested.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*multi-threaded, use of fork\(\)", category=DeprecationWarning)
        yield


def warm(face: Face, gateway: LocalGateway, **options: Any) -> Any:
    client = face.make(gateway.api_key, base_url=gateway.url, max_retries=0, timeout=10, **options)
    face.ask(client)
    face.read(client)
    return client


@pytest.mark.parametrize("face", FACES, ids=str)
def test_four_children_of_a_warm_client_all_get_their_own_answers(face: Face, gateway: LocalGateway) -> None:
    client = warm(face, gateway)

    def answers_of(child: int) -> list[str]:
        return [face.ask(client, f"child {child}, call {call}") for call in range(5)]

    results = [in_a_child(functools.partial(answers_of, child)) for child in range(4)]
    for child, result in enumerate(results):
        said = [answer.rpartition(": you said ")[2] for answer in result()]
        assert said == [f"child {child}, call {call}" for call in range(5)]
    assert "hello" in face.ask(client)
    assert gateway.disconnects == 0


@pytest.mark.parametrize("face", FACES, ids=str)
def test_children_by_multiprocessing(face: Face, gateway: LocalGateway) -> None:
    client = warm(face, gateway)
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    children = [context.Process(target=lambda: answers.put(face.ask(client))) for _ in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join(timeout=20)
    assert [child.exitcode for child in children] == [0] * 4
    assert all("hello" in answers.get() for _ in children)


@pytest.mark.parametrize("face", SYNC_FACES, ids=str)
def test_forking_while_another_thread_is_in_the_middle_of_a_call(face: Face, gateway: LocalGateway) -> None:
    client = warm(face, gateway)
    gateway.clear()
    gateway.script.fail(face.model, "slow_first_byte", times=1, seconds=0.4)
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(face.ask(client)))
    thread.start()
    assert gateway.wait(requests=1, idle=False)
    results = [in_a_child(lambda: face.ask(client)) for _ in range(2)]
    assert all("hello" in result() for result in results)
    thread.join()
    assert len(answers) == 1
    assert gateway.disconnects == 0


def test_forking_among_threads_that_never_stop_calling(gateway: LocalGateway) -> None:
    client = warm(GATEWAY, gateway)
    over = threading.Event()

    def go_on() -> None:
        while not over.is_set():
            GATEWAY.ask(client)

    threads = [threading.Thread(target=go_on) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        with track():
            results = [in_a_child(lambda: GATEWAY.read(client)) for _ in range(4)]
            assert all("hello" in result() for result in results)
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_forking_in_a_running_loop(gateway: LocalGateway) -> None:
    async_face = next(face for face in FACES if face.name == "async openai")
    client = warm(async_face, gateway)

    async def fork_and_ask() -> tuple[Any, str]:
        await async_face.call(client)

        def in_the_child() -> str:
            asyncio.events._set_running_loop(None)
            return async_face.ask(client)

        result = in_a_child(in_the_child)
        return await asyncio.to_thread(result), async_face.text(await async_face.call(client))

    assert all("hello" in answer for answer in asyncio.run(fork_and_ask()))


# ---- a stream of the parent's ---------------------------------------------------------------------------------------


def _drop(stream: Any) -> None:
    stream.clear()


def _close(stream: Any) -> None:
    stream[0].close()


@pytest.mark.parametrize("face", SYNC_FACES, ids=str)
@pytest.mark.parametrize("act", [_drop, _close])
def test_a_child_leaves_a_stream_of_its_parents_alone(
    face: Face, act: Callable[[Any], None], gateway: LocalGateway
) -> None:
    if act is _close and face.name == "genai":
        pytest.skip("google-genai's streams are generators")
    gateway.script.set_style("*", chunk_delay=0.02)
    client = warm(face, gateway)
    with track() as spend:
        stream = [face.open(client)]
        pieces = iter(stream[0])
        first = face.piece(next(pieces))

        def left_by_the_child() -> int:
            nonlocal pieces
            pieces = iter(())
            act(stream)
            gc.collect()
            return spend.calls

        assert in_a_child(left_by_the_child)() == 0
        rest = "".join(face.piece(piece) for piece in pieces)
    assert first + rest == f"Simulated reply from {face.model}: you said Say hello"
    assert spend.calls == 1
    assert spend.unknown == 0
    assert gateway.disconnects == 0


_ENDING_IN_ORDER = """
import os, sys
from tests.clients.faces import FACES
face = next(face for face in FACES if face.name == sys.argv[1])
client = face.make()
stream = face.open(client)
pieces = iter(stream)
next(pieces)
if pid := os.fork():
    assert os.waitpid(pid, 0)[1] == 0
    print("".join(face.piece(piece) for piece in pieces))
else:
    assert "hello" in face.ask(client)
"""


_ENDING_IN_ORDER_ASYNC = """
import asyncio, gc, logging, os, sys
logging.getLogger("asyncio").setLevel(logging.ERROR)  # a busy machine is slow, and a loop in debug mode says so
from aisa_integrations import track
from tests.clients.faces import FACES
face = next(face for face in FACES if face.name == sys.argv[1])
client = face.make()
loop = asyncio.new_event_loop()

async def begun():
    stream = face.open(client)
    stream = await stream if hasattr(stream, "__await__") else stream
    pieces = aiter(stream)
    await anext(pieces)
    return stream, pieces

async def the_rest():
    return "".join([face.piece(piece) async for piece in pieces])

with track() as spend:
    stream, pieces = loop.run_until_complete(begun())
if pid := os.fork():
    assert os.waitpid(pid, 0)[1] == 0
    print(loop.run_until_complete(the_rest()))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
else:
    if hasattr(stream, "close"):
        asyncio.run(stream.close())
    del stream, pieces
    gc.collect()
    assert spend.calls == 0
    assert "hello" in face.ask(client)
"""


@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_child_that_ends_in_order_leaves_the_parent_alone(face: Face, gateway: LocalGateway) -> None:
    """Through the interpreter's own ending, where everything is collected."""
    gateway.script.set_style("*", chunk_delay=0.02)
    environment = {"AISA_API_KEY": gateway.api_key, "AISA_BASE_URL": gateway.url, "PYTHONPATH": str(ROOT)}
    script = _ENDING_IN_ORDER_ASYNC if face.is_async else _ENDING_IN_ORDER
    command = [sys.executable, "-X", "dev", "-W", "ignore::DeprecationWarning", "-c", script, face.name]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert run.stderr == ""
    assert "hello" in run.stdout
    assert gateway.disconnects == 0


def test_the_childs_connections_end_with_it(gateway: LocalGateway) -> None:
    client = warm(OPENAI, gateway, limits=httpx2.Limits(max_connections=2))

    def endless() -> str:
        gateway_stream = OPENAI.open(client.with_options(timeout=5))
        return OPENAI.piece(next(iter(gateway_stream)))

    gateway.script.fail("*", "comment_trickle_after_content", every=0.02)
    in_a_child(endless)()
    assert eventually(lambda: gateway.disconnects == 1)
