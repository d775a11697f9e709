"""A bound on a blocking read from outside: the only way to end one early without touching its timeout.

httpcore takes the read timeout once for a whole body. Cutting it to what remains of the deadline would also cut a
stream that later pauses for longer, so a read before hand-over, and the short one after `[DONE]`, are bounded here.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Mapping
from typing import Any, Final

from ..forks import renew_after_fork

_TICK: Final = 0.02


class Watch:
    """One bounded read: `fired` says whether it was ended from outside."""

    __slots__ = ("_lock", "_socket", "cancelled", "expires", "fired")

    def __init__(self, sock: socket.socket, expires: float, lock: threading.Lock) -> None:
        self._socket = sock
        self._lock = lock
        self.expires = expires
        self.cancelled = False
        self.fired = False

    def cancel(self) -> None:
        """Say that the read has ended; from here on the connection is left alone, whoever uses it next."""
        with self._lock:
            self.cancelled = True

    def fire(self) -> None:
        """End the read, unless it has ended: the peer's end of the connection looks closed from now on."""
        with self._lock:
            if self.cancelled:
                return
            self.fired = True
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


class Watchdog:
    """Keep watches; its thread runs only while there are any."""

    def __init__(self) -> None:
        self._renew_after_fork()
        renew_after_fork(self)

    def _renew_after_fork(self) -> None:
        self._lock = threading.Lock()
        self._watches: list[Watch] = []
        self._running = False

    def watch(self, sock: socket.socket, expires: float) -> Watch:
        """Begin to watch a read that must end by a monotonic second; `cancel()` it when it has ended."""
        watch = Watch(sock, expires, self._lock)
        with self._lock:
            self._watches.append(watch)
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="aisa-watchdog", daemon=True).start()
        return watch

    def _run(self) -> None:
        while True:
            time.sleep(_TICK)
            now = time.monotonic()
            with self._lock:
                self._watches = [watch for watch in self._watches if not watch.cancelled]
                due = [watch for watch in self._watches if watch.expires <= now]
                self._watches = [watch for watch in self._watches if watch.expires > now]
                if not self._watches and not due:
                    self._running = False
                    return
            for watch in due:
                watch.fire()


watchdog: Final = Watchdog()


def socket_of(extensions: Mapping[str, Any]) -> socket.socket | None:
    """Return the socket a response comes from, by its extensions; None for a cassette or a test transport."""
    stream = extensions.get("network_stream")
    sock = stream.get_extra_info("socket") if stream is not None else None
    return sock if isinstance(sock, socket.socket) else None
