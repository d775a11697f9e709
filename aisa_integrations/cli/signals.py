"""A command that is told to end ends in order: its calls are in the ledger, its connections are closed."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def ending_in_order() -> Iterator[None]:
    """Turn SIGTERM (`timeout 30 aisa …`, a service manager) and SIGHUP (a closed terminal) into an orderly exit.

    The exit code is the shell's, 128 and the signal's number. What is ignored, as under nohup, stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are none of this thread's business
        return
    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    heard = [number for name in names if signal.getsignal(number := getattr(signal, name)) is signal.SIG_DFL]
    for number in heard:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, signal.SIG_DFL)


def _end(number: int, frame: FrameType | None) -> None:
    # Once: `timeout` sends it to the command and again to the command's group, in the midst of ending.
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)
