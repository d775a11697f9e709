"""What belongs to one process: pools and locks that a forked child must not use are made anew in it."""

from __future__ import annotations

import os
import weakref
from typing import Any

_owners: weakref.WeakSet[Any] = weakref.WeakSet()


def renew_after_fork(owner: Any) -> None:
    """Have `owner._renew_after_fork()` called in every child forked while it lives."""
    _owners.add(owner)


def _renew_all() -> None:
    for owner in list(_owners):
        owner._renew_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
