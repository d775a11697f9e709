"""Which block a call counts to: its own context's, and those around it, wherever the call then runs."""

import asyncio
import contextvars
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest

from aisa_integrations import Spend, track
from aisa_integrations.local import LocalGateway
from tests.metering.conftest import MakeFace
from tests.metering.faces import MODEL, OTHER_MODEL, SYNC_FACES, Face, closed, first_of, make_face, sync_face

either = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])


@contextmanager
def bill_of(gateway: LocalGateway) -> Iterator[list[Decimal]]:
    """What the account was charged meanwhile, as the one item of a list."""
    before = gateway.account.spent
    bill: list[Decimal] = []
    yield bill
    bill.append(gateway.account.spent - before)


@either
async def test_a_nested_block_counts_to_each_around_it(face: Face, gateway: LocalGateway, stream: bool) -> None:
    with track() as outer:
        await face.ask(stream=stream)
        with track() as inner, bill_of(gateway) as inner_bill:
            await face.ask(OTHER_MODEL, stream=stream)
            await face.ask(OTHER_MODEL, stream=stream)
        with track() as second:
            pass
        await face.ask(stream=stream)
    assert (outer.calls, inner.calls, second.calls) == (4, 2, 0)
    assert outer.cost == gateway.account.spent
    assert inner.cost == inner_bill[0]
    assert set(inner.by_model) == {OTHER_MODEL}


async def test_what_is_outside_of_a_block_is_not_in_it(face: Face, gateway: LocalGateway) -> None:
    await face.ask()
    with track() as spend, bill_of(gateway) as bill:
        await face.ask()
    await face.ask()
    assert (spend.calls, spend.cost) == (1, bill[0])


async def test_a_stream_that_ends_after_its_block_still_counts_to_it(face: Face, gateway: LocalGateway) -> None:
    with track() as spend:
        stream = await face.stream()
        if face.name.startswith(("gateway async", "genai")):
            await first_of(stream)  # asked for at its first event, as generators are
    assert spend.calls == 0
    with track() as later:
        if hasattr(stream, "__aiter__"):
            async for _ in stream:
                pass
        else:
            for _ in stream:
                pass
    assert (spend.calls, later.calls) == (1, 0)
    assert spend.cost == gateway.account.spent > 0


async def test_a_stream_begun_before_a_block_does_not_count_to_it(face: Face) -> None:
    stream = await face.stream()
    await first_of(stream)
    with track() as spend:
        await closed(stream)
    assert spend.calls == 0


@either
@pytest.mark.parametrize("how", ["gather", "task group", "task started before its await"])
async def test_tasks_count_to_the_block_they_were_made_in(
    face: Face, gateway: LocalGateway, stream: bool, how: str
) -> None:
    tasks: list[asyncio.Task[None]] = []
    with track() as spend:
        if how == "gather":
            await asyncio.gather(*(face.ask(model, stream=stream) for model in (MODEL, OTHER_MODEL, MODEL)))
        elif how == "task group":
            async with asyncio.TaskGroup() as group:
                for model in (MODEL, OTHER_MODEL, MODEL):
                    group.create_task(face.ask(model, stream=stream))
        else:
            tasks = [asyncio.create_task(face.ask(model, stream=stream)) for model in (MODEL, OTHER_MODEL, MODEL)]
    await asyncio.gather(*tasks)
    assert (spend.calls, spend.cost, spend.unknown) == (3, gateway.account.spent, 0)


async def test_two_tasks_with_a_block_each_are_never_added_together(face: Face, gateway: LocalGateway) -> None:
    both_open = asyncio.Barrier(2)

    async def web_request(model: str, calls: int) -> Spend:
        with track() as spend:
            await both_open.wait()
            await asyncio.gather(*(face.ask(model, stream=bool(number % 2)) for number in range(calls)))
            await both_open.wait()
        return spend

    with track() as server:
        one, other = await asyncio.gather(web_request(MODEL, 2), web_request(OTHER_MODEL, 3))
    bills = gateway.account.by_model()
    assert (one.calls, one.cost) == (2, bills[MODEL])
    assert (other.calls, other.cost) == (3, bills[OTHER_MODEL])
    assert (server.calls, server.cost) == (5, gateway.account.spent)
    assert [spend.unattributed for spend in (one, other, server)] == [0, 0, 0]


