"""What a budget allows, in memory and in a file: reserve, settle, refuse, and the first call that goes alone."""

import pytest

from aisa_integrations.budget import BudgetState, NotYet, Refused, Settled
from tests.stores.ledgers import (
    DAY,
    MODEL,
    NOW,
    MakeBudget,
    ask,
    bill,
    granted,
    make_known,
    refused,
    settle,
    standing,
    state_of,
    usd,
)


def test_a_bill_takes_the_place_of_its_reservation(make_budget: MakeBudget):
    budget = make_budget(1)
    reservation = granted(budget, "0.40")
    assert standing(budget) == (0, usd("0.40"))
    settled = bill(budget, reservation, "0.0123456789")
    assert settled == Settled(cost=usd("0.0123456789"), reserved=usd("0.40"), overrun=False, kept=False)
    assert standing(budget) == (usd("0.0123456789"), 0)


def test_what_could_go_over_is_refused_and_the_limit_itself_can_be_used_up(make_budget: MakeBudget):
    budget = make_budget("1.00")
    make_known(budget)
    granted(budget, "0.60")
    assert refused(budget, "0.400001") == Refused(MODEL, usd(0), usd("0.60"), usd("1.00"), usd("0.400001"), "run")
    granted(budget, "0.40")
    assert standing(budget) == (0, 1)


def test_a_refusal_says_whether_it_may_pass_and_why(make_budget: MakeBudget):
    budget = make_budget("1.00")
    make_known(budget)
    reservation = granted(budget, "0.60")
    refusal = refused(budget, "0.50")
    assert refusal.may_pass
    for figure in (MODEL, "$0.5,", "$0.6 reserved", "$1.00", "a run"):
        assert figure in refusal.message
    bill(budget, reservation, "0.60")
    assert not refused(budget, "0.50").may_pass


def test_a_call_that_surely_cost_nothing_gives_its_reservation_back(make_budget: MakeBudget):
    budget = make_budget(1)
    settle(budget, granted(budget, "0.5"), "0")
    budget.ledger.release(granted(budget, "0.5"), NOW)
    assert standing(budget) == (0, 0)


def test_a_bill_that_never_came_keeps_the_reservation_until_it_does(make_budget: MakeBudget):
    budget = make_budget(1)
    reservation = granted(budget, "0.7")
    assert settle(budget, reservation, None).kept
    assert standing(budget) == (0, usd("0.7"))
    refused(budget, "0.5")
    bill(budget, reservation, "0.1")
    assert standing(budget) == (usd("0.1"), 0)


def test_settling_twice_changes_nothing(make_budget: MakeBudget):
    budget = make_budget(1)
    reservation = granted(budget, "0.7")
    bill(budget, reservation, "0.2")
    bill(budget, reservation, "0.2")
    settle(budget, reservation, None)
    assert standing(budget) == (usd("0.2"), 0)


# ---- prices that nobody knows ---------------------------------------------------------------------------------------


def test_an_unknown_price_is_refused(make_budget: MakeBudget):
    refusal = refused(make_budget(1), None)
    assert refusal.needed is None
    assert not refusal.may_pass
    assert 'unknown="allow"' in refusal.message


def test_an_unknown_price_is_let_through_when_allowed_and_counted_when_billed(make_budget: MakeBudget):
    budget = make_budget(1, unknown="allow")
    reservation = granted(budget, None)
    assert standing(budget) == (0, 0)
    assert not bill(budget, reservation, "0.9").overrun
    assert bill(budget, granted(budget, None), "0.3").overrun
    assert standing(budget) == (usd("1.2"), 0)
    assert 'unknown="allow"' not in refused(budget, None).message


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_amount_is_an_unknown_price(make_budget: MakeBudget, amount):
    assert refused(make_budget(1), amount).needed is None


# ---- prices that bills know better ----------------------------------------------------------------------------------


def test_the_first_call_goes_alone_until_it_is_billed(make_budget: MakeBudget):
    budget = make_budget(10)
    first = granted(budget, "1")
    waiting = ask(budget, "1", now=NOW + 1)
    assert isinstance(waiting, NotYet)
    assert 0 < waiting.wait <= 1
    granted(budget, "1", model="claude-sonnet-4-6")
    bill(budget, first, "0.5", estimated="0.5")
    granted(budget, "1")
    granted(budget, "1")


