"""What one call asks of the policy's cooldown, and tells it: who is left alone, who is tried out, how that went."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ..cooldown import WHOLE_KEY, Cooldown
from .causes import Cause
from .verdict import Verdict


class Health:
    """Stand between one call and the cooldown that it shares with others.

    Args:
        cooldown: of the policy; None on surfaces where models are not left for others.
        key: the random name of the key.
        monotonic: the clock.
    """

    __slots__ = ("_cooldown", "_key", "_monotonic", "_probe")

    def __init__(self, cooldown: Cooldown | None, key: str, monotonic: Callable[[], float]) -> None:
        self._cooldown = cooldown
        self._key = key
        self._monotonic = monotonic
        self._probe: str | None = None

    def cooling(self, models: Iterable[str | None], now: float) -> Mapping[str, tuple[bool, float]]:
        """Return which models are cooling: whether each must be waited for, and the second it is ready at."""
        if self._cooldown is None:
            return {}
        outlook = self._cooldown.outlook(self._key, [model for model in models if model is not None], now)
        self._probe = outlook.probe
        return outlook.cooling

    def asking(self, model: str | None, now: float) -> None:
        """Note who is about to be asked: one caller tries a model out whose time has passed."""
        if self._cooldown is None or model is None or model == self._probe:
            return
        self.leave()
        if self._cooldown.takes_probe(self._key, model, now):
            self._probe = model

    def answered(self, model: str | None, *, sent: float) -> None:
        """Tell of an answer to a request that was sent at a monotonic second."""
        self._probe = None
        if self._cooldown is not None:
            self._cooldown.answered(self._key, model or "", sent=sent, now=self._monotonic())

    def failed(self, model: str | None, verdict: Verdict) -> None:
        """Tell of a failure, where it says something of the model: one to connect, or of the request, does not."""
        key_wide = verdict.cause is Cause.KEY_RATE_LIMIT
        passes = verdict.rule.passes and verdict.cause is not Cause.CONNECT
        if key_wide or not passes:
            self.leave()
        self._probe = None
        if not passes or self._cooldown is None:
            return
        self._cooldown.failed(
            self._key,
            WHOLE_KEY if key_wide else model or "",
            self._monotonic(),
            cause=verdict.cause.value,
            at_once=verdict.status == 429,
            wait=verdict.retry_after,
        )

    def leave(self) -> None:
        """Let others try out the model that this call was to try, where it learned nothing of it."""
        probe, self._probe = self._probe, None
        if probe is not None and self._cooldown is not None:
            self._cooldown.drop_probe(self._key, probe)


def still_cooling(wait: float) -> Verdict:
    """Return the verdict on a call for which the gateway named a time, so many seconds from now, past its deadline."""
    words = f"the gateway named a time to wait, {wait:.3g} s from now, which is past the deadline"
    return Verdict(Cause.RATE_LIMIT, 429, words, "cooling_down", retry_after=wait)
