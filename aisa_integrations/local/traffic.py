"""What came over the wire: every request received, who is still waiting, who went away."""

from __future__ import annotations

import json
import time
from collections import deque
from dataclasses import dataclass
from threading import Condition
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it was received; header names are in lower case."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    model: str
    stream: bool
    at: float

    @property
    def json(self) -> Any:
        """The body decoded; `None` when it is empty or no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def header(self, name: str) -> str | None:
        """The first header of this name, in any case."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key == wanted), None)


class Traffic:
    """Counts requests in and out, and keeps the last ones, all unless `keep` says how many; safe from any thread."""

    def __init__(self, keep: int | None = None) -> None:
        self._changed = Condition()
        self._requests: deque[Request] = deque(maxlen=keep)
        self._in_flight = 0
        self._disconnects = 0

    @property
    def requests(self) -> list[Request]:
        """All requests received since the start or the last `clear()`."""
        with self._changed:
            return list(self._requests)

    @property
    def in_flight(self) -> int:
        """Requests that are being answered at this moment."""
        with self._changed:
            return self._in_flight

    @property
    def disconnects(self) -> int:
        """Requests whose client went away before the reply had ended."""
        with self._changed:
            return self._disconnects

    def begin(self) -> None:
        """A request is arriving."""
        with self._changed:
            self._in_flight += 1
            self._changed.notify_all()

    def received(self, request: Request) -> None:
        """A request has been read."""
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()

    def end(self, *, disconnected: bool) -> None:
        """A request was answered, or its client is gone."""
        with self._changed:
            self._in_flight -= 1
            self._disconnects += disconnected
            self._changed.notify_all()

    def wait(self, *, requests: int | None, disconnects: int | None, idle: bool, timeout: float) -> bool:
        """Block until the counts are reached (and nothing is in flight, with `idle`); False when time ran out."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not (
                (requests is None or len(self._requests) >= requests)
                and (disconnects is None or self._disconnects >= disconnects)
                and (not idle or self._in_flight == 0)
            ):
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    return False
        return True

    def clear(self) -> None:
        """Forget the requests and the disconnects seen so far."""
        with self._changed:
            self._requests.clear()
            self._disconnects = 0
