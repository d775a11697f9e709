"""Leaving sync calls from another thread: their connections are cut, and they send nothing any more.

A thread that waits for a reply can't be interrupted. Who waits for several such threads, as a comparison does, leaves
them all when Ctrl-C comes to it.
"""

from __future__ import annotations

import contextlib
import contextvars
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import httpx2


class Departed(BaseException):
    """End a call whose caller has left. No Exception: nothing may take it for a failure and ask again."""


class Departure:
    """Leave the sync calls that are made within `awaited()`, whatever thread they run in."""

    def __init__(self) -> None:
        self._left = threading.Event()
        self._transports: list[Any] = []

    @contextlib.contextmanager
    def awaited(self) -> Iterator[None]:
        """Hold the calls of this context to this departure."""
        token = _departure.set(self)
        try:
            yield
        finally:
            _departure.reset(token)

    def leave(self) -> None:
        """Cut what is under way. What has no connection yet ends before it sends anything."""
        self._left.set()
        for transport in list(self._transports):
            _cut(transport, self)

    def check(self) -> None:
        """Raise `Departed` where the caller has left."""
        if self._left.is_set():
            raise Departed

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than until the caller leaves."""
        self._left.wait(seconds)
        self.check()

    def attend(self, request: httpx2.Request, transport: object) -> None:
        """Take note of a request before it is sent."""
        # In this order: whoever leaves from here on finds the transport.
        self._transports.append(transport)
        self.check()
        request.extensions[_MARK] = self
        # What is there already, such as the refusal of a live request, has its say first.
        request.extensions["trace"] = partial(self._before_sending, request.extensions.get("trace"))

    def _before_sending(self, earlier: Callable[[str, object], object] | None, event: str, info: object) -> None:
        if earlier is not None:
            earlier(event, info)
        # A connection may have been opened while the caller left, and that could not be cut.
        if event.endswith("send_request_headers.started"):
            self.check()


_departure: contextvars.ContextVar[Departure | None] = contextvars.ContextVar("aisa_departure", default=None)
_MARK: Final = "aisa_departure"


def departure() -> Departure | None:
    """Return how the calls of this context are left, or None where nobody waits for them from outside."""
    return _departure.get()


def _cut(transport: Any, departure: Departure) -> None:
    """Shut the sockets of a departure's requests, in httpcore2's own lock: none may pass to another call meanwhile.

    The requests of a pool and their connections are private to httpcore2, and absent from other transports.
    """
    pool = getattr(transport, "_pool", None)
    with getattr(pool, "_optional_thread_lock", contextlib.nullcontext()):
        for waiting in list(getattr(pool, "_requests", ())):
            if waiting.request.extensions.get(_MARK) is departure:
                sock = _socket_of(waiting.connection)
                if sock is not None:
                    with contextlib.suppress(OSError):
                        sock.shutdown(socket.SHUT_RDWR)


def _socket_of(connection: Any) -> socket.socket | None:
    # Through the connections that a proxy's holds, to the innermost.
    while connection is not None and not hasattr(connection, "_network_stream"):
        connection = getattr(connection, "_connection", None)
    sock = connection._network_stream.get_extra_info("socket") if connection is not None else None
    return sock if isinstance(sock, socket.socket) else None
