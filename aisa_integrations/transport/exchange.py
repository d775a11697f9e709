"""One logical call from its first request to the end of its reply: a generator without I/O.

It yields effects (`effects.py`), is fed what happened, hands a reply over, and lives on until the body has ended or
was dropped: the meter and the verdict on a cut are settled there. The two drivers run the same generator. It never
holds the key; exceptions go into it as values, so that no traceback through it has anything to show.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

from ..policy import FailoverEvent
from ..usage import NO_USAGE, Attempt, Exchange, Usage
from .attempt import Passing, Streaming, Unanswered, Whole, attempt
from .causes import Action, Cause
from .effects import CLOSED, Answer, Effect, Fail, Failed, HandOver, Happening, Head, Notify, PassOn, Tail, Wait
from .failures import error_body, error_event, header_line, suggestions
from .metering import read_usage
from .plan import Ask, GiveUp, Plan
from .readers import StreamReader
from .request import Call, Wire, write
from .surfaces import speaks_gemini
from .verdict import Verdict, judge_error, judge_failure, judge_stream

Steps = Generator[Effect, Happening, None]
_NOTHING: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an exchange needs to know of the world: clocks, chance, and who keeps the accounts.

    Args:
        monotonic: seconds on a clock that never goes back.
        now: UNIX seconds.
        jitter: a number from 0 to 1.
        record: told of the call when it has ended.
        without_usage: models that refused to be asked for usage in a stream; shared by the calls of a client.
    """

    monotonic: Callable[[], float]
    now: Callable[[], float]
    jitter: Callable[[], float]
    record: Callable[[Exchange], None]
    without_usage: set[str | None] = field(default_factory=set)


def exchange(call: Call, world: Surroundings) -> Steps:
    """Run one logical call; see the module's words."""
    run = _Run(call, world)
    try:
        yield from run.steps()
    except GeneratorExit:
        run.abandon()
        raise


