"""The two ways to do the work, in threads and in tasks: so much at once, and never more than that is made."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from threading import Thread

from ..comparison.arriving import ask, ask_async
from ..comparison.question import Answered
from ..comparison.wave import Heartbeat, part_from
from ..gateway_client import AsyncGatewayClient, GatewayClient
from ..tracking import heard_by, listeners
from ..transport.departure import Departure
from .scoring import Scorer
from .work import Ask, Done, Task, Work

# ---- in threads -----------------------------------------------------------------------------------------------------


def work_in_threads(client: GatewayClient, work: Work, scorer: Scorer | None, concurrency: int) -> None:
    """Do the work in this many threads; whatever leaves this ends the calls at once, and keeps what has come."""
    crew = _Crew(client, scorer)
    try:
        while True:
            while crew.busy < concurrency and (task := work.next()) is not None:
                crew.give(task)
            if crew.busy:
                work.take(crew.arrival())
            elif not work.paused:
                break
    except BaseException:
        crew.leave()
        for done in crew.arrived():
            _keep(work, done)
        raise
    crew.dismiss()


class _Crew:
    """Threads that take a task each, as many as there were ever tasks at once."""

    def __init__(self, client: GatewayClient, scorer: Scorer | None) -> None:
        self._client, self._scorer = client, scorer
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._arrivals: SimpleQueue[Done | BaseException] = SimpleQueue()
        self._threads: list[Thread] = []
        self._under_way: set[Departure] = set()
        self._left = False
        # Who listens to the calls is settled here, by the context of the caller.
        self._audience = listeners()
        self.busy = 0

    def give(self, task: Task) -> None:
        """Have a thread do a task."""
        self.busy += 1
        if len(self._threads) < self.busy:
            work = contextvars.copy_context().run
            self._threads.append(Thread(target=work, args=(self._serve,), name="aisa-evaluate", daemon=True))
            self._threads[-1].start()
        self._tasks.put(task)

    def arrival(self) -> Done:
        """Wait for the next task that is done."""
        arrival = self._arrivals.get()
        self.busy -= 1
        if isinstance(arrival, BaseException):
            raise arrival
        return arrival

    def leave(self) -> None:
        """End every call at once."""
        self._left = True
        for departure in self._under_way.copy():
            departure.leave()
        self._send_home()
        part_from(self._threads)

    def arrived(self) -> Iterator[Done]:
        """Give what has come and was not taken."""
        with contextlib.suppress(Empty):
            while True:
                if isinstance(arrival := self._arrivals.get_nowait(), Done):
                    yield arrival

    def dismiss(self) -> None:
        """Let the threads end; none has work."""
        self._send_home()
        for thread in self._threads:
            thread.join()

    def _send_home(self) -> None:
        for _ in self._threads:
            self._tasks.put(None)

    def _serve(self) -> None:
        with heard_by(self._audience):
            while (task := self._tasks.get()) is not None:
                departure = Departure()
                # In this order: whoever leaves from here on finds the departure.
                self._under_way.add(departure)
                if self._left:
                    return
                try:
                    with departure.awaited():
                        self._arrivals.put(self._done(task))
                except BaseException as error:
                    self._arrivals.put(error)
                self._under_way.discard(departure)

    def _done(self, task: Task) -> Done:
        if isinstance(task, Ask):
            return Done(task, ask(self._client, task.question))
        assert self._scorer is not None
        return Done(task, self._scorer.marks(task.answer, task.call.row.fields, task.stamp))


# ---- in tasks -------------------------------------------------------------------------------------------------------


async def work_in_tasks(client: AsyncGatewayClient, work: Work, scorer: Scorer | None, concurrency: int) -> None:
    """Do the work in tasks, this many at once; see `work_in_threads`."""
    arrivals: asyncio.Queue[Done | BaseException] = asyncio.Queue()
    tasks: set[asyncio.Task[None]] = set()
    busy = 0
    beat = Heartbeat(asyncio.get_running_loop())
    try:
        while True:
            while busy < concurrency and (task := work.next()) is not None:
                busy += 1
                tasks.add(doing := asyncio.create_task(_do_async(client, scorer, task, arrivals)))
                doing.add_done_callback(tasks.discard)
            if busy:
                arrival = await arrivals.get()
                busy -= 1
                if isinstance(arrival, BaseException):
                    raise arrival
                work.take(arrival)
            elif not work.paused:
                return
            else:
                await asyncio.sleep(0)
    finally:
        beat.stop()
        left = list(tasks)
        for doing in left:
            doing.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        while not arrivals.empty():
            if isinstance(arrival := arrivals.get_nowait(), Done):
                _keep(work, arrival)


async def _do_async(
    client: AsyncGatewayClient, scorer: Scorer | None, task: Task, arrivals: asyncio.Queue[Done | BaseException]
) -> None:
    try:
        if isinstance(task, Ask):
            arrivals.put_nowait(Done(task, await ask_async(client, task.question)))
        else:
            assert scorer is not None
            marks = await scorer.marks_async(task.answer, task.call.row.fields, task.stamp)
            arrivals.put_nowait(Done(task, marks))
    except asyncio.CancelledError as error:
        arrivals.put_nowait(error)
        raise
    except BaseException as error:
        arrivals.put_nowait(error)


# ---- both -----------------------------------------------------------------------------------------------------------


def _keep(work: Work, done: Done) -> None:
    """Keep an answer that had come when it all ended; a failure then may be the end's own."""
    if not isinstance(done.outcome, Answered) or done.outcome.result.ok:
        work.take(done)
