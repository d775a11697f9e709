"""One logical call from its first request to the end of its reply: a generator without I/O.

It yields effects (`effects.py`), is fed what happened, hands a reply over, and lives on until the body has ended or
was dropped: the meter and the verdict on a cut are settled there. The two drivers run the same generator. It never
holds the key; exceptions go into it as values, so that no traceback through it has anything to show.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from ..errors import AisaError, ModelNotFoundError
from ..policy import FailoverEvent
from ..tracking import Spend
from ..usage import NO_USAGE, Usage
from .attempt import Passing, Streaming, Unanswered, Whole, attempt, judge_end
from .causes import RULES, Cause
from .effects import (
    CLOSED,
    Answer,
    Consult,
    Effect,
    Fail,
    HandOver,
    Happening,
    Notify,
    PassOn,
    Steps,
    Tail,
    Wait,
    framed,
)
from .failures import error_body, error_event, suggestions
from .gate import Gate, is_gated
from .health import Health, still_cooling
from .history import History
from .memory import Memory, is_cacheable, usage_of_hit, without_bill
from .metering import exact_json, read_usage
from .plan import Ask, GiveUp, Plan
from .readers import StreamReader
from .request import Call, Wire, write
from .surfaces import speaks_gemini
from .verdict import Verdict

_JSON: Final = ("content-type", "application/json")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an exchange needs to know of the world: clocks, chance, and who keeps the accounts.

    Args:
        monotonic: seconds on a clock that never goes back.
        now: UNIX seconds.
        jitter: a number from 0 to 1.
        origin: where calls go.
        key_name: the random name of the key, never the key.
        fingerprint: gives what tells one key from another in a file, and is not the key.
        conceal: takes the key out of a text of the gateway's that quotes it.
        without_usage: models that refused to be asked for usage in a stream; shared by the calls of a client.
    """

    monotonic: Callable[[], float]
    now: Callable[[], float]
    jitter: Callable[[], float]
    origin: str = ""
    key_name: str = ""
    fingerprint: Callable[[], str] = str
    conceal: Callable[[str], str] = str
    without_usage: set[str | None] = field(default_factory=set)


def exchange(call: Call, world: Surroundings, audience: Sequence[Spend] = ()) -> Steps:
    """Run one logical call, and tell its audience what it cost; see the module's words."""
    run = _Run(call, world, audience)
    try:
        yield from run.steps()
    finally:
        # Ended, closed by its driver, or struck by Ctrl-C in here: what was reserved and begun is settled either way.
        run.abandon()


