"""Every question asked at the same time, in threads or in tasks; what comes is given to the caller as it comes."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Generator
from functools import partial
from typing import Any, Literal, overload

from ..errors import AisaError
from ..gateway_client import AsyncGatewayClient, AsyncGatewayStream, GatewayClient, GatewayStream
from ..gateway_client.assembly import assembled
from ..gateway_client.text import event_text
from .question import Answered, Piece, Question
from .wave import in_tasks, in_threads

# ---- in threads -----------------------------------------------------------------------------------------------------


@overload
def arriving(
    client: GatewayClient, asked: list[Question], *, pieces: Literal[False] = False
) -> Generator[Answered, None, None]: ...
@overload
def arriving(
    client: GatewayClient,
    asked: list[Question],
    *,
    pieces: Literal[True],
    meanwhile: Callable[[], object] | None = None,
) -> Generator[Answered | Piece, None, None]: ...
def arriving(
    client: GatewayClient,
    asked: list[Question],
    *,
    pieces: bool = False,
    meanwhile: Callable[[], object] | None = None,
) -> Generator[Any, None, None]:
    """Ask everything at once, each in a thread of its own; give what comes in the caller's thread.

    Closing the generator, or Ctrl-C, ends the calls at once: use it under `contextlib.closing`.

    Args:
        client: who asks; it is left open.
        asked: what each model is asked.
        pieces: give the text of streams piece by piece too, before the `Answered` of each.
        meanwhile: called in the caller's thread, again and again, while nothing comes.
    """
    return in_threads([partial(ask, client, question, pieces) for question in asked], meanwhile)


def ask(
    client: GatewayClient, question: Question, pieces: bool = False, tell: Callable[[Piece], None] | None = None
) -> Answered:
    """Ask one question in this thread; return its answer, or its error as a value."""
    began, stream = time.monotonic(), None
    try:
        if not question.streams:
            reply = client.chat(question.body)
            return question.answered(reply, (reply.exchange,))
        stream, events = client.stream(question.body), list[dict[str, Any]]()
        with stream:
            for event in stream:
                events.append(event)
                if pieces and tell is not None and (text := event_text(event)):
                    tell(Piece(question.model, text))
        return question.answered(assembled(events), stream.exchanges)
    except AisaError as error:
        return question.failed(error, time.monotonic() - began, _records(stream))


# ---- in tasks -------------------------------------------------------------------------------------------------------


@overload
def aarriving(
    client: AsyncGatewayClient, asked: list[Question], *, pieces: Literal[False] = False
) -> AsyncGenerator[Answered, None]: ...
@overload
def aarriving(
    client: AsyncGatewayClient, asked: list[Question], *, pieces: Literal[True]
) -> AsyncGenerator[Answered | Piece, None]: ...
def aarriving(client: AsyncGatewayClient, asked: list[Question], *, pieces: bool = False) -> AsyncGenerator[Any, None]:
    """Ask everything at once, each in a task of its own; see `arriving`. Use it under `contextlib.aclosing`."""
    return in_tasks([partial(ask_async, client, question, pieces) for question in asked])


async def ask_async(
    client: AsyncGatewayClient, question: Question, pieces: bool = False, tell: Callable[[Piece], None] | None = None
) -> Answered:
    """Ask one question in this task; see `ask`."""
    began, stream = time.monotonic(), None
    try:
        if not question.streams:
            reply = await client.chat(question.body)
            return question.answered(reply, (reply.exchange,))
        stream, events = client.stream(question.body), list[dict[str, Any]]()
        async with stream:
            async for event in stream:
                events.append(event)
                if pieces and tell is not None and (text := event_text(event)):
                    tell(Piece(question.model, text))
        return question.answered(assembled(events), stream.exchanges)
    except AisaError as error:
        return question.failed(error, time.monotonic() - began, _records(stream))


# ---- both -----------------------------------------------------------------------------------------------------------


def _records(stream: GatewayStream | AsyncGatewayStream | None) -> tuple[Any, ...]:
    return stream.exchanges if stream is not None else ()
