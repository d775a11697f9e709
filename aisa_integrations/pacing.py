"""A client-side limit on requests a minute and requests at once, so that a job never meets the gateway's 429.

The gateway limits each key by its tier (gateway notes, "Limits"). A window of a good minute is kept: whatever
sixty seconds the gateway counts, no more than the limit fall into them. Who comes first goes first.
"""

from __future__ import annotations

import contextlib
import math
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from .errors import ConfigurationError
from .forks import renew_after_fork
from .locks import SafeLock

# A minute, and a second for what may lie between the sending of two requests and their arrival.
WINDOW: Final = 61.0
# How soon a caller looks again whether one of the requests under way has ended.
_LOOK_AGAIN: Final = 0.02
_LONGEST_LOOK: Final = 1.0
# How long a place is kept for a caller that is late: its thread may be busy, its event loop gone.
_PATIENCE: Final = 1.0

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


@dataclass(frozen=True, slots=True)
class Turn:
    """Say whether a request may start.

    Args:
        wait: seconds after which to ask again; 0 where it has started.
        ticket: the place in the line until then.
    """

    wait: float
    ticket: int | None


@dataclass(slots=True)
class _Pace:
    """What is known of one key."""

    starts: deque[float] = field(default_factory=deque)
    under_way: int = 0
    learned: int | None = None
    blocked_until: float = 0.0
    # Tickets in order, and until when each place is kept for who does not come back.
    line: list[int] = field(default_factory=list)
    kept_until: dict[int, float] = field(default_factory=dict)
    last_ticket: int = 0

    def turn(self, now: float) -> None:
        while self.starts and self.starts[0] <= now - WINDOW:
            self.starts.popleft()
        while self.line and self.kept_until[self.line[0]] < now:
            del self.kept_until[self.line.pop(0)]

    def forget_start(self, started: float) -> None:
        with contextlib.suppress(ValueError):
            self.starts.remove(started)

    def place_of(self, ticket: int | None) -> int:
        return len(self.line) if ticket not in self.kept_until else bisect_left(self.line, ticket)

    def stand_in_line(self, ticket: int | None, kept_until: float) -> int:
        if ticket not in self.kept_until:
            ticket = self.last_ticket = self.last_ticket + 1
            self.line.append(ticket)
        self.kept_until[ticket] = kept_until
        return ticket

    def leave_line(self, ticket: int | None) -> None:
        if ticket in self.kept_until:
            del self.kept_until[ticket]
            del self.line[bisect_left(self.line, ticket)]


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
        self._paces: dict[str, _Pace] = {}
        self._lock = SafeLock()
        renew_after_fork(self)

    @classmethod
    def tier(cls, name: str) -> RateLimits:
        """Return the limits of a tier: free, starter or growth."""
        if name not in TIERS:
            raise ConfigurationError(f"limits is one of {', '.join(TIERS)}, or a RateLimits(…), not {name!r}.")
        requests_per_minute, at_once = TIERS[name]
        return cls(requests_per_minute=requests_per_minute, at_once=at_once)

    def try_start(self, key: str, now: float, ticket: int | None = None) -> Turn:
        """Start a request, or stand in line for it.

        Args:
            key: the random name of the key, never the key.
            now: monotonic second.
            ticket: the place in the line that an earlier try brought, or None at the first.
        """
        with self._lock:
            pace = self._paces.setdefault(key, _Pace())
            pace.turn(now)
            place = pace.place_of(ticket)
            wait = max(pace.blocked_until - now, self._too_soon(pace, place, now), self._too_many(pace, place))
            if wait > 0:
                return Turn(wait, pace.stand_in_line(ticket, now + wait + _PATIENCE))
            pace.leave_line(ticket)
            pace.starts.append(now)
            pace.under_way += 1
            return Turn(0.0, None)

    def _too_soon(self, pace: _Pace, place: int, now: float) -> float:
        limit = self._limit(pace)
        excess = 0 if limit is None else len(pace.starts) + place + 1 - limit
        if excess <= 0:
            return 0.0
        # Whoever stands behind so many others may go when as many requests have left the window.
        oldest = pace.starts[min(excess, len(pace.starts)) - 1] if pace.starts else now
        return max(_LOOK_AGAIN, oldest + WINDOW - now)

    def _too_many(self, pace: _Pace, place: int) -> float:
        if self.at_once is None or pace.under_way + place < self.at_once:
            return 0.0
        # Those in front look again often, those far behind now and then.
        return min(_LOOK_AGAIN * (1 + place // self.at_once), _LONGEST_LOOK)

    def _limit(self, pace: _Pace) -> int | None:
        return pace.learned if pace.learned is not None else self.requests_per_minute

    def leave_line(self, key: str, ticket: int | None) -> None:
        """Give up a place in the line."""
        with self._lock:
            if key in self._paces:
                self._paces[key].leave_line(ticket)

    def restarted(self, key: str, started: float, now: float) -> float:
        """Count a request from now on, and not from when it was let through; return that second."""
        with self._lock:
            if key in self._paces:
                self._paces[key].forget_start(started)
                self._paces[key].starts.append(now)
        return now

    def ended(self, key: str, *, unsent: float | None = None) -> None:
        """Say that a request has ended; with `unsent`, that the one let through at that second was never sent."""
        with self._lock:
            pace = self._paces.get(key)
            if pace is None:
                return
            pace.under_way = max(0, pace.under_way - 1)
            if unsent is not None:
                pace.forget_start(unsent)

    def learn(self, key: str, headers: Mapping[str, str], *, now: float, unix_now: float) -> None:
        """Take in what a reply says of the key's limit: a lower limit counts, and nothing remaining means waiting."""
        limit = _number(headers, "limit-requests")
        with self._lock:
            pace = self._paces.setdefault(key, _Pace())
            if limit is not None and limit >= 1:
                pace.learned = min(int(limit), self.requests_per_minute or int(limit))
            for what in ("requests", "tokens"):
                reset = _number(headers, f"reset-{what}")
                if reset is not None and _number(headers, f"remaining-{what}") == 0:
                    pace.blocked_until = max(pace.blocked_until, now + min(max(0.0, reset - unix_now), WINDOW))

    def state(self, key: str | None = None) -> PacingState:
        """Return how the limiter stands for a key, or for all of them together."""
        now = time.monotonic()
        with self._lock:
            paces = [pace for owner, pace in self._paces.items() if key is None or owner == key]
            for pace in paces:
                pace.turn(now)
            limits = [limit for pace in paces if (limit := self._limit(pace)) is not None]
            return PacingState(
                min(limits, default=self.requests_per_minute),
                self.at_once,
                sum(len(pace.starts) for pace in paces),
                sum(pace.under_way for pace in paces),
            )

    def _renew_after_fork(self) -> None:
        # What was under way, and who waited, is the parent's.
        for pace in self._paces.values():
            pace.under_way = 0
            pace.line.clear()
            pace.kept_until.clear()

    def __repr__(self) -> str:
        return f"RateLimits(requests_per_minute={self.requests_per_minute}, at_once={self.at_once})"

    def __deepcopy__(self, memo: dict[int, Any]) -> RateLimits:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuilt, (self.requests_per_minute, self.at_once))


def _number(headers: Mapping[str, str], what: str) -> float | None:
    try:
        value = float(headers.get(f"x-ratelimit-{what}", ""))
    except ValueError:
        return None
    return value if 0 <= value < math.inf else None


def _rebuilt(requests_per_minute: int | None, at_once: int | None) -> RateLimits:
    return RateLimits(requests_per_minute=requests_per_minute, at_once=at_once)
