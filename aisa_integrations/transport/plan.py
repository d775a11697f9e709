"""Whom to ask next: the chain of models, rounds over it, waits between them, and one deadline. Pure.

At most (max_retries + 1) x models requests are ever planned. Within that, the models of a round are asked in turn;
those that failed for a reason that passes are asked again in the next round, each no earlier than the gateway said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from ..catalogue import catalogue
from .causes import Action, Cause
from .verdict import Verdict

_NOBODY: Final[Mapping[str, tuple[bool, float]]] = {}
FIRST_BACKOFF: Final = 0.5
LONGEST_BACKOFF: Final = 8.0


class Ask(NamedTuple):
    """Ask a model, after a pause of some seconds."""

    model: str | None
    pause: float = 0.0


class GiveUp:
    """Ask nobody any more."""


GIVE_UP: Final = GiveUp()


class Plan:
    """Decide whom one logical call asks, in which order, and when it gives up.

    Args:
        chain: the models, in order; a lone None where the surface names none.
        max_retries: further rounds after the first.
        deadline: monotonic second at which the call must be answered.
        jitter: returns a number from 0 to 1.
        only_connecting: whether nothing but a failed connection is worth a retry (surfaces without full policy).
        cooling: models that failed of late: whether each must wait, and the monotonic second it is ready at.
        now: monotonic second.
    """

    def __init__(
        self,
        chain: tuple[str | None, ...],
        *,
        max_retries: int,
        deadline: float,
        jitter: Callable[[], float],
        only_connecting: bool = False,
        cooling: Mapping[str, tuple[bool, float]] = _NOBODY,
        now: float = 0.0,
    ) -> None:
        self._chain = chain
        self._order = {model: place for place, model in enumerate(chain)}
        self._queue = list(chain)
        self._now = now
        self._rounds_left = max_retries
        self._requests_left = (max_retries + 1) * len(chain)
        self._backoff = FIRST_BACKOFF
        self._ready: dict[str | None, float] = {}
        # Who is asked again in the next round, and the monotonic second from which; None where nobody named one.
        self._again: dict[str | None, float | None] = {}
        self._asked_as: dict[str | None, str | None] = {model: model for model in chain}
        self._deadline = deadline
        self._jitter = jitter
        self._only_connecting = only_connecting
        if cooling:
            self._put_cooling_last(cooling)

    def first(self) -> Ask | GiveUp:
        """Return the first model to ask; nobody where the gateway named times for all, each past the deadline."""
        return self._ask_next(self._now)

    @property
    def soonest(self) -> float:
        """Return the monotonic second at which the first of the models may be asked."""
        return min(self._ready.values(), default=self._now)

    def expires(self, now: float, attempt_limit: float | None) -> float:
        """Return when an attempt that starts now must end: its own limit, and its share of what remains."""
        share = max(0.0, self._deadline - now) / (len(self._queue) + 1)
        return now + (share if attempt_limit is None else min(share, attempt_limit))

    def asked_as(self, model: str | None) -> str | None:
        """Return the id of the chain that `model` is, or is another spelling of."""
        return self._asked_as.get(model, model)

    def repeat(self, model: str | None, now: float) -> Ask | GiveUp:
        """Return the same model at once, for a thing of ours that was refused: the caller's request was not yet made.

        Where none is left for it, it is the one request beyond the policy's number: the call would otherwise fail for
        what its caller never sent. It comes once for each model and client, which remembers the refusal.
        """
        if self._requests_left > len(self._queue):
            self._requests_left -= 1
        return Ask(model) if now < self._deadline else GIVE_UP

    def after(self, model: str | None, verdict: Verdict, now: float) -> Ask | GiveUp:
        """Return what follows the failure of `model`."""
        rule = verdict.rule
        if rule.action is Action.RAISE or (self._only_connecting and verdict.cause is not Cause.CONNECT):
            return GIVE_UP
        if rule.passes:
            self._again[model] = None if verdict.retry_after is None else now + verdict.retry_after
        if rule.action in (Action.WAIT_FOR_KEY, Action.RETRY_SAME):
            for left in self._queue:
                self._again.setdefault(left, self._ready.get(left))
            self._queue.clear()
            return self._next_round(now, first=model)
        if rule.action is Action.OTHER_SPELLING:
            self._queue_spelling(model)
        elif rule.action is Action.LARGER_WINDOW:
            self._keep_larger_windows(model)
        if not self._queue or self._requests_left <= 0:
            return self._next_round(now, first=None)
        if self._ready.get(self._queue[0], now) > now and self._again and self._rounds_left > 0:
            # Who is left must be waited for: then the others may be asked again as well, whoever is ready first.
            self._again |= {left: self._ready.get(left, now) for left in self._queue}
            return self._next_round(now, first=None)
        return self._ask_next(now)

    def _next_round(self, now: float, *, first: str | None) -> Ask | GiveUp:
        # Other spellings may have used requests of later rounds up.
        if self._rounds_left <= 0 or self._requests_left <= 0 or not self._again:
            return GIVE_UP
        self._rounds_left -= 1
        backoff = min(self._backoff, LONGEST_BACKOFF) * (0.75 + 0.5 * self._jitter())
        self._backoff *= 2
        self._ready = {model: now + backoff if said is None else said for model, said in self._again.items()}
        if first is not None:
            # What stopped this model stops every other one too: nobody is asked before it.
            self._ready = {model: max(ready, self._ready[first]) for model, ready in self._ready.items()}
        self._again = {}
        self._queue = sorted(self._ready, key=lambda model: (self._ready[model], model != first, self._order[model]))
        return self._ask_next(now)

    def _ask_next(self, now: float) -> Ask | GiveUp:
        candidate = self._queue.pop(0)
        pause = max(0.0, self._ready.get(candidate, now) - now)
        if now + pause >= self._deadline:
            return GIVE_UP  # the soonest comes first, so all of them are too late
        self._requests_left -= 1
        return Ask(candidate, pause)

    def _put_cooling_last(self, cooling: Mapping[str, tuple[bool, float]]) -> None:
        """Order the chain: who is well, who failed of late, who must wait because the gateway named a time."""
        named, reset = cooling.get("*", (False, 0.0))
        whole_key = reset if named else 0.0
        until = {model: cooling.get(model or "", (False, 0.0)) for model in self._chain}
        for model, (must_wait, ready) in until.items():
            if must_wait or whole_key:
                self._ready[model] = max(ready if must_wait else 0.0, whole_key)
        self._queue.sort(key=lambda model: (self._ready.get(model, 0.0), until[model][1], self._order[model]))

    def _queue_spelling(self, model: str | None) -> None:
        """Put the next other spelling of the same model first, where a request is left beside every model's own."""
        if model is None or self._requests_left <= len(self._queue):
            return
        for spelling in catalogue().spellings(model):
            known = catalogue().get(spelling)
            if spelling not in self._asked_as and (known is None or known.served):
                self._asked_as[spelling] = self._asked_as[model]
                self._order[spelling] = self._order[model]
                self._queue.insert(0, spelling)
                return

    def _keep_larger_windows(self, model: str | None) -> None:
        window = catalogue().window(model) if model is not None else None
        if window is None:
            return
        self._queue = [
            other
            for other in self._queue
            if other is None or (size := catalogue().window(other)) is None or size > window
        ]
        # Nobody who was too small is asked again in a later round either.
        self._again = {
            other: said
            for other, said in self._again.items()
            if other is None or (size := catalogue().window(other)) is None or size > window
        }
