"""Which models to leave alone for a while: after a 429, or after failing again and again.

A cooldown orders the chain of a call; it never blocks a model unless the gateway named a time. Its state belongs to
the object: clients that share a `Policy`, or this object, learn from each other's failures.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .errors import ConfigurationError
from .locks import SafeLock

DEFAULT_FAILURES = 3
DEFAULT_SECONDS = 30.0


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


@dataclass(slots=True)
class _Record:
    until: float = 0.0
    named: bool = False
    failures: int = 0
    cause: str = ""
    probe_until: float = 0.0


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
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or seconds < 0:
            raise ConfigurationError(f"seconds is a number from 0, not {seconds!r}.")
        self.failures = failures
        self.seconds = float(seconds)
        self._records: dict[tuple[str, str], _Record] = {}
        self._lock = SafeLock()

    def ready_times(self, key: str, models: Iterable[str], now: float) -> dict[str, tuple[bool, float]]:
        """Return the models that are cooling: whether each must wait, and the monotonic second it is ready at.

        A model whose time has passed is ready for one caller, the probe; for others it stays behind until the probe's
        outcome is known.
        """
        cooling: dict[str, tuple[bool, float]] = {}
        if not self._records:
            return cooling
        with self._lock:
            # The key itself, under "*", stands for every model: its limit is spent for all of them.
            for model in (*models, "*"):
                record = self._records.get((key, model))
                if record is None or not record.until:
                    continue
                if record.until > now:
                    cooling[model] = (record.named, record.until)
                elif model == "*":
                    # A limit that was reset is none: there is nothing to probe, and nobody to hold back meanwhile.
                    del self._records[key, model]
                elif record.probe_until > now:
                    cooling[model] = (False, record.probe_until)
                else:
                    record.probe_until = now + self.seconds
        return cooling

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
                record.until = max(record.until, now + wait)
                record.named = True
            elif at_once or was_probe or record.failures >= self.failures:
                if record.until <= now:
                    record.named = False
                record.until = max(record.until, now + self.seconds)

    def answered(self, key: str, model: str) -> None:
        """Take an answer in: the model is well again."""
        if self._records:
            with self._lock:
                self._records.pop((key, model), None)

    def state(self, key: str | None = None) -> tuple[Cooling, ...]:
        """Return the models that failed of late and how long each is still left alone."""
        now = time.monotonic()
        with self._lock:
            return tuple(
                Cooling(model, max(0.0, record.until - now), record.named, record.failures, record.cause)
                for (owner, model), record in self._records.items()
                if key is None or owner == key
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
