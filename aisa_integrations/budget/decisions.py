"""What a budget allows, and what a bill changes: pure functions over a ledger's state.

The rules: never set aside more than the limit; set aside the worst case, at the dearer of the catalogue's price and
the one last billed; let a model's first call go alone until a price is known, so that a wrong one in the catalogue
can't be spent many times over at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Context, Decimal
from typing import Final, Literal

from ..usage import CostKind
from .answers import NotYet, Period, Refused, Settled

ZERO: Final = Decimal(0)
# Dollars are exact to 18 places and rounded up there, which no price comes near; so a ledger's texts stay short.
_MONEY: Final = Context(prec=60, rounding=ROUND_CEILING)
_GRAIN: Final = Decimal("1e-18")
_MOST: Final = Decimal("1e30")

# A first call that was not settled in this time will not be: its process died, or its stream flows for ever.
LOST_AFTER: Final = 900.0
# What was billed says little of prices that changed since.
PRICE_LASTS: Final = 7 * 86_400.0
_SHORTEST_WAIT, _LONGEST_WAIT, _WAIT_GROWTH = 0.02, 1.0, 0.25


def money(amount: Decimal | None) -> Decimal | None:
    """Return an amount as the ledger counts it; None for what is none."""
    if amount is None or not amount.is_finite():
        return None
    # The exponent is asked first: 1e-999999999 has more places than there is memory.
    if amount <= 0:
        return ZERO
    if amount.adjusted() < -18:
        return _GRAIN
    return min(amount, _MOST).quantize(_GRAIN, context=_MONEY).normalize(_MONEY)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a budget was given: its limit in USD, for what, and whether calls of unknown price are let through."""

    limit: Decimal
    per: Period = "run"
    unknown: Literal["refuse", "allow"] = "refuse"


@dataclass(frozen=True, slots=True)
class Totals:
    """What one run or day has come to, in USD; `overrun` says whether a bill was above its reservation."""

    spent: Decimal = ZERO
    reserved: Decimal = ZERO
    overrun: bool = False


@dataclass(frozen=True, slots=True)
class Price:
    """What the bills of a model say.

    Args:
        ratio: the last bill by the catalogue's estimate of the same call; None where no bill could be compared;
            infinite where the catalogue says free and the bill did not.
        seen: UNIX seconds.
    """

    ratio: Decimal | None
    seen: float


@dataclass(frozen=True, slots=True)
class Line:
    """A reservation as the ledger keeps it.

    Args:
        id: its name.
        window: the day it counts to, or `run`.
        model: the id that is asked.
        amount: USD set aside.
        estimate: USD at the catalogue's price alone; None where that is not known.
        made: UNIX seconds.
        kept: whether its call has ended without a bill.
    """

    id: str
    window: str
    model: str
    amount: Decimal
    estimate: Decimal | None
    made: float
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What a decision needs to know.

    Args:
        totals: of the run or day.
        price: what bills say of the model's price, or None.
        alone_since: when the youngest call to the model that is still under way began, or None.
    """

    totals: Totals
    price: Price | None = None
    alone_since: float | None = None


@dataclass(frozen=True, slots=True)
class Bill:
    """How a request ended.

    Args:
        cost: USD; None where it may have been billed and nobody said how much.
        kind: who says so; None for a call that surely cost nothing, and where no bill came.
        estimated: USD at the catalogue's price for the tokens that were billed; None where that is not known.
    """

    cost: Decimal | None
    kind: CostKind | None
    estimated: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What a bill makes of the ledger: new totals, the line that stays or None, and what it says of the price."""

    totals: Totals
    line: Line | None
    price: Price | None
    settled: Settled


def current(price: Price | None, now: float) -> Price | None:
    """Return what is known of a price, unless it is too old to go by."""
    return price if price is not None and now - price.seen < PRICE_LASTS else None


def dearer(price: Price | None, amount: Decimal | None) -> Decimal | None:
    """Return an estimate at the dearer of the catalogue's price and the one last billed; None where none is known."""
    if amount is None or price is None or price.ratio is None or price.ratio <= 1:
        return amount
    return money(_MONEY.multiply(amount, price.ratio)) if price.ratio.is_finite() else None


def decide(terms: Terms, facts: Facts, model: str, amount: Decimal | None, now: float) -> Decimal | Refused | NotYet:
    """Return what to set aside for a call, or why it must not be sent, or not yet."""
    needed = dearer(facts.price, amount)
    totals = facts.totals
    left = remaining(terms.limit, totals)
    # Nobody knows whether a call of unknown price fits; where nothing is left, it does not.
    fits = needed <= left if needed is not None else terms.unknown == "allow" and left > 0
    if not fits:
        return Refused(model, totals.spent, totals.reserved, terms.limit, needed, terms.per)
    if facts.price is None and facts.alone_since is not None and now - facts.alone_since < LOST_AFTER:
        # Longer between questions the longer it takes: a short answer is noticed at once, a long one costs little.
        return NotYet(min(max((now - facts.alone_since) * _WAIT_GROWTH, _SHORTEST_WAIT), _LONGEST_WAIT))
    return needed if needed is not None else ZERO


def set_aside(totals: Totals, amount: Decimal) -> Totals:
    """Return the totals with one more reservation."""
    return replace(totals, reserved=_MONEY.add(totals.reserved, amount))


def give_back(totals: Totals, amount: Decimal) -> Totals:
    """Return the totals with one reservation less."""
    return replace(totals, reserved=max(ZERO, _MONEY.subtract(totals.reserved, amount)))


def remaining(limit: Decimal, totals: Totals) -> Decimal:
    """Return what may still be set aside; below 0 where more was billed than the limit."""
    return _MONEY.subtract(limit, _MONEY.add(totals.spent, totals.reserved))


def settle(terms: Terms, totals: Totals, price: Price | None, line: Line, bill: Bill, now: float) -> Change:
    """Return what a bill changes: a reservation becomes its cost, or stays where no bill came."""
    cost = money(bill.cost)
    if cost is None:
        return Change(totals, replace(line, kept=True), None, Settled(None, line.amount, kept=True))
    after = replace(give_back(totals, line.amount), spent=_MONEY.add(totals.spent, cost))
    # A call let through at an unknown price had nothing set aside; it overruns where the limit itself does not hold.
    overrun = cost > line.amount if line.estimate is not None else cost > 0 > remaining(terms.limit, after)
    after = replace(after, overrun=totals.overrun or overrun)
    return Change(after, None, _learned(price, line, bill, cost, now), Settled(cost, line.amount, overrun))


def _learned(price: Price | None, line: Line, bill: Bill, cost: Decimal, now: float) -> Price | None:
    if bill.kind is None:
        return None
    if bill.kind == "estimated":
        # This gateway does not bill by name; going alone once more would teach no more.
        return price or Price(None, now)
    estimated = money(bill.estimated)
    if estimated:
        return Price(_MONEY.divide(cost, estimated), now)
    if line.estimate is not None and cost > line.estimate:
        # Above the worst case, so at least this much dearer.
        return Price(_MONEY.divide(cost, line.estimate) if line.estimate else Decimal("Infinity"), now)
    return Price(price.ratio if price is not None else None, now)
