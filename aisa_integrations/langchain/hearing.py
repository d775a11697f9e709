"""One call of a runnable, heard from beside it: its records as the meter writes them, and how it ended."""

from __future__ import annotations

import contextlib
import functools
import operator
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any, Final

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.runnables.utils import AddableDict

from ..tracking import ZERO, Spend, heard_by, listeners
from ..usage import Exchange, Usage

_END: Final = object()


class Hearing:
    """Listen to the calls that start inside the block.

    Args:
        model: the id that is asked.
        taken: exceptions that are taken for what came of it, and not raised.
    """

    def __init__(self, model: str, *, taken: tuple[type[Exception], ...] = ()) -> None:
        self.model = model
        self.chunks: list[Any] = []
        self.error: BaseException | None = None
        self.began = time.time()
        self.seconds = 0.0
        self._taken = taken
        self._output: Any = None
        self._spend = Spend()
        self._watch = time.monotonic()
        self._listening = contextlib.ExitStack()

    def __enter__(self) -> Hearing:
        self._listening.enter_context(self._heard())
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> bool:
        self._listening.close()
        self.ended(error)
        return isinstance(error, self._taken)

    def ended(self, error: BaseException | None) -> None:
        """Take note of how it ended."""
        self.error, self.seconds = error, time.monotonic() - self._watch

    @property
    def output(self) -> Any:
        """Return what was given, put together where it came in pieces."""
        if self._output is None and self.chunks:
            self._output = _whole(self.chunks)
        return self._output

    @output.setter
    def output(self, output: Any) -> None:
        self._output = output

    def stream(self, chunks: Iterator[Any]) -> Iterator[Any]:
        """Give the chunks as they come, without the block: a `yield` inside it would have others listen too."""
        try:
            with contextlib.closing(chunks):  # type: ignore[type-var]  # what `stream` gives are generators
                with self._heard():  # who listens is settled by the first one, which starts the call
                    chunk = next(chunks, _END)
                while chunk is not _END:
                    self.chunks.append(chunk)
                    yield chunk
                    chunk = next(chunks, _END)
        except BaseException as error:
            self.ended(error)
            raise
        self.ended(None)

    async def astream(self, chunks: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
        """Give the chunks as they come; see `stream`."""
        try:
            async with contextlib.aclosing(chunks):  # type: ignore[type-var]
                with self._heard():
                    chunk = await anext(chunks, _END)
                while chunk is not _END:
                    self.chunks.append(chunk)
                    yield chunk
                    chunk = await anext(chunks, _END)
        except BaseException as error:
            self.ended(error)
            raise
        self.ended(None)

    def _heard(self) -> contextlib.AbstractContextManager[None]:
        return heard_by((*listeners(), self._spend))

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """Return the records: none where it failed before anything was sent."""
        heard = self._spend.exchanges
        # Without any, langchain's own cache answered: nothing was asked, and nothing paid.
        return heard if heard or self.error is not None else (_from_a_cache(self),)


def _whole(chunks: list[Any]) -> Any:
    """Return pieces as one: messages and maps of them add up; of anything else each is the whole so far."""
    if isinstance(chunks[0], AIMessageChunk):
        return chunks[0] + chunks[1:]
    if isinstance(chunks[0], AddableDict):
        return functools.reduce(operator.add, chunks)
    return chunks[-1]


def message_of(output: Any) -> AIMessage | None:
    """Return the message in what a model or a structured one gave, where it is there."""
    raw = output.get("raw") if isinstance(output, dict) else output
    return raw if isinstance(raw, AIMessage) else None


def _from_a_cache(hearing: Hearing) -> Exchange:
    message = message_of(hearing.output)
    served_by = message.response_metadata.get("served_by") if message is not None else None
    told: Any = (message.usage_metadata if message is not None else None) or {}
    usage = Usage(
        told.get("input_tokens"), told.get("output_tokens"), told.get("total_tokens"), cost=ZERO, cost_kind="billed"
    )
    return Exchange(hearing.model, served_by, usage=usage, latency=hearing.seconds, ttft=hearing.seconds, cached=True)
