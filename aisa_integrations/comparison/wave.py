"""Work that is done all at the same time, in threads or in tasks; what comes of it is given to the caller as it comes.

The threads are made for the wave and are not a pool's, so that it is one wave however many there are.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final, Generic, TypeVar

from ..tracking import Spend, heard_by, listeners
from ..transport.departure import Departure

T = TypeVar("T")
Tell = Callable[[T], None]

# How long Ctrl-C waits for the calls to end. One that was cut takes milliseconds, one that is connecting may take long.
_PARTING_SECONDS: Final = 1.0
# Seconds in which nothing comes before a caller who has something else to do does it, and a loop is woken.
_BEAT: Final = 0.1


@dataclass(frozen=True, slots=True)
class _Told(Generic[T]):
    """Something that came of a work before its end."""

    value: T


def in_threads(
    works: Sequence[Callable[[Tell[T]], T]], meanwhile: Callable[[], object] | None = None
) -> Generator[T, None, None]:
    """Do everything at once, each in a thread of its own; give what comes in the caller's thread.

    Closing the generator, or Ctrl-C, ends the calls at once: use it under `contextlib.closing`. What a work raises ends
    the others, and is raised here.

    Args:
        works: each is called with a function that takes what it has to tell before its end, and returns the last.
        meanwhile: called in the caller's thread, again and again, while nothing comes.
    """
    arrivals: SimpleQueue[Any] = SimpleQueue()
    leaving, threads = Departure(), list[Thread]()
    try:
        for work in works:
            # Who listens is settled here, by the context of the caller; a thread of ours would be a plain one.
            started = (_do, work, listeners(), leaving, arrivals)
            threads.append(
                Thread(target=contextvars.copy_context().run, args=started, name="aisa-compare", daemon=True)
            )
            threads[-1].start()
        awaited = len(works)
        while awaited:
            arrival = _next(arrivals, meanwhile)
            awaited -= not isinstance(arrival, _Told)
            yield _given(arrival)
    except BaseException:
        leaving.leave()
        part_from(threads)
        raise
    for thread in threads:
        thread.join()


def _next(arrivals: SimpleQueue[Any], meanwhile: Callable[[], object] | None) -> Any:
    while meanwhile is not None:
        try:
            return arrivals.get(timeout=_BEAT)
        except Empty:
            meanwhile()
    return arrivals.get()


def _do(
    work: Callable[[Tell[T]], T],
    audience: tuple[Spend, ...],
    leaving: Departure,
    arrivals: SimpleQueue[T | _Told[T] | BaseException],
) -> None:
    try:
        with heard_by(audience), leaving.awaited():
            arrivals.put(work(lambda value: arrivals.put(_Told(value))))
    except BaseException as error:
        arrivals.put(error)


def part_from(threads: list[Thread]) -> None:
    """Wait, but not for long, for threads whose calls were left."""
    expires = time.monotonic() + _PARTING_SECONDS
    for thread in threads:
        if thread.is_alive():
            thread.join(max(0.0, expires - time.monotonic()))


class Heartbeat:
    """Wake a loop now and then until it is stopped.

    ipykernel cancels a cell that awaits from a signal handler, which wakes no loop: without this the stop button would
    wait for the next reply.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._beat()

    def _beat(self) -> None:
        self._next = self._loop.call_later(_BEAT, self._beat)

    def stop(self) -> None:
        """Let the loop sleep."""
        self._next.cancel()


async def in_tasks(works: Sequence[Callable[[Tell[T]], Awaitable[T]]]) -> AsyncGenerator[T, None]:
    """Do everything at once, each in a task of its own; see `in_threads`. Use it under `contextlib.aclosing`."""
    arrivals: asyncio.Queue[Any] = asyncio.Queue()
    # No TaskGroup: one that is left at a `yield` would cancel whatever its task awaits then, which is not ours.
    tasks = [asyncio.create_task(_do_async(work, arrivals)) for work in works]
    beat = Heartbeat(asyncio.get_running_loop())
    try:
        awaited = len(works)
        while awaited:
            arrival = await arrivals.get()
            awaited -= not isinstance(arrival, _Told)
            yield _given(arrival)
    finally:
        beat.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _do_async(
    work: Callable[[Tell[T]], Awaitable[T]], arrivals: asyncio.Queue[T | _Told[T] | BaseException]
) -> None:
    try:
        arrivals.put_nowait(await work(lambda value: arrivals.put_nowait(_Told(value))))
    except asyncio.CancelledError as error:
        arrivals.put_nowait(error)
        raise
    except BaseException as error:
        arrivals.put_nowait(error)


def _given(arrival: T | _Told[T] | BaseException) -> T:
    if isinstance(arrival, _Told):
        return arrival.value
    if isinstance(arrival, BaseException):
        raise arrival
    return arrival