class _Run:
    """The state of one logical call."""

    __slots__ = ("_call", "_gate", "_health", "_history", "_memory", "_plan", "_world")

    def __init__(self, call: Call, world: Surroundings, audience: Sequence[Spend]) -> None:
        self._call = call
        self._world = world
        self._history = History(call, world.monotonic, audience)
        began, policy = self._history.began, call.policy
        deadline = began + policy.deadline
        self._gate: Gate | None = None
        if is_gated(call):
            self._gate = Gate(call, world.key_name, deadline=deadline, monotonic=world.monotonic, now=world.now)
        self._memory: Memory | None = None
        cooldown = policy.cooldown if call.place.surface.full_policy else None
        self._health = Health(cooldown, world.key_name, world.monotonic)
        self._plan: Plan

    def steps(self) -> Steps:
        call = self._call
        if call.problem is not None:
            yield self._refuse(_verdict_of(call.problem), getattr(call.problem, "suggestions", ()))
            return
        if is_cacheable(call):
            self._memory = Memory(call, origin=self._world.origin, fingerprint=self._world.fingerprint())
            entry: Any = yield self._memory.look_up(self._world.now())
            if (known := self._memory.recall(entry)) is not None:
                yield self._answer_from(entry, known, self._memory)
                return
        self._plan = self._planned(self._world.monotonic())
        ask = self._plan.first()
        if isinstance(ask, GiveUp):
            yield self._refuse(still_cooling(self._plan.soonest - self._world.monotonic()))
            return
        while isinstance(ask, Ask):
            if ask.pause:
                yield Wait(ask.pause)
            ask_usage = self._asks_usage(ask.model)
            wire = write(call, ask.model, ask_usage=ask_usage)
            verdict = yield from self._ask(wire)
            if verdict is None:
                return
            after = self._after(ask.model, wire, verdict)
            # Going without the usage that we alone asked for is no failover, and nothing to tell anyone.
            if isinstance(after, Ask) and not (ask_usage and after.model == ask.model and _refuses_usage(verdict)):
                yield Notify(
                    FailoverEvent(ask.model or "", after.model or "", verdict.cause.value, verdict.seen, after.pause)
                )
            ask = after
        yield self._give_up()

    def _planned(self, now: float) -> Plan:
        call, policy = self._call, self._call.policy
        return Plan(
            call.chain,
            max_retries=policy.max_retries if call.repeatable else 0,
            deadline=self._history.began + policy.deadline,
            jitter=self._world.jitter,
            only_connecting=not call.place.surface.full_policy,
            # Not before the cache has been asked: a call that it answers tries no model out.
            cooling=self._health.cooling(call.chain, now),
            now=now,
        )

    def _ask(self, wire: Wire) -> Generator[Effect, Happening, Verdict | None]:
        """Ask one model: return why it did not answer, or None once its reply has been handed over and has ended."""
        history, gate, health = self._history, self._gate, self._health
        refusal = None if gate is None else (yield from gate.enter(wire.model, self._plan.asked_as(wire.model)))
        if refusal is not None:
            history.begin(wire)
            history.kept_back(wire, refusal)
            health.leave()
            return refusal
        began = history.begin(wire)
        health.asking(wire.model, began)
        outcome = yield from attempt(
            wire,
            hide_usage=not self._call.wants_usage,
            expires=self._plan.expires(began, self._call.attempt_limit),
            unix_now=self._world.now(),
            keep_events=self._memory is not None,
        )
        if gate is not None and outcome.head is not None:
            gate.learn(outcome.head.headers)
        if not isinstance(outcome, Unanswered):
            health.answered(wire.model, sent=began)
            yield from self._deliver(wire, outcome)
            return None
        outcome = outcome.told(self._world.conceal)
        cost = history.failed(wire, outcome)
        if gate is not None:
            yield from _consult(gate.leave(cost, None, wire.model))
        health.failed(wire.model, outcome.verdict)
        return outcome.verdict

    def _after(self, model: str | None, wire: Wire, verdict: Verdict) -> Ask | GiveUp:
        if self._asks_usage(model) and _refuses_usage(verdict):
            self._world.without_usage.add(model)
            return self._plan.repeat(model, self._world.monotonic())
        return self._plan.after(model, verdict, self._world.monotonic())

    def _asks_usage(self, model: str | None) -> bool:
        return not self._call.wants_usage and model not in self._world.without_usage

    def abandon(self) -> None:
        """Settle a call that its caller left before a reply."""
        if self._gate is not None:
            self._gate.leave_at_once(None if self._history.may_be_billed else Decimal(0))
        self._health.leave()
        self._history.abandon()

    def _deliver(self, wire: Wire, outcome: Whole | Streaming | Passing) -> Steps:
        """Hand an answer to the caller, and live on until a stream has ended."""
        history, head = self._history, outcome.head
        if isinstance(outcome, Streaming):
            yield from self._hand_over(wire, outcome)
            return
        usage = read_usage((outcome.parsed,) if isinstance(outcome, Whole) else (), head.headers, wire.model)
        history.answered(wire, head.status, usage.cost)
        if self._gate is not None:
            yield from _consult(self._gate.leave(usage.cost, usage, wire.model))
        record = history.close(wire.model, usage, ttft=history.seconds if isinstance(outcome, Whole) else None)
        headers = self._headers(wire.model, usage)
        if isinstance(outcome, Passing):
            yield PassOn(head, headers)
            return
        if self._memory is not None:
            now = self._world.now()
            yield from _consult(self._memory.keep(outcome.body, outcome.parsed, wire.model, usage.cost, now))
        yield Answer(head.status, headers, outcome.body, head=head, exchange=record)

    def _hand_over(self, wire: Wire, streaming: Streaming) -> Steps:
        history, head, reader = self._history, streaming.head, streaming.reader
        history.answered(wire, head.status, None)
        ttft = history.seconds
        end = yield HandOver(head, self._headers(wire.model), reader, streaming.events, wire.model)
        last = reader.flush() if end is not CLOSED else []
        verdict = judge_end(head, reader, end, unix_now=self._world.now())
        verdict = verdict and verdict.told(self._world.conceal)
        reader.error = verdict and verdict.error  # the caller's stream leads to it
        usage = read_usage(map(exact_json, reader.usage), head.headers, wire.model)
        if verdict is not None or (end is CLOSED and not reader.ended):
            # What a broken stream had said so far is a running figure, and not its bill.
            usage = replace(usage, cost=None, cost_kind=None)
        cause = verdict.cause.value if verdict is not None else None
        history.ended(wire, head.status, cause, usage.cost)
        record = history.close(wire.model, usage, ttft=ttft, error=cause)
        if verdict is not None:
            last.append(error_event(self._call.place.surface, verdict, wire.model, history.attempts, reader.partial))
        # One that its caller closed may have been about to say what it used.
        good = verdict is None and (end is not CLOSED or reader.done)
        yield Tail(last, verdict, record, self._chores(wire, reader, usage, good=good))

    def _chores(self, wire: Wire, reader: StreamReader, usage: Usage, *, good: bool) -> tuple[Consult, ...]:
        """Return what the stores are told once a stream has ended."""
        chores = [self._gate.leave(usage.cost, usage, wire.model)] if self._gate is not None else []
        if self._memory is not None and good and reader.ended and reader.kept is not None:
            chores.append(self._memory.keep_events(reader.kept, wire.model, usage.cost, self._world.now()))
        return tuple(chore for chore in chores if chore is not None)

    def _answer_from(self, entry: Any, known: dict[str, Any], memory: Memory) -> Answer:
        """Answer from the cache, at no cost."""
        usage, parsed = usage_of_hit(entry), without_bill(known)
        record = self._history.close(
            entry.served_by or None, usage, ttft=self._history.seconds, saved=entry.cost, cached=True
        )
        headers = [*self._history.headers(entry.served_by or None, usage), ("x-aisa-cache", "hit")]
        if not self._call.streams:
            body = json.dumps(parsed, ensure_ascii=False).encode()
            return Answer(200, (*headers, _JSON), body, exchange=record)
        events = memory.replay(parsed)
        stream = ("content-type", "text/event-stream; charset=utf-8")
        return Answer(200, (*headers, stream), framed(events), exchange=record, events=tuple(events))

    def _headers(self, served_by: str | None, usage: Usage = NO_USAGE) -> tuple[tuple[str, str], ...]:
        headers = self._history.headers(served_by, usage)
        return (*headers, ("x-aisa-cache", "miss")) if self._memory is not None else tuple(headers)

    def _give_up(self) -> Effect:
        verdict, own_exception = self._history.verdict(self._plan.asked_as)
        if own_exception and self._history.failure is not None:
            record = self._history.close(None, error=verdict.cause.value)
            return Fail(self._history.failure, verdict, record)
        return self._refuse(verdict)

    def _refuse(self, verdict: Verdict, close: tuple[str, ...] | None = None) -> Answer:
        history, place = self._history, self._call.place
        model = self._plan.asked_as(history.attempts[-1].model) if history.attempts else self._call.model
        record = history.close(None, error=verdict.cause.value)
        headers = [*history.gateway_headers(self._world.conceal), _JSON, *self._headers(None)]
        headers.append(("x-should-retry", "false"))
        if verdict.retry_after is not None:
            headers.append(("retry-after", str(math.ceil(verdict.retry_after))))
        if verdict.request_id is not None and verdict.request_id.isascii() and verdict.request_id.isprintable():
            # Where the SDKs look for it. It may come out of a body, which can hold what no header can.
            headers.append(("x-request-id", verdict.request_id))
        gemini_shape = speaks_gemini(place.path, self._call.headers)
        body = error_body(place.surface, gemini_shape, verdict, model, history.attempts)
        close = suggestions(verdict, model) if close is None else close
        return Answer(verdict.status, tuple(headers), body, verdict=verdict, exchange=record, suggestions=close)


def _consult(consult: Consult | None) -> Generator[Effect, Happening, None]:
    if consult is not None:
        yield consult


def _refuses_usage(verdict: Verdict) -> bool:
    return verdict.seen in (400, 422) and ("stream_options" in verdict.message or "include_usage" in verdict.message)


def _verdict_of(problem: AisaError) -> Verdict:
    """Return the verdict on a call that can't be made as it was asked, such as one to a route that there is not."""
    cause = Cause.MODEL_NOT_FOUND if isinstance(problem, ModelNotFoundError) else Cause.BAD_REQUEST
    return Verdict(cause, RULES[cause].status, str(problem), problem.code or "invalid_request")
