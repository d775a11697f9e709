"""What the tests of this folder watch: descriptors, connections, warnings out of finalisers, other processes."""

import gc
import os
import pickle
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

MAX_SECONDS = 5.0


def descriptors() -> int:
    """How many files and sockets this process has open."""
    return len(os.listdir("/proc/self/fd"))


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether a condition comes true within a few seconds."""
    expires = time.monotonic() + MAX_SECONDS
    while not condition():
        if time.monotonic() > expires:
            return False
        time.sleep(0.005)
    return True


class Connects:
    """Count the connections that this process opens."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        original: Any = socket.socket.connect

        def connect(sock: socket.socket, address: Any) -> Any:
            self.count += 1
            return original(sock, address)

        monkeypatch.setattr(socket.socket, "connect", connect)


@contextmanager
def no_noise() -> Iterator[None]:
    """Fail for anything that a finaliser complains of: warnings are errors, and these can't be raised."""
    heard: list[str] = []
    before, sys.unraisablehook = sys.unraisablehook, lambda told: heard.append(f"{told.object!r}: {told.exc_value!r}")
    try:
        yield
        gc.collect()
    finally:
        sys.unraisablehook = before
    assert heard == []


def in_a_child(act: Callable[[], object]) -> Callable[[], Any]:
    """Fork, act in the child, and return a function that waits for its result (or fails with its traceback)."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _report(writer, act)
    os.close(writer)

    def result() -> Any:
        with os.fdopen(reader, "rb") as pipe:
            data = pipe.read()
        os.waitpid(pid, 0)
        good, value = pickle.loads(data) if data else (False, "the child died")
        if not good:
            pytest.fail(f"in a forked child: {value}")
        return value

    return result


def _report(writer: int, act: Callable[[], object]) -> None:
    try:
        told: tuple[bool, object] = (True, act())
    except BaseException:
        told = (False, traceback.format_exc())
    with os.fdopen(writer, "wb") as pipe:
        pipe.write(pickle.dumps(told))
    # Without pytest's own ending: this child is a copy of the whole test session.
    os._exit(0)
