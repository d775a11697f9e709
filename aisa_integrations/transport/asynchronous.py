"""The async driver: does what an exchange asks, on httpx2 and asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
import weakref
from collections.abc import AsyncIterator
from typing import Any, Generic, cast

import httpx2

from ..forks import generation, keep_inherited
from ..locks import when_calm
from ..policy import Policy
from ..settings import Settings
from .asyncgens import first_of
from .beside import consulted
from .core import Core, is_encoded, raised, shaped, strip_frames
from .effects import (
    ENDED,
    Answer,
    Consult,
    Event,
    Fail,
    Failed,
    HandOver,
    Happening,
    Head,
    Notify,
    PassOn,
    ReadAll,
    ReadMore,
    Send,
    Signal,
    Steps,
    Wait,
)
from .flow import AnyFlow, Flow, FramedFlow, Out
from .live import AsyncRefusal
from .loops import closing
from .network import Async, AsyncPool, NetworkOptions
from .outgoing import failure_of, let_flow, too_late
from .passing import AsyncPassed
from .request import Call, CallOptions
from .sync import DRAIN_SECONDS


class AsyncReply:
    """The open reply of one attempt."""

    def __init__(self, response: httpx2.Response, read_timeout: float | None) -> None:
        self.response: httpx2.Response | None = response
        self.read_timeout = read_timeout
        self._loop = asyncio.get_running_loop()
        self._generation = generation()
        self._begun = self._ended = False
        # Kept beside the response: its own stream is about to be replaced by the body that reads from here.
        stream = self._stream = cast(Any, response.stream)
        self._pieces: AsyncIterator[bytes] = response.aiter_bytes() if is_encoded(response) else stream.__aiter__()

    @property
    def inherited(self) -> bool:
        """Say whether it was opened by the process that this one was forked from, and is that one's to read."""
        return self._generation != generation()

    @property
    def is_here(self) -> bool:
        """Say whether the running loop is the one it was opened on."""
        return asyncio.get_running_loop() is self._loop

    async def read(self, expires: float | None) -> bytes | Failed | Signal:
        """Return the next piece; with `expires`, no later than that monotonic second."""
        if expires is None:
            return await self.next()
        left = expires - time.monotonic()
        if self.read_timeout is not None and left >= self.read_timeout:
            piece = await self.next()
        else:
            try:
                async with asyncio.timeout(left):
                    piece = await self.next()
            except TimeoutError:
                return too_late()
        return too_late() if piece is not ENDED and time.monotonic() >= expires else piece

    async def read_all(self, expires: float) -> bytes | Failed:
        """Return the whole body, no later than a monotonic second."""
        pieces: list[bytes] = []
        while isinstance(piece := await self.read(expires), bytes):
            pieces.append(piece)
        return piece if isinstance(piece, Failed) else b"".join(pieces)

    async def drain(self) -> None:
        """Read what is left of a body whose content is over, within a short time."""
        expires = time.monotonic() + DRAIN_SECONDS
        while isinstance(await self.read(expires), bytes):
            pass

    async def next(self) -> bytes | Failed | Signal:
        """Return the next piece, however long it takes."""
        try:
            if self._begun:
                piece = await anext(self._pieces, ENDED)
            else:
                self._begun = True
                piece = await first_of(self._pieces, ENDED)
            self._ended = piece is ENDED
            return piece
        except httpx2.RequestError as error:
            return failure_of(error)

    async def aclose(self) -> None:
        """Give the connection back, or close it where the body was not read to its end."""
        if not self.is_here:
            self.abort()
        elif self._ended:
            await self._close()
        else:
            # Closing a connection waits, and a caller that is cancelled there would leave its slot taken for ever.
            task = closing(self._loop, self._close())
            if not isinstance(sys.exception(), GeneratorExit):
                await asyncio.shield(task)
            # Else a generator of an SDK is being closed, by a loop that ends and closes those within it as well: to
            # wait here would let them meet each other closing.

    async def _close(self) -> None:
        # Let go of both: they lead to the request as it was sent, and errors and replies lead here.
        stream, self._stream = self._stream, None
        pieces, self._pieces = self._pieces, _NoPieces()
        # The stream's own iterator is an async generator: left open, the loop would finalise it in its own time.
        if hasattr(pieces, "aclose"):
            await pieces.aclose()
        if stream is not None:
            await stream.aclose()

    def abort(self) -> None:
        """Have the connection closed by its loop, from any thread; nothing is left to do where that loop is gone."""
        with contextlib.suppress(RuntimeError):  # its loop is closed
            self._loop.call_soon_threadsafe(lambda: closing(self._loop, self._close()))


class _NoPieces(AsyncIterator[bytes]):
    async def __anext__(self) -> bytes:
        raise StopAsyncIteration


