"""What must hold of every call, and of all of them together: nothing lost, every answer whole, every bill found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from aisa_integrations.usage import Attempt

from .calls import EXPECTED, Outcome
from .mayhem import Asked, answer

_NOTHING: Final = Decimal(0)


@dataclass(slots=True)
class Tally:
    """What calls come to.

    Args:
        calls: how many.
        answered: whose whole answer came.
        left: that their callers left in the middle.
        raised: that ended in an error.
        requests: as the gateway counts them.
        most: requests of one call.
        known: USD of attempts whose cost is known, by the meter.
        unknown: attempts of unknown cost.
        unseen: USD that the gateway billed for those.
        errors: the classes raised.
        causes: why attempts failed.
        problems: what ought not to be.
    """

    calls: int = 0
    answered: int = 0
    left: int = 0
    raised: int = 0
    requests: int = 0
    most: int = 0
    known: Decimal = _NOTHING
    unknown: int = 0
    unseen: Decimal = _NOTHING
    errors: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def add(self, outcome: Outcome, requests: Sequence[Asked], *, promised: int) -> None:
        """Add a call, and hold it against what the gateway saw of it.

        Args:
            outcome: what its caller saw.
            requests: what the gateway saw.
            promised: how many requests the policy allows it.
        """
        self.calls += 1
        self.requests += len(requests)
        self.most = max(self.most, len(requests))
        problems = [*self._end_of(outcome, requests), *self._requests_of(outcome, requests, promised)]
        self.problems += [f"{outcome.job}: {problem}" for problem in problems]

    def _end_of(self, outcome: Outcome, requests: Sequence[Asked]) -> Iterable[str]:
        """Say what is wrong with how a call ended."""
        job, error = outcome.job, outcome.error
        if len(outcome.spend.exchanges) != 1:
            yield f"{len(outcome.spend.exchanges)} records of one call"
            return
        record = outcome.spend.exchanges[0]
        # A prompt that is blocked is answered by that word alone.
        blocked = bool(requests) and requests[-1].fault == "prompt_blocked" and not job.stream
        whole = "" if blocked else answer(record.served_by, job.number)
        if error is not None:
            self.raised += 1
            self.errors[type(error).__name__] += 1
            if not isinstance(error, EXPECTED):
                yield f"raised {error!r}"
            if not whole.startswith(outcome.text):
                yield f"{outcome.text!r} came before the error, which is not what {record.served_by} says"
        elif job.leaves:
            self.left += 1
            if not outcome.text or not whole.startswith(outcome.text):
                yield f"{outcome.text!r} came before it was left"
        else:
            self.answered += 1
            if outcome.text != whole:
                yield f"{outcome.text!r} is not the whole of what {record.served_by} says"
            if record.error is not None:
                yield f"was answered, and recorded as {record.error}"

    def _requests_of(self, outcome: Outcome, requests: Sequence[Asked], promised: int) -> Iterable[str]:
        """Say what is wrong with the requests of a call, and with what they cost."""
        # For the usage that we alone ask for there is one more, once for each model and client that refuses it.
        allowed = promised + sum(request.fault == "usage_rejected" for request in requests)
        if len(requests) > allowed:
            yield f"{len(requests)} requests, and {allowed} were promised"
        attempts = [attempt for record in outcome.spend.exchanges for attempt in record.attempts]
        self.causes.update(attempt.cause for attempt in attempts if attempt.cause is not None)
        pairs = _paired(attempts, requests)
        if pairs is None:
            yield f"the gateway saw {[r.model for r in requests]}, and the record says {[a.model for a in attempts]}"
            return
        for attempt, request in pairs:
            bill = request.bill if request is not None else _NOTHING
            if bill is None:
                yield f"no bill was settled for {request}"
            elif attempt.cost is None:
                self.unknown += 1
                self.unseen += bill
            else:
                self.known += attempt.cost
                if attempt.cost != bill:
                    yield f"{attempt} cost {bill}"
        if outcome.spend.unknown != any(attempt.cost is None for attempt in attempts):
            yield f"the meter counts {outcome.spend.unknown} of unknown cost"


def _paired(attempts: Sequence[Attempt], requests: Sequence[Asked]) -> list[tuple[Attempt, Asked | None]] | None:
    """Put attempts and requests together, in order; one that got no reply may never have been read by the gateway."""
    if not attempts:
        return None if requests else []
    first, rest = attempts[0], attempts[1:]
    # On a machine that stands still for seconds a connection is given up before it is made: nothing was sent on it.
    if requests and requests[0].model == first.model and first.cause != "connect":
        pairs = _paired(rest, requests[1:])
        if pairs is not None:
            return [(first, requests[0]), *pairs]
    pairs = _paired(rest, requests) if first.status is None else None
    return None if pairs is None else [(first, None), *pairs]


def totals(tallies: Mapping[str, Tally]) -> Tally:
    """Add tallies up."""
    total = Tally()
    for tally in tallies.values():
        for name in (
            "calls",
            "answered",
            "left",
            "raised",
            "requests",
            "known",
            "unknown",
            "unseen",
            "errors",
            "causes",
        ):
            setattr(total, name, getattr(total, name) + getattr(tally, name))
        total.most = max(total.most, tally.most)
        total.problems += tally.problems
    return total
