"""What belongs to one process: pools and locks that a forked child must not use are made anew in it."""

from __future__ import annotations

import os
import weakref
from typing import Any

_owners: weakref.WeakSet[Any] = weakref.WeakSet()
_inherited: list[Any] = []
_generation = 0


def renew_after_fork(owner: Any) -> None:
    """Have `owner._renew_after_fork()` called in every child forked while it lives."""
    _owners.add(owner)


def generation() -> int:
    """Return a number that differs between a process and each child that was forked from it."""
    return _generation


def keep_inherited(*things: Any) -> None:
    """Keep what belongs to the parent for as long as this process lives: collecting it would disturb the parent."""
    _inherited.extend(things)


def _renew_all() -> None:
    global _generation
    _generation += 1
    for owner in list(_owners):
        owner._renew_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
