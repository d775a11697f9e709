"""Rate limits of a key: requests and tokens per minute, and how many at once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from types import MappingProxyType

from .connection import Header

_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Tier:
    """What a key may do."""

    requests: int
    tokens: int
    at_once: int


TIERS: Mapping[str, Tier] = MappingProxyType(
    {
        "free": Tier(60, 60_000, 5),
        "starter": Tier(600, 600_000, 20),
        "growth": Tier(3_000, 3_000_000, 50),
    }
)


class Limits:
    """Counts within a window of one minute that begins with the first request."""

    def __init__(self, tier: Tier, clock: Callable[[], float] = time.time) -> None:
        self._tier = tier
        self._clock = clock
        self._lock = Lock()
        self._ends = 0.0
        self._requests = 0
        self._tokens = 0
        self._now_open = 0

    def enter(self) -> int | None:
        """Admit a request: `None`, or the seconds after which to try again."""
        with self._lock:
            self._turn()
            if self._requests >= self._tier.requests or self._tokens >= self._tier.tokens:
                return max(1, math.ceil(self._ends - self._clock()))
            if self._now_open >= self._tier.at_once:
                return 1
            self._requests += 1
            self._now_open += 1
            return None

    def leave(self) -> None:
        """A request that was admitted has ended."""
        with self._lock:
            self._now_open -= 1

    def use(self, tokens: int) -> None:
        """Count the tokens of an answer."""
        with self._lock:
            self._tokens += tokens

    def headers(self) -> list[Header]:
        """The six headers that the gateway sends; the reset is in UNIX seconds."""
        with self._lock:
            self._turn()
            reset = math.ceil(self._ends)
            rows = (
                (b"requests", self._tier.requests, self._requests),
                (b"tokens", self._tier.tokens, self._tokens),
            )
        headers = []
        for what, limit, used in rows:
            for word, value in ((b"limit", limit), (b"remaining", max(0, limit - used)), (b"reset", reset)):
                headers.append((b"x-ratelimit-" + word + b"-" + what, b"%d" % value))
        return headers

    def _turn(self) -> None:
        if self._clock() >= self._ends:
            self._ends = self._clock() + _MINUTE
            self._requests = 0
            self._tokens = 0
