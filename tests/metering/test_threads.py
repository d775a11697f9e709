"""Threads that carry no context: one nest of blocks is counted to, of several none; `bind` makes it exact."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from aisa_integrations import ConfigurationError, Spend, track
from aisa_integrations.local import LocalGateway
from tests.metering.faces import MODEL, OTHER_MODEL, SYNC_FACES, ZERO, make_face, sync_face

either = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])


def in_threads(*work: Callable[[], object]) -> None:
    threads = [threading.Thread(target=target) for target in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@either
@pytest.mark.parametrize("name", SYNC_FACES)
def test_plain_threads_count_to_the_one_open_nest(gateway: LocalGateway, name: str, stream: bool) -> None:
    with sync_face(name, gateway) as face, track() as outer, track() as inner:
        in_threads(*[partial(face.ask_now, model, stream=stream) for model in (MODEL, OTHER_MODEL, MODEL)])
    for spend in (outer, inner):
        assert (spend.calls, spend.cost, spend.unattributed) == (3, gateway.account.spent, 0)


@either
@pytest.mark.parametrize("name", SYNC_FACES)
def test_with_several_nests_open_a_plain_thread_counts_to_none(gateway: LocalGateway, name: str, stream: bool) -> None:
    nests: list[Spend] = []
    all_open, done = threading.Barrier(3), threading.Event()

    def open_a_nest() -> None:
        with track() as spend:
            nests.append(spend)
            all_open.wait(5)
            done.wait(5)

    def lost() -> None:
        all_open.wait(5)
        with sync_face(name, gateway) as face:
            face.ask_now(stream=stream)
            face.ask_now(stream=stream)
        done.set()

    in_threads(open_a_nest, open_a_nest, lost)
    assert [(spend.calls, spend.cost, spend.unattributed) for spend in nests] == [(0, ZERO, 2), (0, ZERO, 2)]
    assert "2 unattributed" in repr(nests[0])
    assert gateway.account.spent > 0


def test_what_is_around_all_open_blocks_counts_a_plain_thread_for_certain(gateway: LocalGateway) -> None:
    """Two branches below one block: the call may be of either, and is surely of the block around them."""
    branches: list[Spend] = []
    both_open, done = threading.Barrier(3), threading.Event()

    def branch() -> None:
        with track() as spend:
            branches.append(spend)
            both_open.wait(5)
            done.wait(5)

    with sync_face("gateway", gateway) as face, track() as around:

        def lost() -> None:
            both_open.wait(5)
            face.ask_now()
            done.set()

        in_threads(around.bind(branch), around.bind(branch), lost)
    assert (around.calls, around.cost, around.unattributed) == (1, gateway.account.spent, 0)
    assert [(spend.calls, spend.unattributed) for spend in branches] == [(0, 1), (0, 1)]


def test_the_main_thread_outside_of_a_block_is_never_a_worker_of_one(gateway: LocalGateway) -> None:
    opened, asked = threading.Event(), threading.Event()
    counted: list[Spend] = []

    def other() -> None:
        with track() as spend:
            opened.set()
            asked.wait(5)
        counted.append(spend)

    thread = threading.Thread(target=other)
    thread.start()
    opened.wait(5)
    with sync_face("gateway", gateway) as face:
        face.ask_now()
    asked.set()
    thread.join()
    assert [(spend.calls, spend.unattributed) for spend in counted] == [(0, 0)]


@either
@pytest.mark.parametrize("name", SYNC_FACES)
def test_bind_makes_a_pool_exact_whoever_else_is_open(gateway: LocalGateway, name: str, stream: bool) -> None:
    """Two web requests at once share a pool; each hands its work over with `bind`."""
    spends: dict[str, Spend] = {}
    both_open, both_done = threading.Barrier(2), threading.Barrier(2)

    with sync_face(name, gateway) as face, ThreadPoolExecutor(3) as pool:

        def web_request(model: str, calls: int) -> None:
            with track() as spend:
                spends[model] = spend
                both_open.wait(5)
                work = spend.bind(face.ask_now)
                for future in [pool.submit(work, model, stream=stream) for _ in range(calls)]:
                    future.result(5)
                both_done.wait(5)

        in_threads(partial(web_request, MODEL, 3), partial(web_request, OTHER_MODEL, 4))
    bills = gateway.account.by_model()
    assert {model: (spend.calls, spend.cost, spend.unattributed) for model, spend in spends.items()} == {
        MODEL: (3, bills[MODEL], 0),
        OTHER_MODEL: (4, bills[OTHER_MODEL], 0),
    }


def test_bind_counts_to_the_blocks_around_it_and_to_those_it_runs_in(gateway: LocalGateway) -> None:
    with sync_face("gateway", gateway) as face, track() as outer:
        with track() as inner:
            bound = inner.bind(face.ask_now)
        with track() as elsewhere:
            bound()
    assert [spend.calls for spend in (outer, inner, elsewhere)] == [1, 1, 1]
    assert outer.cost == inner.cost == elsewhere.cost == gateway.account.spent


class _AsyncCallable:
    async def __call__(self, ask: Callable[[], object]) -> str:
        await ask()  # type: ignore[misc]
        return "done"


@pytest.mark.parametrize("kind", ["coroutine function", "object that is async"])
async def test_bind_takes_async_functions(gateway: LocalGateway, kind: str) -> None:
    """In a loop of its own in a worker thread, with another block open that it does not belong to."""
    opened, done = threading.Event(), threading.Event()

    def another_request() -> None:
        with track():
            opened.set()
            done.wait(5)

    async def work(ask: Callable[[], object]) -> str:
        return await _AsyncCallable()(ask)

    other = threading.Thread(target=another_request)
    other.start()
    await asyncio.to_thread(opened.wait, 5)
    with track() as spend:
        bound = spend.bind(work if kind == "coroutine function" else _AsyncCallable())

    async def alone() -> str:
        face = make_face("gateway async", gateway)
        try:
            return await bound(face.ask)
        finally:
            await face.close()

    results: list[str] = []
    thread = threading.Thread(target=lambda: results.append(asyncio.run(alone())))
    thread.start()
    await asyncio.to_thread(thread.join)
    done.set()
    await asyncio.to_thread(other.join)
    assert results == ["done"]
    assert (spend.calls, spend.cost, spend.unattributed) == (1, gateway.account.spent, 0)


def test_bind_keeps_a_functions_name_arguments_and_errors() -> None:
    def halve(number: float, *, by: float = 2) -> float:
        """Divide."""
        return number / by

    async def later() -> None: ...

    spend = Spend()
    bound = spend.bind(halve)
    assert (bound.__name__, bound.__doc__, bound(6), bound(6, by=3)) == ("halve", "Divide.", 3, 2)
    assert asyncio.iscoroutinefunction(spend.bind(later))
    with pytest.raises(ZeroDivisionError):
        bound(1, by=0)


def test_bind_refuses_a_generator_which_runs_where_it_is_read() -> None:
    def pieces() -> Iterator[int]:
        yield 1

    async def later() -> AsyncIterator[int]:
        yield 1

    with track() as spend:
        for generator in (pieces, later):
            with pytest.raises(ConfigurationError, match="bind what reads it"):
                spend.bind(generator)
