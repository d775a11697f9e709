"""What a ledger answers, and how it stands. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Period = Literal["run", "day"]


@dataclass(frozen=True, slots=True)
class Reservation:
    """What is set aside for one request.

    Args:
        id: its name in the ledger.
        call_id: the logical call it belongs to.
        model: the id that is asked.
        amount: USD set aside; 0 where the price is not known and the budget allows that.
    """

    id: str
    call_id: str
    model: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Granted:
    """Go ahead; settle or release this reservation afterwards."""

    reservation: Reservation


@dataclass(frozen=True, slots=True)
class Refused:
    """Do not send: it could cost more than is left, or nobody knows what it costs.

    Args:
        model: the id that was to be asked.
        spent: USD billed so far.
        reserved: USD set aside for calls under way, and for those whose bill never came.
        limit: USD of the budget.
        needed: USD the call could cost; None where its price is not known.
        per: what the limit is for.
    """

    model: str
    spent: Decimal
    reserved: Decimal
    limit: Decimal
    needed: Decimal | None
    per: Period

    @property
    def may_pass(self) -> bool:
        """Say whether it would fit if calls under way turned out to cost nothing."""
        return self.needed is not None and self.spent + self.needed <= self.limit

    @property
    def message(self) -> str:
        """Return a sentence for whoever made the call."""
        budget = f"the budget of ${self.limit:f} a {self.per}"
        standing = f"${self.spent:f} is spent and ${self.reserved:f} reserved"
        if self.needed is not None:
            return f"The call to {self.model} could cost ${self.needed:f}, and {standing} of {budget}."
        if self.spent + self.reserved >= self.limit:
            return f"Of {budget} {standing}, and what the call to {self.model} would cost is not known."
        return (
            f"What the call to {self.model} would cost is not known, so {budget} can't be kept; "
            'Budget(unknown="allow") lets such calls through and counts them when they are billed.'
        )


@dataclass(frozen=True, slots=True)
class NotYet:
    """Ask again in `wait` seconds: another call is the first to this model, and its bill will tell the real price."""

    wait: float


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Do not send: the ledger can't be read or written, and nothing is spent unseen."""

    reason: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What a bill did to the ledger.

    Args:
        cost: USD it added to what is spent; None where no bill came.
        reserved: USD that had been set aside.
        overrun: whether the bill was above that, so that a price is dearer than was known.
        kept: whether the reservation stays, because the call may have been billed and nobody said how much.
    """

    cost: Decimal | None
    reserved: Decimal
    overrun: bool = False
    kept: bool = False


@dataclass(frozen=True, slots=True)
class BudgetState:
    """How a budget stands.

    Args:
        spent: USD of settled calls.
        reserved: USD set aside for calls under way, and for those whose bill never came.
        limit: USD.
        remaining: USD that may still be reserved; never below 0.
        per: `run` or `day`.
        day: the UTC day (`2026-11-21`) of a daily budget, else None.
        overrun: whether a bill was above its reservation.
    """

    spent: Decimal
    reserved: Decimal
    limit: Decimal
    remaining: Decimal
    per: Period
    day: str | None
    overrun: bool
