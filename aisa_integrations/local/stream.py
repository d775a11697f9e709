"""Playing one streamed reply: frames in order, at their pace, and broken where the script says so."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable

from .answers import error_event
from .billing import Bill
from .connection import Connection, Header
from .fault import Break, Drop, Twist
from .script import PlayedFault, Style
from .sse import Encoding
from .surface import Frame, Frames, Json

_DEFAULT_CHUNKS = 2


class StreamPlayer:
    """Writes the chunks of a backend as the frames of a surface."""

    def __init__(
        self,
        connection: Connection,
        frames: Frames,
        encoding: Encoding,
        bill: Bill,
        style: Style,
        chunk_delay: float,
        fault: PlayedFault | None,
    ) -> None:
        self._connection = connection
        self._frames = frames
        self._encoding = encoding
        self._bill = bill
        self._style = style
        self._delay = chunk_delay
        self._fault = fault
        self._play = fault.fault.play if fault else None
        self._sent = 0
        self._unwritten = b""

    async def play(self, headers: list[Header], chunks: AsyncIterator[Json]) -> None:
        """The whole reply, head to end."""
        chunks = await _begun(chunks)  # before the head: a backend that fails at once is answered with its status
        try:
            await self._connection.head(200, [*headers, (b"content-type", self._encoding.content_type)])
            self._connection.watch()
            await self._frames_of(chunks)
        finally:
            if isinstance(chunks, AsyncGenerator):
                await chunks.aclose()

    async def _frames_of(self, chunks: AsyncIterator[Json]) -> None:
        bare = isinstance(self._play, Break) and self._play.bare
        if not bare:
            for _, data in self._frames.head():
                await self._write(data)
        if await self._breaks("before"):
            return
        if isinstance(self._play, Drop) and self._fault:
            await self._flush()
            await self._connection.pause(float(self._fault.options.get("seconds", 1)))
        finishes: dict[int, str] = {}
        usage: Json | None = None
        mute = self._play == Twist("bare_finish_error")
        async for chunk in chunks:
            if chunk.get("error") and not chunk.get("choices"):  # a backend's own failure is passed on
                self._bill.cut()
                await self._write(self._encoding.event({"error": chunk["error"]}))
                await self._finish()
                return
            usage = chunk.get("usage") or usage
            for choice in chunk.get("choices") or ():
                index, delta = choice.get("index") or 0, choice.get("delta") or {}
                if choice.get("finish_reason"):
                    finishes[index] = choice["finish_reason"]
                if _is_content(delta) and not mute:
                    self._bill.deliver(index, delta)
                    if await self._content(self._frames.delta(index, delta)):
                        return
        if isinstance(self._play, Break):
            # Shorter than the break was set for. Content that was held back goes out first: it is after content.
            for kind, data in self._frames.end({}, None):
                if kind == "content":
                    await self._write(data)
            await self._breaks("after")
            return
        await self._end(finishes, usage)

    async def _content(self, frames: Iterable[Frame]) -> bool:
        for _, data in frames:
            await self._connection.pause(self._delay)
            await self._write(data)
            self._sent += 1
            if self._sent == self._chunks_wanted() and await self._breaks("after"):
                return True
        return False

    async def _end(self, finishes: dict[int, str], usage: Json | None) -> None:
        kept = finishes
        if isinstance(self._play, Twist):
            match self._play.what:
                case "finish_error" | "bare_finish_error":
                    kept = dict.fromkeys(finishes, "error")
                case "choice_unfinished":
                    kept = dict(sorted(finishes.items())[:-1])
        settled = self._bill.settle(usage)
        for kind, data in self._frames.end(kept, settled):
            if kind == "done" and self._play == Twist("choice_unfinished"):
                continue
            if kind == "content":
                await self._connection.pause(self._delay)
            await self._write(data)
        await self._write(self._encoding.end())
        await self._finish()

    # Breaking

    def _chunks_wanted(self) -> int:
        return int(self._fault.options.get("chunks", _DEFAULT_CHUNKS)) if self._fault else 0

    async def _breaks(self, at: str) -> bool:
        fault, play = self._fault, self._play
        if fault is None or not isinstance(play, Break) or play.at != at:
            return False
        self._bill.cut()
        for _ in range(play.comments):
            await self._write(self._encoding.comment("keep-alive"))
        if play.event is not None:
            await self._write(self._encoding.event(error_event(fault, play)))
        await self._flush()
        match play.ending:
            case "clean":
                await self._finish()
            case "cut":
                await (self._connection.reset() if fault.options.get("reset") else self._connection.close())
            case "hang":
                await self._connection.pause(fault.options.get("seconds"))
                await self._connection.close()
            case "trickle":
                every = float(fault.options.get("every", 0.05))
                while True:
                    await self._connection.write(self._encoding.comment("keep-alive"))
                    await self._connection.pause(every)
        return True

    # Writing

    async def _write(self, data: bytes) -> None:
        size = self._style.write_size
        if not data:
            return
        if size is None:
            await self._connection.write(data)
            return
        self._unwritten += data
        while size and len(self._unwritten) >= size:
            await self._connection.write(self._unwritten[:size])
            self._unwritten = self._unwritten[size:]
            await self._connection.pause(0)

    async def _flush(self) -> None:
        if self._unwritten:
            await self._connection.write(self._unwritten)
            self._unwritten = b""

    async def _finish(self) -> None:
        await self._flush()
        await self._connection.write(b"", more=False)


def _is_content(delta: Json) -> bool:
    return any(value for key, value in delta.items() if key != "role")


async def _begun(chunks: AsyncIterator[Json]) -> AsyncIterator[Json]:
    try:
        first = await anext(chunks)
    except StopAsyncIteration:
        return chunks
    return _resumed(first, chunks)


async def _resumed(first: Json, rest: AsyncIterator[Json]) -> AsyncGenerator[Json]:
    try:
        yield first
        async for chunk in rest:
            yield chunk
    finally:
        if isinstance(rest, AsyncGenerator):
            with contextlib.suppress(RuntimeError):
                await rest.aclose()


async def watched(connection: Connection, chunks: AsyncIterator[Json]) -> AsyncGenerator[Json]:
    """The chunks of a backend that takes its time: waiting for it ends when the client goes away."""
    try:
        while True:
            try:
                yield await connection.during(_next(chunks))
            except StopAsyncIteration:
                return
    finally:
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()


async def _next(chunks: AsyncIterator[Json]) -> Json:
    return await anext(chunks)
