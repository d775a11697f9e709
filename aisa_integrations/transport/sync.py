"""The sync driver: does what an exchange asks, on httpx2."""

from __future__ import annotations

import _thread
import contextlib
import socket
import sys
import time
import weakref
from collections.abc import Iterator
from typing import Any, Final, Generic, cast

import httpx2

from ..forks import generation, keep_inherited
from ..locks import when_calm
from ..policy import Policy
from ..settings import Settings
from .core import Core, is_encoded, raised, shaped, strip_frames
from .departure import Departure, departure
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
from .network import NetworkOptions, Sync, SyncPool
from .outgoing import failure_of, let_flow, too_late
from .passing import SyncPassed
from .request import Call, CallOptions
from .watchdog import socket_of, watchdog

# How long the end of a body may take after `[DONE]`, so that its connection can be used again.
DRAIN_SECONDS: Final = 0.25


class SyncReply:
    """The open reply of one attempt."""

    def __init__(self, response: httpx2.Response, read_timeout: float | None) -> None:
        self.response: httpx2.Response | None = response
        self.read_timeout = read_timeout
        self._generation = generation()
        # Kept here: the body that the caller gets takes its place in the response.
        stream = self._stream = cast(Any, response.stream)
        self._extensions = response.extensions
        self._pieces: Iterator[bytes] = response.iter_bytes() if is_encoded(response) else iter(stream)

    @property
    def inherited(self) -> bool:
        """Say whether it was opened by the process that this one was forked from, and is that one's to read."""
        return self._generation != generation()

    def read(self, expires: float | None) -> bytes | Failed | Signal:
        """Return the next piece; with `expires`, no later than that monotonic second."""
        if expires is None:
            return self.next()
        left = expires - time.monotonic()
        watch = None
        if self.read_timeout is None or left < self.read_timeout:
            sock = socket_of(self._extensions)
            watch = watchdog.watch(sock, expires) if sock is not None else None
        try:
            piece = self.next()
        finally:
            if watch is not None:
                watch.cancel()
        if (watch is not None and watch.fired) or (piece is not ENDED and time.monotonic() >= expires):
            return too_late()
        return piece

    def read_all(self, expires: float) -> bytes | Failed:
        """Return the whole body, no later than a monotonic second."""
        pieces: list[bytes] = []
        while isinstance(piece := self.read(expires), bytes):
            pieces.append(piece)
        return piece if isinstance(piece, Failed) else b"".join(pieces)

    def drain(self) -> None:
        """Read what is left of a body whose content is over, within a short time."""
        expires = time.monotonic() + DRAIN_SECONDS
        while isinstance(self.read(expires), bytes):
            pass

    def next(self) -> bytes | Failed | Signal:
        """Return the next piece, however long it takes."""
        try:
            return next(self._pieces, ENDED)
        except httpx2.RequestError as error:
            return failure_of(error)

    def close(self) -> None:
        """Give the connection back, or close it where the body was not read to its end."""
        # Let go of it too: it leads to the request as it was sent, and errors and replies lead here.
        stream, self._stream, self._pieces = self._stream, None, iter(())
        if stream is not None:
            stream.close()

    def abort(self) -> None:
        """Cut the connection at once, and give its slot back, from a thread that may be collecting garbage."""
        sock = socket_of(self._extensions)
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        # The pool may be in the hands of the very thread that is collecting, and `threading.Thread` takes locks too.
        with contextlib.suppress(RuntimeError):
            _thread.start_new_thread(self._close_quietly, ())

    def _close_quietly(self) -> None:
        with contextlib.suppress(Exception):
            self.close()


class _SyncReading(Generic[Out]):
    """A stream that was handed over, as its flow gives it."""

    def __init__(self, flow: AnyFlow[Out], reply: SyncReply) -> None:
        self.flow = flow
        self._reply = reply
        # Who drops a stream without closing it still gets it settled, metered and its connection cut.
        self._finalizer = weakref.finalize(self, _abandon, self.flow, reply)
        self._finalizer.atexit = False
        # Its body is what holds this flow: with the response in the finalizer's hands, it would never be collected.
        reply.response = None

    def __iter__(self) -> Iterator[Out]:
        return self

    def __next__(self) -> Out:
        try:
            flow, reply = self.flow, self._reply
            if flow.first and (first := flow.begin()):
                return first
            how: Signal | Failed = ENDED
            while flow.wants_more:
                piece = reply.next()
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
            self.close()
            raise
        # Before the last events: an SDK that raises for the error among them leaves the stream open.
        self.close()
        if last:
            return last
        raise StopIteration

    def close(self) -> None:
        """Settle the call and give the connection back."""
        if self._finalizer.detach() is None:
            return
        if self._reply.inherited:
            keep_inherited(self.flow, self._reply)
            return
        self.flow.leave()
        try:
            for chore in self.flow.take_chores():
                chore.action()
            if self.flow.reader.done:
                self._reply.drain()
        finally:
            self._reply.close()