@either
@pytest.mark.parametrize("name", SYNC_FACES)
async def test_to_thread_carries_the_block_along(gateway: LocalGateway, name: str, stream: bool) -> None:
    with sync_face(name, gateway) as face, track() as spend, track() as inner:
        await asyncio.gather(*(asyncio.to_thread(face.ask_now, stream=stream) for _ in range(3)))
    assert (spend.calls, spend.cost) == (inner.calls, inner.cost) == (3, gateway.account.spent)


async def test_a_loop_of_its_own_in_a_worker_thread_counts_to_the_one_open_block(gateway: LocalGateway) -> None:
    def work() -> None:
        async def ask() -> None:
            face = make_face("gateway async", gateway)
            await face.ask(stream=True)
            await asyncio.gather(face.ask(), face.ask())
            await face.close()

        asyncio.run(ask())

    with track() as spend:
        thread = threading.Thread(target=work)
        thread.start()
        await asyncio.to_thread(thread.join)
    assert (spend.calls, spend.cost, spend.unattributed) == (3, gateway.account.spent, 0)


def test_a_server_in_a_thread_never_adds_a_request_without_a_block_to_one_with(gateway: LocalGateway) -> None:
    counted: list[Spend] = []

    async def server() -> None:
        face = make_face("gateway async", gateway)
        opened, asked = asyncio.Event(), asyncio.Event()

        async def request_with_a_block() -> None:
            with track() as spend:
                opened.set()
                await asked.wait()
            counted.append(spend)

        async def request_without() -> None:
            await opened.wait()
            await face.ask()
            asked.set()

        await asyncio.gather(request_with_a_block(), request_without())
        await face.close()

    thread = threading.Thread(target=lambda: asyncio.run(server()))
    thread.start()
    thread.join()
    assert [(spend.calls, spend.unattributed) for spend in counted] == [(0, 0)]


async def test_a_block_may_be_left_in_another_context_than_it_was_entered_in(
    make: MakeFace, gateway: LocalGateway
) -> None:
    face = make("gateway async")
    block = track()
    entered = contextvars.copy_context()
    spend = entered.run(block.__enter__)
    await asyncio.create_task(face.ask(), context=entered)
    contextvars.copy_context().run(block.__exit__, None, None, None)
    await face.ask()
    assert (spend.calls, gateway.account.calls[0].cost) == (1, spend.cost)


async def test_a_block_that_raises_keeps_what_it_counted(face: Face, gateway: LocalGateway) -> None:
    async def fail() -> None:
        with track() as spend:
            spends.append(spend)
            await face.ask()
            raise LookupError

    spends: list[Spend] = []
    with pytest.raises(LookupError):
        await fail()
    await face.ask()
    (spend,) = spends
    assert (spend.calls, spend.cost) == (1, gateway.account.calls[0].cost)


async def test_reading_while_calls_are_under_way_is_safe(make: MakeFace, gateway: LocalGateway) -> None:
    gateway.script.set_style("*", chunk_delay=0.001)
    face = make("gateway async")
    with track() as spend:
        tasks = [asyncio.create_task(face.ask(stream=True)) for _ in range(20)]
        seen = []
        while not all(task.done() for task in tasks):
            seen.append((spend.calls, spend.cost, sum(part.cost for part in spend.by_model.values())))
            repr(spend)
            await asyncio.sleep(0.002)
        await asyncio.gather(*tasks)
    assert seen == sorted(seen)
    assert all(cost == by_model for _, cost, by_model in seen)
    assert spend.cost == gateway.account.spent
