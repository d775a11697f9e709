"""A client-side limit on requests a minute and requests at once, so that a job never meets the gateway's 429.

The gateway limits each key by its tier (gateway notes, "Limits"). A window of the last 60 seconds is kept: whatever
sixty seconds the gateway counts, no more than the limit fall into them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from .errors import ConfigurationError
from .forks import renew_after_fork
from .locks import SafeLock

WINDOW: Final = 60.0
# How soon a caller looks again whether one of the requests under way has ended.
_LOOK_AGAIN: Final = 0.02

# Requests a minute and at once, by tier of the key.
TIERS: Final = {"free": (60, 5), "starter": (600, 20), "growth": (3000, 50)}


@dataclass(frozen=True, slots=True)
class PacingState:
    """Say how a limiter stands.

    Args:
        requests_per_minute: the limit, or None.
        at_once: the limit, or None.
        started: requests started within the last minute.
        under_way: requests under way.
    """

    requests_per_minute: int | None
    at_once: int | None
    started: int
    under_way: int


class RateLimits:
    """Limit the requests of a key: `RateLimits.tier("free")`, or figures of your own.

    Args:
        requests_per_minute: how many may start in any 60 seconds; None is no limit.
        at_once: how many may be under way; None is no limit.

    Raises:
        ConfigurationError: for a value that cannot work.
    """

    def __init__(self, *, requests_per_minute: int | None = None, at_once: int | None = None) -> None:
        for name, value in (("requests_per_minute", requests_per_minute), ("at_once", at_once)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise ConfigurationError(f"{name} is a whole number from 1, or None, not {value!r}.")
        self.requests_per_minute = requests_per_minute
        self.at_once = at_once
        self._learned: int | None = None
        self._starts: deque[float] = deque()
        self._under_way = 0
        self._blocked_until = 0.0
        self._lock = SafeLock()
        renew_after_fork(self)

    @classmethod
    def tier(cls, name: str) -> RateLimits:
        """Return the limits of a tier: free, starter or growth."""
        if name not in TIERS:
            raise ConfigurationError(f"limits is one of {', '.join(TIERS)}, or a RateLimits(…), not {name!r}.")
        requests_per_minute, at_once = TIERS[name]
        return cls(requests_per_minute=requests_per_minute, at_once=at_once)

    def try_start(self, now: float) -> float:
        """Start a request and return 0, or return the seconds after which to ask again."""
        with self._lock:
            while self._starts and self._starts[0] <= now - WINDOW:
                self._starts.popleft()
            if self._blocked_until > now:
                return self._blocked_until - now
            if self.at_once is not None and self._under_way >= self.at_once:
                return _LOOK_AGAIN
            limit = self._learned if self._learned is not None else self.requests_per_minute
            if limit is not None and len(self._starts) >= limit:
                return max(_LOOK_AGAIN, self._starts[-limit] + WINDOW - now)
            self._starts.append(now)
            self._under_way += 1
            return 0.0

    def ended(self) -> None:
        """Say that a request has ended."""
        with self._lock:
            self._under_way = max(0, self._under_way - 1)

    def learn(self, headers: Mapping[str, str], *, now: float, unix_now: float) -> None:
        """Take in what a reply says of the key's limit: a lower limit counts, and nothing remaining means waiting."""
        limit, remaining = _whole(headers, "limit"), _whole(headers, "remaining")
        reset = _whole(headers, "reset")
        with self._lock:
            if limit is not None and limit > 0:
                self._learned = min(limit, self.requests_per_minute or limit)
            if remaining == 0 and reset is not None:
                self._blocked_until = max(self._blocked_until, now + min(max(0.0, reset - unix_now), WINDOW))

    def state(self) -> PacingState:
        """Return how the limiter stands."""
        with self._lock:
            limit = self._learned if self._learned is not None else self.requests_per_minute
            return PacingState(limit, self.at_once, len(self._starts), self._under_way)

    def _renew_after_fork(self) -> None:
        # What was under way is the parent's.
        self._under_way = 0

    def __repr__(self) -> str:
        return f"RateLimits(requests_per_minute={self.requests_per_minute}, at_once={self.at_once})"

    def __deepcopy__(self, memo: dict[int, Any]) -> RateLimits:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuilt, (self.requests_per_minute, self.at_once))


def _whole(headers: Mapping[str, str], what: str) -> int | None:
    text = headers.get(f"x-ratelimit-{what}-requests", "")
    return int(text) if text.isdigit() else None


def _rebuilt(requests_per_minute: int | None, at_once: int | None) -> RateLimits:
    return RateLimits(requests_per_minute=requests_per_minute, at_once=at_once)