class _AsyncReading(Generic[Out]):
    """A stream that was handed over, as its flow gives it.

    A class and not an async generator: nested ones are each finalised by the loop at once, and meet each other closing.
    """

    def __init__(self, flow: AnyFlow[Out], reply: AsyncReply) -> None:
        self.flow = flow
        self._reply = reply
        self._finalizer = weakref.finalize(self, _abandon, self.flow, reply)
        self._finalizer.atexit = False
        # Its body is what holds this flow: with the response in the finalizer's hands, it would never be collected.
        reply.response = None

    def __aiter__(self) -> AsyncIterator[Out]:
        return self

    async def __anext__(self) -> Out:
        try:
            flow, reply = self.flow, self._reply
            if flow.first and (first := flow.begin()):
                return first
            how: Signal | Failed = ENDED
            while flow.wants_more:
                piece = await reply.next()
                if not isinstance(piece, bytes):
                    how = piece
                    break
                if events := flow.feed(piece):
                    return events
                if flow.stalled(time.monotonic(), reply.read_timeout):
                    how = too_late()
                    break
            last = flow.end(how)
        except BaseException:
            await self.aclose()
            raise
        # Before the last events: an SDK that raises for the error among them leaves the stream open.
        await self.aclose()
        if last:
            return last
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Settle the call and give the connection back."""
        if self._finalizer.detach() is None:
            return
        if self._reply.inherited:
            keep_inherited(self.flow, self._reply)
            return
        self.flow.leave()
        try:
            if isinstance(sys.exception(), (GeneratorExit, asyncio.CancelledError)):
                self.flow.hurry_chores()
            for chore in self.flow.take_chores():
                await consulted(chore)
            if self.flow.reader.done and self._reply.is_here:
                await self._reply.drain()
        finally:
            await self._reply.aclose()


def _abandon(flow: AnyFlow[Any], reply: AsyncReply) -> None:
    if reply.inherited:
        keep_inherited(flow, reply)
        return
    when_calm(flow.abandon)
    reply.abort()


class AsyncFlow(_AsyncReading[list[Event]]):
    """The lists of events of a stream that was handed over."""

    flow: Flow

    def __init__(self, handed: HandOver, reply: AsyncReply, steps: Steps) -> None:
        super().__init__(Flow(handed, steps), reply)


class _AsyncBody(_AsyncReading[bytes], httpx2.AsyncByteStream):
    """The body of a stream as an SDK reads it."""

    def __init__(self, handed: HandOver, reply: AsyncReply, steps: Steps) -> None:
        super().__init__(FramedFlow(handed, steps), reply)


class AsyncAisaTransport(httpx2.AsyncBaseTransport):
    """Send requests to the gateway under a policy, on any number of event loops; see `AisaTransport`.

    Args:
        settings: key, origin and timeouts.
        policy: what to do about failures.
        network: what connections are made with; `NetworkOptions`, or a network of the caller's own.
    """

    def __init__(
        self, settings: Settings, policy: Policy | None = None, network: NetworkOptions | Async | None = None
    ) -> None:
        self.core = Core(settings, policy or Policy())
        options = self._made_with = network or NetworkOptions()
        self._network: Async = AsyncPool(options, settings.origin) if isinstance(options, NetworkOptions) else options

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Run one logical call and return its reply, with the library's headers on it."""
        options = self.core.options_of(request)
        content = await request.aread() if isinstance(request.stream, httpx2.ByteStream) else None
        call = self.core.read(request, content, options)
        steps = self.core.begin(call, options)
        effect, reply = await self.run(steps, call, request, options)
        response = reply.response if reply is not None else None
        if isinstance(effect, Fail):
            raise raised(effect, request, call.place.surface)
        if isinstance(effect, HandOver):
            assert reply is not None
            return shaped(effect, response, _AsyncBody(effect, reply, steps))
        if isinstance(effect, PassOn):
            assert reply is not None
            steps.close()
            return shaped(effect, response, AsyncPassed(reply))
        return shaped(effect, response, httpx2.ByteStream(effect.body))

    async def run(
        self, steps: Steps, call: Call, request: httpx2.Request, options: CallOptions
    ) -> tuple[Answer | HandOver | PassOn | Fail, AsyncReply | None]:
        """Do what an exchange asks until it hands its result over; return that and the open reply."""
        reply: AsyncReply | None = None
        happening: Happening = None
        handled = sys.exception()
        try:
            while True:
                effect = steps.send(happening)
                if isinstance(effect, ReadAll):
                    assert reply is not None
                    happening = await reply.read_all(effect.expires)
                    await reply.aclose()
                elif isinstance(effect, ReadMore):
                    assert reply is not None
                    happening = await reply.read(effect.expires)
                elif isinstance(effect, Send):
                    if reply is not None:
                        await reply.aclose()
                    reply, happening = await self._send(effect, request, options)
                elif isinstance(effect, Wait):
                    happening = None
                    if reply is not None:
                        await reply.aclose()
                    await asyncio.sleep(effect.seconds)
                elif isinstance(effect, Consult):
                    happening = await consulted(effect)
                elif isinstance(effect, Notify):
                    self.core.notify(effect.event, call.policy)
                    happening = None
                else:
                    if isinstance(effect, (Answer, Fail)):
                        next(steps, None)
                        if reply is not None:
                            await reply.aclose()
                    return effect, reply  # type: ignore[return-value]
        except BaseException as error:
            steps.close()
            if reply is not None:
                await reply.aclose()
            raise strip_frames(error, handled)  # noqa: B904 - the very exception goes on, without the frames below us

    async def _send(
        self, effect: Send, request: httpx2.Request, options: CallOptions
    ) -> tuple[AsyncReply | None, Happening]:
        built = self.core.build(effect, request, options, AsyncRefusal)
        try:
            # Looked up at call time: cassettes patch the class.
            response = await (await self._network.current(built.url)).handle_async_request(built)
        except httpx2.RequestError as error:
            return None, failure_of(error)
        reply = AsyncReply(response, let_flow(built, effect.wire))
        return reply, Head(response.status_code, response.headers)

    async def aclose(self) -> None:
        """Close the running loop's connections."""
        await self._network.aclose()

    def __repr__(self) -> str:
        return f"AsyncAisaTransport({self.core.settings.origin})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.core.settings, self.core.policy, self._made_with))
