"""For any sequence of calls and bills: memory and file agree, and nothing goes over while no price is dearer."""

import contextlib
import tempfile
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from aisa_integrations.budget import Budget, Granted, NotYet, Refused, Reservation
from aisa_integrations.budget.decisions import Price, dearer, money
from tests.stores.ledgers import NOW, state_of

# Any size from far below a catalogue's last digit to far above a limit.
DOLLARS = st.decimals(0, 2, places=12, allow_nan=False, allow_infinity=False)
SHARES = st.decimals(0, 1, places=6, allow_nan=False, allow_infinity=False)
MODELS = st.sampled_from(["gpt-4o", "glm-5"])


@dataclass(frozen=True)
class Pair:
    """What both ledgers granted for one call."""

    in_memory: Reservation
    in_file: Reservation


class TwoLedgers(RuleBasedStateMachine):
    """Everything is done to a budget in memory and to one in a file; bills stay within their reservations."""

    reservations = Bundle("reservations")

    @initialize(limit=DOLLARS, unknown=st.sampled_from(["refuse", "allow"]))
    def begin(self, limit, unknown):
        self.folder = contextlib.ExitStack()
        home = Path(self.folder.enter_context(tempfile.TemporaryDirectory()))
        self.memory = Budget(limit, unknown=unknown)
        self.file = Budget(limit, unknown=unknown, path=home / "ledger.sqlite3")
        self.limit = limit
        self.billed = Decimal(0)
        self.now = NOW

    @rule(target=reservations, model=MODELS, amount=DOLLARS)
    def reserve(self, model, amount):
        first = self.memory.ledger.reserve("call", model, amount, self.now)
        second = self.file.ledger.reserve("call", model, amount, self.now)
        if isinstance(first, Granted) and isinstance(second, Granted):
            assert first.reservation.amount == second.reservation.amount >= amount
            return Pair(first.reservation, second.reservation)
        assert isinstance(first, Refused | NotYet)
        assert first == second
        return multiple()

    @rule(pair=consumes(reservations), share=SHARES, cheaper=st.booleans())
    def bill(self, pair, share, cheaper):
        cost = pair.in_memory.amount * share
        self.billed += cost
        self.settle(pair, cost, "billed", cost * 2 if cheaper else cost)

    @rule(pair=consumes(reservations), share=SHARES)
    def estimate(self, pair, share):
        cost = pair.in_memory.amount * share
        self.billed += cost
        self.settle(pair, cost, "estimated")

    @rule(pair=consumes(reservations))
    def fail(self, pair):
        self.settle(pair, Decimal(0))

    @rule(pair=reservations)
    def lose_the_bill(self, pair):
        self.settle(pair, None)

    @rule(seconds=st.sampled_from([1.0, 1000.0, 90_000.0, 800_000.0]))
    def pass_time(self, seconds):
        self.now += seconds

    def settle(self, pair, cost, kind=None, estimated=None):
        first = self.memory.ledger.settle(pair.in_memory, cost, self.now, kind=kind, estimated=estimated)
        second = self.file.ledger.settle(pair.in_file, cost, self.now, kind=kind, estimated=estimated)
        assert first == second

    @invariant()
    def both_stand_alike_and_within_the_limit(self):
        state = state_of(self.memory, self.now)
        assert state == state_of(self.file, self.now)
        assert state.spent == self.billed
        assert state.spent + state.reserved <= self.limit
        assert state.remaining == self.limit - state.spent - state.reserved
        assert not state.overrun

    def teardown(self):
        del self.memory, self.file
        self.folder.close()


TwoLedgers.TestCase.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
test_two_ledgers = TwoLedgers.TestCase


@given(st.decimals())
def test_money_is_never_less_than_it_was_and_keeps_18_places(amount):
    counted = money(amount)
    if not amount.is_finite():
        assert counted is None
    else:
        assert counted is not None
        assert counted >= max(0, min(amount, Decimal(10**30)))
        if 0 <= amount < 10**30 and int(amount.as_tuple().exponent) >= -18:
            assert counted == amount


@given(DOLLARS, st.none() | st.decimals(0, 1000, allow_nan=False))
def test_the_dearer_price_is_never_below_the_catalogue(amount, ratio):
    assert (dearer(Price(ratio, NOW), amount) or Decimal(0)) >= amount
