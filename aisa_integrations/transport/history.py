"""What has happened in one logical call: its attempts, and the record and headers made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from ..tracking import Spend
from ..usage import NO_USAGE, Attempt, Exchange, Usage
from .attempt import Unanswered
from .causes import Action, Cause
from .effects import Failed, Head
from .failures import header_id, header_line
from .metering import exact_json, read_usage
from .request import Call, Wire
from .verdict import Verdict

_NOTHING: Final = Decimal(0)
# These are about a body that is not passed on, or about a connection, or say where else to go; the rest of them are
# said anew for the whole call.
_NOT_PASSED_ON: Final = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "keep-alive",
        "location",
        "retry-after",
        "transfer-encoding",
        "x-request-id",
        "x-should-retry",
    }
)


class History:
    """Write down what happens, and make the record of it.

    Attributes:
        attempts: every request so far, in order.
        under_way: the request that has no end yet, or None.
        failure: what the network said of the last attempt, where that was the reason it failed.
        recorded: whether the call's record has been made.
    """

    __slots__ = (
        "_attempt_began",
        "_audience",
        "_began",
        "_call",
        "_clock",
        "_head",
        "_verdicts",
        "attempts",
        "failure",
        "recorded",
        "under_way",
    )

    def __init__(self, call: Call, clock: Callable[[], float], audience: Sequence[Spend]) -> None:
        self._call = call
        self._clock = clock
        self._audience = audience
        self._began = self._attempt_began = clock()
        self._verdicts: list[Verdict] = []
        self.attempts: list[Attempt] = []
        self.under_way: Wire | None = None
        self.failure: Failed | None = None
        self.recorded = False
        self._head: Head | None = None

    @property
    def began(self) -> float:
        """Return the monotonic second at which the call began."""
        return self._began

    @property
    def seconds(self) -> float:
        """Return the seconds since the call began."""
        return self._clock() - self._began

    @property
    def may_be_billed(self) -> bool:
        """Say whether a request is under way, or was answered and its end is not known."""
        answered = bool(self.attempts) and self.attempts[-1].cause is None
        return self.under_way is not None or (answered and not self.recorded)

    def begin(self, wire: Wire) -> float:
        """Note that a request is about to be sent; return the monotonic second."""
        self._attempt_began = self._clock()
        self.under_way = wire
        return self._attempt_began

    def failed(self, wire: Wire, outcome: Unanswered) -> Decimal | None:
        """Note that a request failed; return what it cost, None where that is not known."""
        verdict = outcome.verdict
        # A refusal in so many words cost nothing; what broke on the way may have been billed (gateway notes, Chat).
        cost = None if verdict.rule.may_be_billed else _NOTHING
        if outcome.head is not None:
            usage = read_usage(map(exact_json, outcome.pieces), outcome.head.headers, wire.model)
            cost = usage.cost if usage.cost_kind == "billed" else cost
        self.failure, self._head = outcome.failed, outcome.head
        self._note(wire, verdict.seen, verdict.cause.value, cost)
        self._verdicts.append(verdict)
        return cost

    def kept_back(self, wire: Wire, verdict: Verdict) -> None:
        """Note that a request was not sent, by the caller's own rules."""
        self.failure = self._head = None
        self._note(wire, None, verdict.cause.value, _NOTHING)
        self._verdicts.append(verdict)

    def answered(self, wire: Wire, status: int, cost: Decimal | None) -> None:
        """Note that a request was answered; a stream's cost is known at its end."""
        self._note(wire, status, None, cost)

    def ended(self, wire: Wire, status: int, cause: str | None, cost: Decimal | None) -> None:
        """Note the end of the stream that was answered last."""
        self.attempts.pop()
        self._note(wire, status, cause, cost)

    def _note(self, wire: Wire, status: int | None, cause: str | None, cost: Decimal | None) -> None:
        latency = self._clock() - self._attempt_began
        self.attempts.append(Attempt(wire.model or "", status, cause, latency, cost, wire.note))
        self.under_way = None

    def close(
        self,
        served_by: str | None,
        usage: Usage = NO_USAGE,
        *,
        ttft: float | None = None,
        error: str | None = None,
        saved: Decimal | None = None,
        cached: bool = False,
    ) -> Exchange:
        """Make the record of the call, and tell who listens."""
        record = Exchange(
            model=self._call.model,
            served_by=served_by,
            attempts=tuple(self.attempts),
            usage=usage,
            latency=self.seconds,
            ttft=ttft,
            cached=cached,
            error=error,
            saved=saved,
        )
        self.recorded = True
        if self._call.place.metered:
            for spend in self._audience:
                spend.record(record)
        return record

    def abandon(self) -> None:
        """Make the record of a call that its caller left before a reply: what was under way may have been billed."""
        if not self.recorded:
            if self.under_way is not None:
                self._note(self.under_way, None, "cancelled", None)
            self.close(None, error="cancelled")

    def gateway_headers(self, conceal: Callable[[str], str]) -> list[tuple[str, str]]:
        """Return the headers of the gateway's last refusal, but for those about its body and where to go.

        Args:
            conceal: takes out what must not be shown.
        """
        pairs = self._head.headers.multi_items() if self._head is not None else []
        # A header beyond ASCII is allowed on the wire, but can't be written into a reply of ours.
        kept = ((name, conceal(value)) for name, value in pairs if name.lower() not in _NOT_PASSED_ON)
        return [(name, value) for name, value in kept if value.isascii()]

    def headers(self, served_by: str | None, usage: Usage = NO_USAGE) -> list[tuple[str, str]]:
        """Return what a reply says of the call."""
        headers = []
        if self.attempts:
            headers.append(("x-aisa-attempts", ", ".join(header_line(attempt) for attempt in self.attempts)))
        if served_by is not None:
            headers.append(("x-aisa-served-by", header_id(served_by)))
        if usage.cost is not None:
            headers.append(("x-aisa-cost", f"{usage.cost:f};{usage.cost_kind}"))
        return headers

    def verdict(self, asked_as: Callable[[str | None], str | None]) -> tuple[Verdict, bool]:
        """Say in one word why every attempt failed, as if alone for one model or one shared cause.

        Args:
            asked_as: gives the id of the chain for another spelling of it.

        Returns:
            the verdict, and whether the network's own exception tells the whole story.
        """
        last = self._verdicts[-1]
        by_model = {
            asked_as(attempt.model): verdict for attempt, verdict in zip(self.attempts, self._verdicts, strict=True)
        }
        if last.rule.action is not Action.RAISE and len({verdict.cause for verdict in by_model.values()}) > 1:
            words = f"All {len(by_model)} models failed, each for its own reason."
            return Verdict(Cause.ALL_MODELS_FAILED, 502, words, "all_models_failed"), False
        alike = len(by_model) == 1 or len({verdict.cause for verdict in self._verdicts}) == 1
        if alike and self.failure is not None:
            return last, True
        waits = [verdict.retry_after for verdict in by_model.values() if verdict.retry_after is not None]
        # The call may be made again as soon as one of the models answers again.
        return replace(last, retry_after=min(waits, default=None)), False
