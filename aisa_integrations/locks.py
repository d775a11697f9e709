"""A lock that a forked child finds open, and that a finalizer never waits for.

A stream that nobody closed is settled when it is collected. The collector runs in whatever thread happens to allocate,
even one that holds the very lock which settling needs; so what a finalizer has to do waits until that lock is free.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from .forks import renew_after_fork


class _Inside(threading.local):
    depth = 0


_inside = _Inside()
_postponed: deque[Callable[[], object]] = deque()


class SafeLock:
    """A lock for short, pure sections: `with lock:`."""

    __slots__ = ("__weakref__", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        renew_after_fork(self)

    def __enter__(self) -> None:
        _inside.depth += 1
        try:
            self._lock.acquire()
        except BaseException:
            _inside.depth -= 1  # Ctrl-C while waiting for it
            raise

    def __exit__(self, *exc: object) -> None:
        self._lock.release()
        _inside.depth -= 1
        while _postponed and not _inside.depth:
            try:
                action = _postponed.popleft()
            except IndexError:
                break  # another thread took the last one
            action()

    def _renew_after_fork(self) -> None:
        # Another thread of the parent may have held it; that thread does not exist here.
        self._lock = threading.Lock()


def when_calm(action: Callable[[], object]) -> None:
    """Run an action now, or, inside a locked section of this thread, right after it."""
    if _inside.depth:
        _postponed.append(action)
    else:
        action()
