"""Which models to leave alone for a while: after a 429, or after failing again and again.

A cooldown orders the chain of a call; it never blocks a model unless the gateway named a time. Its state belongs to
the object: clients that share a `Policy`, or this object, learn from each other's failures.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from .errors import ConfigurationError
from .locks import SafeLock

DEFAULT_FAILURES: Final = 3
DEFAULT_SECONDS: Final = 30.0
# Stands for every model of a key, where the key's own limit is spent.
WHOLE_KEY: Final = "*"


@dataclass(frozen=True, slots=True)
class Cooling:
    """Say how one model stands.

    Args:
        model: the id.
        seconds_left: until it is asked first again; 0 when it is ready for a probe.
        named: whether the gateway itself named the time; only then is a lone model made to wait.
        failures: failures in a row.
        cause: of the last failure.
    """

    model: str
    seconds_left: float
    named: bool
    failures: int
    cause: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """Say whom a caller had better ask last, and whom it tries out.

    Args:
        cooling: by model, whether it must be waited for, and the monotonic second it is ready at.
        probe: the model that this caller alone tries out, or None.
    """

    cooling: Mapping[str, tuple[bool, float]]
    probe: str | None = None


NOTHING_COOLS: Final = Outlook({})


@dataclass(slots=True)
class _Record:
    failures: int = 0
    cause: str = ""
    # Monotonic seconds: left alone until, by our own rule and as the gateway named it, and since which failure.
    until: float = 0.0
    named_until: float = 0.0
    since: float = 0.0
    # Until when the caller that tries it out has to say how that went.
    probe_until: float = 0.0

    @property
    def ready(self) -> float:
        return max(self.until, self.named_until)


class Cooldown:
    """Remember failures per key and model.

    Args:
        failures: how many in a row, each of a kind that passes, cool a model down.
        seconds: how long, where the gateway named no time.

    Raises:
        ConfigurationError: for a value that cannot work.
    """

    def __init__(self, *, failures: int = DEFAULT_FAILURES, seconds: float = DEFAULT_SECONDS) -> None:
        if isinstance(failures, bool) or not isinstance(failures, int) or failures < 1:
            raise ConfigurationError(f"failures is a whole number from 1, not {failures!r}.")
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds < math.inf:
            raise ConfigurationError(f"seconds is a number from 0, not {seconds!r}.")
        self.failures = failures
        self.seconds = float(seconds)
        self._records: dict[tuple[str, str], _Record] = {}
        self._lock = SafeLock()

    def outlook(self, key: str, models: Iterable[str], now: float) -> Outlook:
        """Return which models are cooling, and which one this caller tries out.

        A model whose time has passed is tried out by one caller; for others it stays behind until that one knows more.
        Only the model that will be asked first is taken for that: whoever comes later in the chain may not be asked.
        """
        if not self._records:
            return NOTHING_COOLS
        cooling: dict[str, tuple[bool, float]] = {}
        probe, met_first = None, False
        with self._lock:
            # The key itself, under "*", stands for every model: its limit is spent for all of them.
            for model in (WHOLE_KEY, *models):
                record = self._records.get((key, model))
                if record is not None and max(record.ready, record.probe_until) > now:
                    must_wait = record.named_until > now
                    cooling[model] = (must_wait, record.named_until if must_wait else record.ready)
                    if record.ready <= now:
                        cooling[model] = (False, record.probe_until)
                elif model == WHOLE_KEY:
                    self._records.pop((key, model), None)
                elif not met_first:
                    met_first = True
                    probe = model if self._take_probe(record, now) else None
        return Outlook(cooling, probe)

    def takes_probe(self, key: str, model: str, now: float) -> bool:
        """Say whether a caller that is about to ask a model tries it out for the others."""
        if not self._records:
            return False
        with self._lock:
            return self._take_probe(self._records.get((key, model)), now)

    def _take_probe(self, record: _Record | None, now: float) -> bool:
        if record is None or not record.ready or max(record.ready, record.probe_until) > now:
            return False
        record.probe_until = now + self.seconds
        return True

    def drop_probe(self, key: str, model: str) -> None:
        """Let the next caller try a model out: this one learned nothing of it."""
        with self._lock:
            record = self._records.get((key, model))
            if record is not None:
                record.probe_until = 0.0

    def failed(self, key: str, model: str, now: float, *, cause: str, at_once: bool, wait: float | None) -> None:
        """Take a failure in.

        Args:
            key: the random name of the key, never the key.
            model: who failed.
            now: monotonic second.
            cause: why.
            at_once: whether this kind cools the model down at the first time (a 429).
            wait: seconds that the gateway named, or None.
        """
        with self._lock:
            record = self._records.setdefault((key, model), _Record())
            record.failures += 1
            record.cause = cause
            was_probe, record.probe_until = record.probe_until > 0, 0.0
            if wait is not None:
                # The later of two times: a shorter one said afterwards is an estimate of the same reset.
                record.named_until = max(record.named_until, now + wait)
                record.since = now
            elif at_once or was_probe or record.failures >= self.failures:
                record.until = max(record.until, now + self.seconds)
                record.since = now

    def answered(self, key: str, model: str, *, sent: float, now: float) -> None:
        """Take an answer in: the model is well again, unless it failed after that request was sent.

        Args:
            key: the random name of the key.
            model: who answered.
            sent: monotonic second at which the request was sent.
            now: monotonic second.
        """
        if not self._records:
            return
        with self._lock:
            record = self._records.get((key, model))
            if record is not None and (record.ready <= now or sent >= record.since):
                del self._records[key, model]

    def state(self, key: str | None = None) -> tuple[Cooling, ...]:
        """Return the models that failed of late and how long each is still left alone; `*` is every model of a key."""
        now = time.monotonic()
        with self._lock:
            return tuple(
                Cooling(model, max(0.0, record.ready - now), record.named_until > now, record.failures, record.cause)
                for (owner, model), record in self._records.items()
                if (key is None or owner == key) and (model != WHOLE_KEY or record.ready > now)
            )

    def __repr__(self) -> str:
        return f"Cooldown(failures={self.failures}, seconds={self.seconds:g})"

    def __deepcopy__(self, memo: dict[int, Any]) -> Cooldown:
        # A copied client is still the same user of the same key.
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuilt, (self.failures, self.seconds))


def _rebuilt(failures: int, seconds: float) -> Cooldown:
    return Cooldown(failures=failures, seconds=seconds)
