"""Whom a call asks: whatever goes wrong, it ends, within its number of requests and within its deadline."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisa_integrations.transport.causes import Action, Cause
from aisa_integrations.transport.plan import Ask, GiveUp, Plan
from aisa_integrations.transport.verdict import Verdict

DEADLINE = 60.0
# Two spellings of one model, ids with windows that the catalogue knows, and ids that it does not.
MODELS = ["claude-haiku-4-5", "claude-haiku-4-5-20251001", "gpt-4o", "qwen-plus", "first", "second"]
CHAINS = st.lists(st.sampled_from(MODELS), min_size=1, max_size=4, unique=True).map(tuple)
CAUSES = [cause for cause in Cause if cause not in (Cause.INTERRUPTED, Cause.ALL_MODELS_FAILED)]


@dataclass(frozen=True)
class Mishap:
    """One failed attempt: why, what the gateway said of waiting, how long it took; or usage that was refused."""

    cause: Cause
    retry_after: float | None = None
    took: float = 0.0
    usage_refused: bool = False


def verdict(cause: Cause, retry_after: float | None = None) -> Verdict:
    return Verdict(cause, 500, "words", retry_after=retry_after)


MISHAPS = st.builds(
    Mishap,
    st.sampled_from([*CAUSES, *[Cause.MODEL_NOT_FOUND] * len(CAUSES)]),
    st.sampled_from([None, None, 0.0, 0.3, 5.0, 1000.0]),
    st.sampled_from([0.0, 0.1, 20.0]),
    st.sampled_from([False, False, False, True]),
)


@dataclass
class Told:
    """What a plan had asked for: who, when, and how many of the requests were for usage that had been refused."""

    asked: list[str | None] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    repeats: int = 0


def run(plan: Plan, mishaps: list[Mishap], *, limit: int = 1000) -> Told:
    """Let every attempt fail, the last mishap again and again, until the plan gives up."""
    told, now, named = Told(), 0.0, dict[str | None, float]()
    refused: set[str | None] = set()
    ask: Ask | GiveUp = plan.first()
    while isinstance(ask, Ask):
        assert ask.pause >= 0
        now += ask.pause
        assert now < DEADLINE
        assert now >= named.get(ask.model, 0.0), "asked before the time that the gateway named"
        assert now < plan.expires(now, None) <= DEADLINE
        told.asked.append(ask.model)
        told.at.append(now)
        assert len(told.asked) < limit, "never ends"
        mishap = mishaps[min(len(told.asked), len(mishaps)) - 1]
        now += mishap.took
        if mishap.usage_refused and ask.model not in refused:
            refused.add(ask.model)
            told.repeats += 1
            ask = plan.repeat(ask.model, now)
            continue
        if mishap.retry_after is not None:
            named[ask.model] = now + mishap.retry_after
        ask = plan.after(ask.model, verdict(mishap.cause, mishap.retry_after), now)
        if verdict(mishap.cause).rule.action is Action.RAISE:
            assert isinstance(ask, GiveUp)
    return told


def plan_of(chain: tuple[str, ...], max_retries: int, **options: Any) -> Plan:
    return Plan(chain, max_retries=max_retries, deadline=DEADLINE, jitter=lambda: 0.5, **options)


COOLING = st.dictionaries(
    st.sampled_from([*MODELS, "*"]), st.tuples(st.booleans(), st.sampled_from([0.5, 10.0, 500.0])), max_size=3
)


@given(CHAINS, st.integers(0, 3), st.lists(MISHAPS, min_size=1, max_size=12), COOLING)
def test_requests_never_exceed_the_number_and_every_call_ends(
    chain: tuple[str, ...], max_retries: int, mishaps: list[Mishap], cooling: dict[str, tuple[bool, float]]
) -> None:
    plan = plan_of(chain, max_retries, cooling=cooling)
    told = run(plan, mishaps)
    assert len(told.asked) <= (max_retries + 1) * len(chain) + told.repeats
    if not told.repeats:
        assert len(told.asked) <= (max_retries + 1) * len(chain)
    # Nothing that the user did not name, but for other spellings of it.
    assert {plan.asked_as(model) for model in told.asked} <= set(chain)


@given(CHAINS, st.integers(0, 3), st.lists(MISHAPS, min_size=1, max_size=12))
def test_nobody_is_asked_more_often_than_there_are_rounds(
    chain: tuple[str, ...], max_retries: int, mishaps: list[Mishap]
) -> None:
    told = run(plan_of(chain, max_retries), [mishap for mishap in mishaps if not mishap.usage_refused] or mishaps[:1])
    if not told.repeats:
        assert max(Counter(told.asked).values()) <= max_retries + 1


@given(CHAINS, st.lists(MISHAPS, min_size=1, max_size=12))
def test_a_surface_without_models_is_asked_again_only_when_it_can_t_be_reached(
    chain: tuple[str, ...], mishaps: list[Mishap]
) -> None:
    plan = plan_of(chain[:1], 3, only_connecting=True)
    told = run(plan, [mishap for mishap in mishaps if not mishap.usage_refused] or [Mishap(Cause.CONNECT)])
    before_the_last = mishaps[: len(told.asked) - 1]
    assert all(mishap.cause is Cause.CONNECT for mishap in before_the_last if not mishap.usage_refused)


# ---- one cause at a time --------------------------------------------------------------------------------------------

PASSING = [cause for cause in CAUSES if verdict(cause).rule.passes]


@pytest.mark.parametrize("cause", PASSING)
@pytest.mark.parametrize("max_retries", [0, 1, 2])
def test_a_cause_that_passes_is_worth_every_round(cause: Cause, max_retries: int) -> None:
    told = run(plan_of(("first",), max_retries), [Mishap(cause)])
    assert told.asked == ["first"] * (max_retries + 1)


@pytest.mark.parametrize("cause", [cause for cause in CAUSES if cause not in PASSING])
def test_a_cause_that_stays_is_worth_none(cause: Cause) -> None:
    assert run(plan_of(("first",), 3), [Mishap(cause)]).asked == ["first"]


def test_pauses_double_up_to_the_longest() -> None:
    told = run(plan_of(("first",), 7), [Mishap(Cause.SERVER_ERROR)])
    pauses = [after - before for before, after in zip(told.at, told.at[1:], strict=False)]
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


@pytest.mark.parametrize(("chance", "pause"), [(0.0, 0.375), (1.0, 0.625)])
def test_jitter_is_a_quarter_either_way(chance: float, pause: float) -> None:
    plan = Plan(("first",), max_retries=1, deadline=DEADLINE, jitter=lambda: chance)
    plan.first()
    assert plan.after("first", verdict(Cause.SERVER_ERROR), 0.0) == Ask("first", pause)


def test_the_whole_chain_fails_before_anything_is_waited_for() -> None:
    told = run(plan_of(("first", "second", "gpt-4o"), 1), [Mishap(Cause.RATE_LIMIT)])
    assert told.at[:3] == [0.0, 0.0, 0.0]
    assert told.asked == ["first", "second", "gpt-4o"] * 2


def test_a_spent_key_stops_every_model_and_the_same_one_goes_on() -> None:
    plan = plan_of(("first", "second"), 1)
    assert plan.first() == Ask("first")
    assert plan.after("first", verdict(Cause.KEY_RATE_LIMIT, 7.0), 0.0) == Ask("first", 7.0)
    assert plan.after("first", verdict(Cause.SERVER_ERROR), 7.0) == Ask("second", 0.0)


def test_a_time_that_was_named_counts_from_when_it_was_named() -> None:
    plan = plan_of(("first", "second"), 1)
    plan.first()
    assert plan.after("first", verdict(Cause.RATE_LIMIT, 5.0), 1.0) == Ask("second", 0.0)
    assert plan.after("second", verdict(Cause.CREDITS), 4.0) == Ask("first", 2.0)


def test_one_that_must_be_waited_for_does_not_hold_up_the_others() -> None:
    plan = plan_of(("first", "second"), 2)
    plan.first()
    plan.after("first", verdict(Cause.RATE_LIMIT, 50.0), 0.0)
    assert plan.after("second", verdict(Cause.SERVER_ERROR), 0.0) == Ask("second", 0.5)
    assert plan.after("second", verdict(Cause.SERVER_ERROR), 0.5) == Ask("second", 1.0)
    assert plan.after("second", verdict(Cause.SERVER_ERROR), 1.5) == Ask("first", 48.5)


def test_who_failed_of_late_comes_last_and_only_a_named_time_is_waited_for() -> None:
    cooling = {"first": (True, 20.0), "second": (False, 500.0)}
    plan = plan_of(("first", "second", "gpt-4o"), 0, cooling=cooling)
    assert plan.first() == Ask("gpt-4o")
    assert plan.after("gpt-4o", verdict(Cause.CREDITS), 0.0) == Ask("second", 0.0)
    assert plan.after("second", verdict(Cause.CREDITS), 0.0) == Ask("first", 20.0)


def test_other_spellings_use_the_number_up() -> None:
    plan = plan_of(("claude-haiku-4-5",), 1)
    told = run(plan, [Mishap(Cause.MODEL_NOT_FOUND), Mishap(Cause.SERVER_ERROR)])
    assert told.asked == ["claude-haiku-4-5", "claude-haiku-4-5-20251001"]
    assert plan.asked_as("claude-haiku-4-5-20251001") == "claude-haiku-4-5"


def test_when_every_time_is_past_the_deadline_nobody_is_asked() -> None:
    plan = plan_of(("first", "second"), 2, cooling={"first": (True, 90.0), "second": (True, 70.0)})
    assert isinstance(plan.first(), GiveUp)
    assert plan.soonest == 70.0


def test_an_attempt_has_its_share_while_others_are_left() -> None:
    plan = plan_of(("first", "second", "gpt-4o"), 0)
    plan.first()
    assert plan.expires(0.0, None) == 20.0
    assert plan.expires(0.0, 5.0) == 5.0
    plan.after("first", verdict(Cause.CREDITS), 12.0)
    assert plan.expires(12.0, None) == 36.0
    plan.after("second", verdict(Cause.CREDITS), 30.0)
    assert plan.expires(30.0, None) == DEADLINE