def _abandon(flow: AnyFlow[Any], reply: SyncReply) -> None:
    if reply.inherited:
        keep_inherited(flow, reply)
        return
    when_calm(flow.abandon)
    reply.abort()


class SyncFlow(_SyncReading[list[Event]]):
    """The lists of events of a stream that was handed over."""

    flow: Flow

    def __init__(self, handed: HandOver, reply: SyncReply, steps: Steps) -> None:
        super().__init__(Flow(handed, steps), reply)


class _SyncBody(_SyncReading[bytes], httpx2.SyncByteStream):
    """The body of a stream as an SDK reads it."""

    def __init__(self, handed: HandOver, reply: SyncReply, steps: Steps) -> None:
        super().__init__(FramedFlow(handed, steps), reply)


class AisaTransport(httpx2.BaseTransport):
    """Send requests to the gateway under a policy: the key, retries, fallback, verdicts and the meter.

    Args:
        settings: key, origin and timeouts.
        policy: what to do about failures.
        network: what connections are made with; `NetworkOptions`, or a network of the caller's own.
    """

    def __init__(
        self, settings: Settings, policy: Policy | None = None, network: NetworkOptions | Sync | None = None
    ) -> None:
        self.core = Core(settings, policy or Policy())
        options = self._made_with = network or NetworkOptions()
        self._network: Sync = SyncPool(options, settings.origin) if isinstance(options, NetworkOptions) else options

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Run one logical call and return its reply, with the library's headers on it."""
        options = self.core.options_of(request)
        content = request.read() if isinstance(request.stream, httpx2.ByteStream) else None
        call = self.core.read(request, content, options)
        steps = self.core.begin(call, options)
        effect, reply = self.run(steps, call, request, options)
        response = reply.response if reply is not None else None
        if isinstance(effect, Fail):
            raise raised(effect, request, call.place.surface)
        if isinstance(effect, HandOver):
            assert reply is not None
            return shaped(effect, response, _SyncBody(effect, reply, steps))
        if isinstance(effect, PassOn):
            assert reply is not None
            steps.close()
            return shaped(effect, response, SyncPassed(reply))
        return shaped(effect, response, httpx2.ByteStream(effect.body))

    def run(
        self, steps: Steps, call: Call, request: httpx2.Request, options: CallOptions
    ) -> tuple[Answer | HandOver | PassOn | Fail, SyncReply | None]:
        """Do what an exchange asks until it hands its result over; return that and the open reply."""
        reply: SyncReply | None = None
        happening: Happening = None
        handled, leaving = sys.exception(), departure()
        try:
            while True:
                effect = steps.send(happening)
                if isinstance(effect, ReadAll):
                    assert reply is not None
                    happening = reply.read_all(effect.expires)
                    reply.close()
                elif isinstance(effect, ReadMore):
                    assert reply is not None
                    happening = reply.read(effect.expires)
                elif isinstance(effect, Send):
                    if reply is not None:
                        reply.close()
                    reply, happening = self._send(effect, request, options, leaving)
                elif isinstance(effect, Wait):
                    happening = None
                    if reply is not None:
                        reply.close()
                    (time.sleep if leaving is None else leaving.pause)(effect.seconds)
                elif isinstance(effect, Consult):
                    happening = effect.action()
                elif isinstance(effect, Notify):
                    if leaving is not None:
                        leaving.check()  # a connection that was cut for the caller is no failure to tell of
                    self.core.notify(effect.event, call.policy)
                    happening = None
                else:
                    if isinstance(effect, (Answer, Fail)):
                        # It has nothing more to ask; `close()` would end it by an exception through all of its parts.
                        next(steps, None)
                        if reply is not None:
                            reply.close()
                    return effect, reply  # type: ignore[return-value]
        except BaseException as error:
            if reply is not None:
                reply.close()
            steps.close()
            raise strip_frames(error, handled)  # noqa: B904 - the very exception goes on, without the frames below us

    def _send(
        self, effect: Send, request: httpx2.Request, options: CallOptions, leaving: Departure | None
    ) -> tuple[SyncReply | None, Happening]:
        built = self.core.build(effect, request, options)
        try:
            network = self._network.current(built.url)
            if leaving is not None:
                leaving.attend(built, network)
            # Looked up at call time: cassettes patch the class.
            response = network.handle_request(built)
        except httpx2.RequestError as error:
            return None, failure_of(error)
        reply = SyncReply(response, let_flow(built, effect.wire))
        return reply, Head(response.status_code, response.headers)

    def close(self) -> None:
        """Close every connection."""
        self._network.close()

    def __repr__(self) -> str:
        return f"AisaTransport({self.core.settings.origin})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.core.settings, self.core.policy, self._made_with))
