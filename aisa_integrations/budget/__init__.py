"""A limit on spending: reserve before a call is sent, settle after it was billed."""

from __future__ import annotations

from .answers import BudgetState, Granted, NotYet, Refused, Reservation, Settled, Unavailable
from .config import Budget
from .ledger import Ledger

__all__ = [
    "Budget",
    "BudgetState",
    "Granted",
    "Ledger",
    "NotYet",
    "Refused",
    "Reservation",
    "Settled",
    "Unavailable",
]
