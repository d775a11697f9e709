"""Every question asked at the same time, in threads or in tasks; what comes is given to the caller as it comes."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import AsyncGenerator, Callable, Generator
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final, Literal, overload

from ..errors import AisaError
from ..gateway_client import AsyncGatewayClient, AsyncGatewayStream, GatewayClient, GatewayStream
from ..gateway_client.assembly import assembled
from ..gateway_client.text import event_text
from ..tracking import Spend, heard_by, listeners
from ..transport.departure import Departure
from .question import Answered, Piece, Question

# How long Ctrl-C waits for the calls to end. One that was cut takes milliseconds, one that is connecting may take long.
_PARTING_SECONDS: Final = 1.0


# ---- in threads -----------------------------------------------------------------------------------------------------


@overload
def arriving(
    client: GatewayClient, asked: list[Question], *, pieces: Literal[False] = False
) -> Generator[Answered, None, None]: ...
@overload
def arriving(
    client: GatewayClient, asked: list[Question], *, pieces: Literal[True]
) -> Generator[Answered | Piece, None, None]: ...
def arriving(client: GatewayClient, asked: list[Question], *, pieces: bool = False) -> Generator[Any, None, None]:
    """Ask everything at once, each in a thread of its own; give what comes in the caller's thread.

    Closing the generator, or Ctrl-C, ends the calls at once: use it under `contextlib.closing`.

    Args:
        client: who asks; it is left open.
        asked: what each model is asked.
        pieces: give the text of streams piece by piece too, before the `Answered` of each.
    """
    arrivals: SimpleQueue[Answered | Piece | BaseException] = SimpleQueue()
    leaving, threads = Departure(), list[Thread]()
    try:
        for question in asked:
            # Who listens is settled here, by the context of the caller; a thread of ours would be a plain one.
            work = (_answer, client, question, listeners(), leaving, arrivals, pieces)
            threads.append(Thread(target=contextvars.copy_context().run, args=work, name="aisa-compare", daemon=True))
            threads[-1].start()
        awaited = len(asked)
        while awaited:
            arrival = arrivals.get()
            if isinstance(arrival, BaseException):
                raise arrival
            awaited -= isinstance(arrival, Answered)
            yield arrival
    except BaseException:
        leaving.leave()
        _part_from(threads)
        raise
    for thread in threads:
        thread.join()


def _answer(
    client: GatewayClient,
    question: Question,
    audience: tuple[Spend, ...],
    leaving: Departure,
    arrivals: SimpleQueue[Answered | Piece | BaseException],
    pieces: bool,
) -> None:
    try:
        with heard_by(audience), leaving.awaited():
            arrivals.put(_ask(client, question, arrivals.put if pieces else None))
    except BaseException as error:
        arrivals.put(error)


def _ask(client: GatewayClient, question: Question, tell: Callable[[Piece], None] | None) -> Answered:
    began, stream = time.monotonic(), None
    try:
        if not question.streams:
            reply = client.chat(question.body)
            return question.answered(reply, (reply.exchange,))
        stream, events = client.stream(question.body), list[dict[str, Any]]()
        with stream:
            for event in stream:
                events.append(event)
                _tell(tell, question, event)
        return question.answered(assembled(events), stream.exchanges)
    except AisaError as error:
        return question.failed(error, time.monotonic() - began, _records(stream))


def _part_from(threads: list[Thread]) -> None:
    expires = time.monotonic() + _PARTING_SECONDS
    for thread in threads:
        if thread.is_alive():
            thread.join(max(0.0, expires - time.monotonic()))


# ---- in tasks -------------------------------------------------------------------------------------------------------


@overload
def aarriving(
    client: AsyncGatewayClient, asked: list[Question], *, pieces: Literal[False] = False
) -> AsyncGenerator[Answered, None]: ...
@overload
def aarriving(
    client: AsyncGatewayClient, asked: list[Question], *, pieces: Literal[True]
) -> AsyncGenerator[Answered | Piece, None]: ...
async def aarriving(
    client: AsyncGatewayClient, asked: list[Question], *, pieces: bool = False
) -> AsyncGenerator[Any, None]:
    """Ask everything at once, each in a task of its own; see `arriving`. Use it under `contextlib.aclosing`."""
    arrivals: asyncio.Queue[Answered | Piece | BaseException] = asyncio.Queue()
    # No TaskGroup: one that is left at a `yield` would cancel whatever its task awaits then, which is not ours.
    tasks = [asyncio.create_task(_answer_async(client, question, arrivals, pieces)) for question in asked]
    try:
        awaited = len(asked)
        while awaited:
            arrival = await arrivals.get()
            if isinstance(arrival, BaseException):
                raise arrival
            awaited -= isinstance(arrival, Answered)
            yield arrival
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _answer_async(
    client: AsyncGatewayClient,
    question: Question,
    arrivals: asyncio.Queue[Answered | Piece | BaseException],
    pieces: bool,
) -> None:
    try:
        arrivals.put_nowait(await _ask_async(client, question, arrivals.put_nowait if pieces else None))
    except asyncio.CancelledError as error:
        arrivals.put_nowait(error)
        raise
    except BaseException as error:
        arrivals.put_nowait(error)


async def _ask_async(client: AsyncGatewayClient, question: Question, tell: Callable[[Piece], None] | None) -> Answered:
    began, stream = time.monotonic(), None
    try:
        if not question.streams:
            reply = await client.chat(question.body)
            return question.answered(reply, (reply.exchange,))
        stream, events = client.stream(question.body), list[dict[str, Any]]()
        async with stream:
            async for event in stream:
                events.append(event)
                _tell(tell, question, event)
        return question.answered(assembled(events), stream.exchanges)
    except AisaError as error:
        return question.failed(error, time.monotonic() - began, _records(stream))


# ---- both -----------------------------------------------------------------------------------------------------------


def _tell(tell: Callable[[Piece], None] | None, question: Question, event: dict[str, Any]) -> None:
    if tell is not None and (text := event_text(event)):
        tell(Piece(question.model, text))


def _records(stream: GatewayStream | AsyncGatewayStream | None) -> tuple[Any, ...]:
    return stream.exchanges if stream is not None else ()