class _Run:
    """The state of one logical call."""

    __slots__ = (
        "_attempt_began",
        "_attempts",
        "_began",
        "_call",
        "_failure",
        "_plan",
        "_recorded",
        "_under_way",
        "_verdicts",
        "_world",
    )

    def __init__(self, call: Call, world: Surroundings) -> None:
        self._call = call
        self._world = world
        self._began = self._attempt_began = world.monotonic()
        self._attempts: list[Attempt] = []
        self._verdicts: list[Verdict] = []
        self._failure: Failed | None = None
        self._under_way: Wire | None = None
        self._recorded = False
        self._plan = Plan(
            call.chain,
            max_retries=call.policy.max_retries if call.repeatable else 0,
            deadline=self._began + call.policy.deadline,
            jitter=world.jitter,
            only_connecting=not call.place.surface.full_policy,
        )

    def steps(self) -> Steps:
        call = self._call
        if call.problem is not None:
            yield self._refuse(Verdict(Cause.BAD_REQUEST, 400, call.problem, "invalid_request"))
            return
        ask: Ask | GiveUp = self._plan.first()
        while isinstance(ask, Ask):
            if ask.pause:
                yield Wait(ask.pause)
            ask_usage = not call.wants_usage and ask.model not in self._world.without_usage
            wire = write(call, ask.model, ask_usage=ask_usage)
            self._attempt_began = self._world.monotonic()
            self._under_way = wire
            expires = self._plan.expires(self._attempt_began, call.attempt_limit)
            outcome = yield from attempt(
                wire, hide_usage=not call.wants_usage, expires=expires, unix_now=self._world.now()
            )
            if not isinstance(outcome, Unanswered):
                yield from self._deliver(wire, outcome)
                return
            verdict, self._failure, self._under_way = outcome.verdict, outcome.failed, None
            self._note_failure(wire, outcome)
            if ask_usage and _refuses_usage(verdict):
                self._world.without_usage.add(ask.model)
                after: Ask | GiveUp = self._plan.repeat(ask.model)
            else:
                after = self._plan.after(ask.model, verdict, self._world.monotonic())
            if isinstance(after, Ask):
                yield Notify(
                    FailoverEvent(ask.model or "", after.model or "", verdict.cause.value, verdict.seen, after.pause)
                )
            ask = after
        yield self._give_up()

    def abandon(self) -> None:
        """Record a call that its caller left before a reply: what was under way may have been billed."""
        if not self._recorded:
            if self._under_way is not None:
                self._attempts.append(self._attempt_record(self._under_way, None, "cancelled", None))
            self._record(None, NO_USAGE, error="cancelled")

    def _deliver(self, wire: Wire, outcome: Whole | Streaming | Passing) -> Steps:
        """Hand an answer to the caller, and live on until a stream has ended."""
        self._under_way = None
        if isinstance(outcome, Streaming):
            yield from self._hand_over(wire, outcome)
        elif isinstance(outcome, Passing):
            self._attempts.append(self._attempt_record(wire, outcome.head.status, None, None))
            self._record(wire, NO_USAGE)
            yield PassOn(outcome.head, self._headers(wire, NO_USAGE))
        else:
            head = outcome.head
            usage = read_usage((outcome.body,), head.headers, wire.model)
            self._attempts.append(self._attempt_record(wire, head.status, None, usage.cost))
            record = self._record(wire, usage, ttft=self._world.monotonic() - self._began)
            headers = self._headers(wire, usage)
            yield Answer(head.status, headers, outcome.body, head=head, parsed=outcome.parsed, exchange=record)

    def _hand_over(self, wire: Wire, streaming: Streaming) -> Steps:
        head, reader = streaming.head, streaming.reader
        self._attempts.append(self._attempt_record(wire, head.status, None, None))
        ttft = self._world.monotonic() - self._began
        end = yield HandOver(head, self._headers(wire, NO_USAGE), reader, streaming.events)
        last = reader.flush() if end is not CLOSED else []
        verdict = self._judge_end(head, reader, end)
        usage = read_usage(reader.usage, head.headers, wire.model)
        cause = verdict.cause.value if verdict is not None else None
        self._attempts[-1] = self._attempt_record(wire, head.status, cause, usage.cost)
        record = self._record(wire, usage, ttft=ttft, error=cause)
        if verdict is not None:
            last.append(error_event(self._call.place.surface, verdict, wire.model, self._attempts, reader.partial))
        yield Tail(last, verdict, record)

    def _judge_end(self, head: Head, reader: StreamReader, end: Happening) -> Verdict | None:
        """Judge the end of a stream that was handed over: None where it is an end, or the caller's own doing."""
        if reader.error is not None:
            told = judge_error(head, reader.error, now=self._world.now())
            return replace(told, cause=Cause.INTERRUPTED, status=told.status if told.status >= 500 else 502)
        if end is CLOSED or reader.ended:
            return None
        if isinstance(end, Failed):
            broken = judge_failure(end, head.status)
            return replace(broken, cause=Cause.INTERRUPTED, message=f"the stream broke off: {broken.message}")
        return judge_stream(Cause.INTERRUPTED, head, "the stream broke off without a finish reason")

    def _note_failure(self, wire: Wire, failed: Unanswered) -> None:
        verdict, cost = failed.verdict, None
        if not verdict.rule.may_be_billed:
            # A refusal in so many words cost nothing; what broke on the way may have been billed (gateway notes, Chat).
            cost = _NOTHING
        elif failed.head is not None:
            usage = read_usage(failed.pieces, failed.head.headers, wire.model)
            cost = usage.cost if usage.cost_kind == "billed" else None
        self._attempts.append(self._attempt_record(wire, verdict.seen, verdict.cause.value, cost))
        self._verdicts.append(verdict)

    def _attempt_record(self, wire: Wire, status: int | None, cause: str | None, cost: Decimal | None) -> Attempt:
        latency = self._world.monotonic() - self._attempt_began
        return Attempt(wire.model or "", status, cause, latency, cost, wire.note)

    def _record(
        self, wire: Wire | None, usage: Usage, *, ttft: float | None = None, error: str | None = None
    ) -> Exchange:
        record = Exchange(
            model=self._call.model,
            served_by=wire.model if wire is not None else None,
            attempts=tuple(self._attempts),
            usage=usage,
            latency=self._world.monotonic() - self._began,
            ttft=ttft,
            error=error,
        )
        self._recorded = True
        if self._call.place.metered:
            self._world.record(record)
        return record

    def _headers(self, wire: Wire, usage: Usage) -> tuple[tuple[str, str], ...]:
        headers = [("x-aisa-attempts", ", ".join(header_line(attempt) for attempt in self._attempts))]
        if wire.model is not None:
            headers.append(("x-aisa-served-by", wire.model))
        if usage.cost is not None:
            headers.append(("x-aisa-cost", f"{usage.cost:f};{usage.cost_kind}"))
        return tuple(headers)

    def _give_up(self) -> Effect:
        """Say in one word why the whole call failed: as if alone for one model or one shared cause."""
        last = self._verdicts[-1]
        last_by_model = {
            self._plan.asked_as(attempt.model): verdict
            for attempt, verdict in zip(self._attempts, self._verdicts, strict=True)
        }
        causes = {verdict.cause for verdict in last_by_model.values()}
        if last.rule.action is not Action.RAISE and len(causes) > 1:
            words = f"All {len(last_by_model)} models failed, each for its own reason."
            return self._refuse(Verdict(Cause.ALL_MODELS_FAILED, 502, words, "all_models_failed"))
        alike = len(last_by_model) == 1 or len({verdict.cause for verdict in self._verdicts}) == 1
        if alike and self._failure is not None:
            record = self._record(None, NO_USAGE, error=last.cause.value)
            return Fail(self._failure, last, record)
        waits = [verdict.retry_after for verdict in last_by_model.values() if verdict.retry_after is not None]
        # The call may be made again as soon as one of the models answers again.
        return self._refuse(replace(last, retry_after=min(waits, default=None)))

    def _refuse(self, verdict: Verdict) -> Answer:
        model = self._plan.asked_as(self._attempts[-1].model) if self._attempts else self._call.model
        record = self._record(None, NO_USAGE, error=verdict.cause.value)
        surface, place = self._call.place.surface, self._call.place
        headers = [("content-type", "application/json"), ("x-should-retry", "false")]
        if self._attempts:
            headers.append(("x-aisa-attempts", ", ".join(header_line(attempt) for attempt in self._attempts)))
        if verdict.retry_after is not None:
            headers.append(("retry-after", str(math.ceil(verdict.retry_after))))
        if verdict.request_id is not None and verdict.request_id.isascii() and verdict.request_id.isprintable():
            # Where the SDKs look for it. It may come out of a body, which can hold what no header can.
            headers.append(("x-request-id", verdict.request_id))
        body = error_body(surface, speaks_gemini(place.path), verdict, model, self._attempts)
        return Answer(
            verdict.status,
            tuple(headers),
            body,
            verdict=verdict,
            exchange=record,
            suggestions=suggestions(verdict, model),
        )


def _refuses_usage(verdict: Verdict) -> bool:
    return verdict.seen in (400, 422) and ("stream_options" in verdict.message or "include_usage" in verdict.message)
