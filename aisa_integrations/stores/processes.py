"""Who holds something in a shared file, and whether that process is still there."""

from __future__ import annotations

import os
import platform
import secrets
import sys

_names: dict[int, str] = {}


def this_process() -> str:
    """Return a name of this process that no other one has, not even a later one with the same id."""
    pid = os.getpid()
    if pid not in _names:
        _names[pid] = f"{platform.node()}/{pid}/{secrets.token_hex(8)}"
    return _names[pid]


def has_ended(name: str) -> bool:
    """Say whether the process of that name has surely ended. One on another machine never surely has."""
    host, _, rest = name.partition("/")
    pid, _, _ = rest.partition("/")
    if name == this_process() or host != platform.node() or not pid.isdecimal():
        return False
    if int(pid) == os.getpid():
        return True
    if sys.platform == "win32":  # where os.kill(pid, 0) is no question
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False
