"""Who counts the calls of a comparison: the blocks that hear the caller, though the calls are made in other threads."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from aisa_integrations import Spend, acompare, compare, track
from aisa_integrations.local import LocalGateway

MODELS = ["gpt-4o", "gpt-4.1"]


def compared(gateway: LocalGateway) -> Any:
    return compare(MODELS, "Hello", api_key=gateway.api_key, base_url=gateway.url, max_retries=0)


def in_a_thread(act: Callable[[], object]) -> None:
    thread = threading.Thread(target=act)
    thread.start()
    thread.join()


def test_nested_blocks_count_it(gateway: LocalGateway) -> None:
    with track() as outer:
        with track() as inner:
            compared(gateway)
        compared(gateway)
    assert (outer.calls, inner.calls, outer.unattributed) == (4, 2, 0)
    assert outer.cost == gateway.account.spent


def test_a_block_of_another_thread_does_not_count_it(gateway: LocalGateway) -> None:
    opened, done = threading.Event(), threading.Event()
    spends: list[Spend] = []

    def elsewhere() -> None:
        with track() as spend:
            spends.append(spend)
            opened.set()
            done.wait(10)

    other = threading.Thread(target=elsewhere)
    other.start()
    opened.wait(10)
    compared(gateway)
    with track() as own:
        compared(gateway)
    done.set()
    other.join()
    assert (spends[0].calls, spends[0].unattributed, own.calls) == (0, 0, 2)


def test_a_plain_thread_counts_to_the_one_open_nest(gateway: LocalGateway) -> None:
    with track() as spend:
        in_a_thread(lambda: compared(gateway))
    assert (spend.calls, spend.unattributed, spend.cost) == (2, 0, gateway.account.spent)


def test_a_plain_thread_beside_several_blocks_counts_to_none(gateway: LocalGateway) -> None:
    all_open, done = threading.Barrier(3), threading.Event()
    spends: list[Spend] = []

    def elsewhere() -> None:
        with track() as spend:
            spends.append(spend)
            all_open.wait(10)
            done.wait(10)

    others = [threading.Thread(target=elsewhere) for _ in range(2)]
    for other in others:
        other.start()
    all_open.wait(10)
    in_a_thread(lambda: compared(gateway))
    done.set()
    for other in others:
        other.join()
    assert [(spend.calls, spend.unattributed) for spend in spends] == [(0, 2), (0, 2)]


def test_a_bound_function_is_exact(gateway: LocalGateway) -> None:
    with track() as spend, track():
        in_a_thread(spend.bind(lambda: compared(gateway)))
    assert (spend.calls, spend.unattributed) == (2, 0)


def test_a_comparison_that_blocks_a_loop_counts_to_its_task(gateway: LocalGateway) -> None:
    async def of_one_request() -> Spend:
        with track() as spend:
            await asyncio.sleep(0.01)
            compared(gateway)
            await asyncio.sleep(0.01)
        return spend

    async def beside() -> Any:
        compared(gateway)

    async def main() -> Any:
        return await asyncio.gather(of_one_request(), of_one_request(), beside())

    first, second, _ = asyncio.run(main())
    assert [(spend.calls, spend.unattributed) for spend in (first, second)] == [(2, 0), (2, 0)]


def test_tasks_of_different_blocks_are_kept_apart(gateway: LocalGateway) -> None:
    settings = {"api_key": gateway.api_key, "base_url": gateway.url, "max_retries": 0}

    async def of_one_request(models: list[str]) -> Spend:
        with track() as spend:
            await acompare(models, "Hello", **settings)  # type: ignore[arg-type]
        return spend

    async def main() -> Any:
        return await asyncio.gather(of_one_request(MODELS), of_one_request(MODELS[:1]))

    first, second = asyncio.run(main())
    assert (first.calls, second.calls) == (2, 1)
    assert first.cost + second.cost == gateway.account.spent
