"""The sync driver: does what an exchange asks, on httpx2."""

from __future__ import annotations

import contextlib
import socket
import time
import weakref
from collections import deque
from collections.abc import Iterator
from typing import Any, Final

import httpx2

from ..policy import Policy
from ..settings import Settings
from .core import Core, raised, shaped, strip_frames
from .effects import (
    ENDED,
    Answer,
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
    Wait,
)
from .exchange import Steps
from .flow import Flow, framed
from .network import NetworkOptions, Sync, SyncPool
from .outgoing import failure_of, let_flow, too_late
from .request import Call, CallOptions
from .watchdog import socket_of, watchdog

# How long the end of a body may take after `[DONE]`, so that its connection can be used again.
DRAIN_SECONDS: Final = 0.25


class SyncReply:
    """The open reply of one attempt."""

    def __init__(self, response: httpx2.Response, read_timeout: float | None) -> None:
        self.response = response
        self.read_timeout = read_timeout
        self._encoded = response.headers.get("content-encoding", "identity").lower() != "identity"
        if self._encoded:
            # We ask for identity; a server that compresses all the same is decoded here, for everyone above.
            self._pieces = response.iter_bytes()
        else:
            self._pieces = iter(response.stream)  # type: ignore[arg-type]

    @property
    def head(self) -> Head:
        """Return the head of the reply."""
        return Head(self.response.status_code, self.response.headers)

    def read(self, expires: float | None) -> bytes | Failed | Signal:
        """Return the next piece; with `expires`, no later than that monotonic second."""
        if expires is None:
            return self._next()
        left = expires - time.monotonic()
        watch = None
        if self.read_timeout is None or left < self.read_timeout:
            sock = socket_of(self.response)
            watch = watchdog.watch(sock, expires) if sock is not None else None
        piece = self._next()
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

    def _next(self) -> bytes | Failed | Signal:
        try:
            return next(self._pieces, ENDED)
        except httpx2.RequestError as error:
            return failure_of(error)

    def close(self) -> None:
        """Give the connection back, or close it where the body was not read to its end."""
        self.response.stream.close()  # type: ignore[union-attr]

    def abort(self) -> None:
        """Cut the connection from any thread, a collecting one too; its slot is freed by `close` later."""
        sock = socket_of(self.response)
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


class SyncFlow:
    """The lists of events of a stream that was handed over."""

    def __init__(self, handed: HandOver, reply: SyncReply, steps: Steps, abandoned: deque[SyncReply]) -> None:
        self.flow = Flow(handed, steps)
        self._reply = reply
        # Who drops a stream without closing it still gets it settled, metered and its connection cut.
        self._finalizer = weakref.finalize(self, _abandon, self.flow, reply, abandoned)
        self._finalizer.atexit = False

    def __iter__(self) -> Iterator[list[Event]]:
        try:
            if first := self.flow.begin():
                yield first
            while self.flow.wants_more:
                piece = self._reply.read(None)
                if not isinstance(piece, bytes):
                    yield self.flow.end(piece)
                elif events := self.flow.feed(piece):
                    yield events
                elif self.flow.stalled(time.monotonic(), self._reply.read_timeout):
                    yield self.flow.end(too_late())
            yield self.flow.end()
        finally:
            self.close()

    def close(self) -> None:
        """Settle the call and give the connection back."""
        if self._finalizer.detach() is None:
            return
        self.flow.drop()
        if self.flow.reader.done:
            self._reply.drain()
        self._reply.close()


def _abandon(flow: Flow, reply: SyncReply, abandoned: deque[SyncReply]) -> None:
    flow.drop()
    reply.abort()
    # The pool's lock may be held by the very thread that is collecting: the next call closes it.
    abandoned.append(reply)


class _SyncBody(httpx2.SyncByteStream):
    """The body of a stream as an SDK reads it."""

    def __init__(self, flow: SyncFlow) -> None:
        self._flow = flow

    def __iter__(self) -> Iterator[bytes]:
        for events in self._flow:
            if data := framed(events):
                yield data

    def close(self) -> None:
        self._flow.close()


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
        options = network or NetworkOptions()
        self._network: Sync = SyncPool(options, settings.origin) if isinstance(options, NetworkOptions) else options
        self._abandoned: deque[SyncReply] = deque()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Run one logical call and return its reply, with the library's headers on it."""
        options = self.core.options_of(request)
        content = request.read() if isinstance(request.stream, httpx2.ByteStream) else None
        call = self.core.read(request, content, options)
        steps = self.core.begin(call)
        effect, reply = self.run(steps, call, request, options)
        response = reply.response if reply is not None else None
        if isinstance(effect, Fail):
            raise raised(effect, request)
        if isinstance(effect, HandOver):
            assert reply is not None
            return shaped(effect, response, _SyncBody(SyncFlow(effect, reply, steps, self._abandoned)))
        if isinstance(effect, PassOn):
            assert response is not None
            steps.close()
            return shaped(effect, response, response.stream)
        return shaped(effect, response, httpx2.ByteStream(effect.body))

    def run(
        self, steps: Steps, call: Call, request: httpx2.Request, options: CallOptions
    ) -> tuple[Answer | HandOver | PassOn | Fail, SyncReply | None]:
        """Do what an exchange asks until it hands its result over; return that and the open reply."""
        while self._abandoned:
            self._abandoned.popleft().close()
        reply: SyncReply | None = None
        happening: Happening = None
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
                    reply, happening = self._send(effect, request, options)
                elif isinstance(effect, Wait):
                    happening = None
                    if reply is not None:
                        reply.close()
                    time.sleep(effect.seconds)
                elif isinstance(effect, Notify):
                    self.core.notify(effect.event, call.policy)
                    happening = None
                else:
                    if isinstance(effect, (Answer, Fail)):
                        steps.close()
                        if reply is not None:
                            reply.close()
                    return effect, reply  # type: ignore[return-value]
        except BaseException as error:
            if reply is not None:
                reply.close()
            steps.close()
            raise strip_frames(error)  # noqa: B904 - the very exception goes on, without the frames below us

    def _send(self, effect: Send, request: httpx2.Request, options: CallOptions) -> tuple[SyncReply | None, Happening]:
        built = self.core.build(effect, request, options)
        try:
            # Looked up at call time: cassettes patch the class.
            response = self._network.current(built.url).handle_request(built)
        except httpx2.RequestError as error:
            return None, failure_of(error)
        reply = SyncReply(response, let_flow(built, effect.wire))
        return reply, reply.head

    def close(self) -> None:
        """Close every connection."""
        while self._abandoned:
            self._abandoned.popleft().close()
        self._network.close()

    def __repr__(self) -> str:
        return f"AisaTransport({self.core.settings.origin})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.core.settings, self.core.policy))