def test_a_failed_first_call_proves_nothing(make_budget: MakeBudget):
    budget = make_budget(10)
    for end in ("0", None):
        settle(budget, granted(budget, "1"), end)
        alone = granted(budget, "1")
        assert isinstance(ask(budget, "1"), NotYet)
        budget.ledger.release(alone, NOW)


@pytest.mark.parametrize("kind", ["billed", "estimated"])
def test_an_answer_for_nothing_lets_the_others_go(make_budget: MakeBudget, kind):
    budget = make_budget(10)
    settle(budget, granted(budget, "0"), "0", kind)
    granted(budget, "1")
    granted(budget, "1")


def test_a_first_call_that_never_ends_is_given_up(make_budget: MakeBudget):
    budget = make_budget(10)
    granted(budget, "1")
    assert isinstance(ask(budget, "1", now=NOW + 899), NotYet)
    granted(budget, "1", now=NOW + 900)
    assert standing(budget) == (0, 2)


def test_a_dearer_bill_raises_what_is_reserved(make_budget: MakeBudget):
    budget = make_budget(10)
    bill(budget, granted(budget, "1"), "0.30", estimated="0.10")
    assert budget.ledger.dearer(MODEL, usd(1), NOW) == 3
    assert granted(budget, "1").amount == 3
    assert budget.ledger.dearer("another", usd(1), NOW) == 1


def test_the_catalogue_counts_where_the_last_bill_was_cheaper(make_budget: MakeBudget):
    budget = make_budget(10)
    bill(budget, granted(budget, "1"), "0.30", estimated="0.10")
    bill(budget, granted(budget, "1"), "0.05", estimated="0.10")
    assert granted(budget, "1").amount == 1


def test_a_bill_above_its_reservation_is_said_and_learnt_from(make_budget: MakeBudget):
    budget = make_budget(10)
    assert bill(budget, granted(budget, "1"), "2.5").overrun
    assert state_of(budget).overrun
    assert granted(budget, "1").amount == usd("2.5")


def test_what_is_billed_though_the_catalogue_says_free_has_no_known_price(make_budget: MakeBudget):
    budget = make_budget(10)
    bill(budget, granted(budget, "0"), "0.01")
    assert budget.ledger.dearer(MODEL, usd(0), NOW) is None
    refused(budget, "0")


def test_old_bills_are_forgotten(make_budget: MakeBudget):
    budget = make_budget(10)
    bill(budget, granted(budget, "1"), "0.30", estimated="0.10")
    later = NOW + 8 * DAY
    assert granted(budget, "1", now=later).amount == 1
    assert isinstance(ask(budget, "1", now=later), NotYet)


# ---- run and day ----------------------------------------------------------------------------------------------------


def test_a_day_begins_at_midnight_utc(make_budget: MakeBudget, tmp_path):
    budget = make_budget(1, per="day", path=tmp_path / "day.sqlite3")
    make_known(budget)
    midnight = NOW - NOW % DAY + DAY
    over_midnight = granted(budget, "0.6", now=midnight - 1)
    assert state_of(budget, midnight - 1).day == "2027-01-15"
    granted(budget, "1", now=midnight)
    bill(budget, over_midnight, "0.5", now=midnight + 5)
    assert standing(budget, midnight - 1) == (usd("0.5"), 0)
    assert standing(budget, midnight) == (0, 1)
    assert state_of(budget, midnight).day == "2027-01-16"


def test_reservations_of_days_long_past_are_dropped(make_budget: MakeBudget, tmp_path):
    budget = make_budget(1, per="day", path=tmp_path / "day.sqlite3")
    old = granted(budget, "0.6")
    granted(budget, "0.6", now=NOW + 2 * DAY)
    bill(budget, old, "0.5")
    assert standing(budget, NOW) == (0, usd("0.6"))


def test_state_tells_all(make_budget: MakeBudget):
    budget = make_budget("2.50")
    bill(budget, granted(budget, "1"), "0.75")
    granted(budget, "1")
    expected = BudgetState(usd("0.75"), usd(1), usd("2.50"), usd("0.75"), per="run", day=None, overrun=False)
    assert budget.state() == expected
