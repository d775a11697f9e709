"""A lock that knows its holder, gives up in time, and is nobody's while the process forks.

The holder matters because of finalizers: a stream that nobody closed is settled when it is collected, in whatever
thread allocates, even one that is inside the very section which settling needs. Holding still for a fork matters
because of SQLite: its own locks, inside C, are copied as they are, and a child forked while another thread was in
there would wait for that thread for ever.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Final

from ..forks import renew_after_fork

# A section lasts as long as a locked file is waited for, at most; a fork that can't wait goes on without.
_FORK_PATIENCE: Final = 10.0


class Guard:
    """A lock for one store."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder: int | None = None
        _guards.add(self)
        renew_after_fork(self)

    def acquire(self, seconds: float = -1) -> bool:
        """Take the lock, waiting no longer than `seconds`; -1 is for ever. Say whether it was had."""
        if not self._lock.acquire(timeout=seconds):
            return False
        self._holder = threading.get_ident()
        return True

    def release(self) -> None:
        """Give the lock back."""
        self._holder = None
        self._lock.release()

    @property
    def mine(self) -> bool:
        """Say whether this very thread holds the lock."""
        return self._holder == threading.get_ident()

    def _renew_after_fork(self) -> None:
        self._lock = threading.Lock()
        self._holder = None


_guards: weakref.WeakSet[Guard] = weakref.WeakSet()


class _Held(threading.local):
    guards: tuple[Guard, ...] = ()


_held = _Held()


def _hold_still() -> None:
    _held.guards = tuple(guard for guard in list(_guards) if not guard.mine and guard.acquire(_FORK_PATIENCE))


def _go_on() -> None:
    guards, _held.guards = _held.guards, ()
    for guard in guards:
        guard.release()


def _start_as_a_child() -> None:
    # The locks themselves were made anew.
    _held.guards = ()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold_still, after_in_parent=_go_on, after_in_child=_start_as_a_child)
