"""Short words for what the tests of a ledger do."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from aisa_integrations.budget import Budget, BudgetState, Granted, NotYet, Refused, Reservation, Settled, Unavailable
from aisa_integrations.usage import CostKind

MakeBudget = Callable[..., Budget]
NOW = 1_800_000_000.0  # 2027-01-15 08:00 UTC
DAY = 86_400.0
MODEL = "gpt-4o"


def usd(text: str | int) -> Decimal:
    return Decimal(text)


def ask(
    budget: Budget, amount: str | None, *, model: str = MODEL, now: float = NOW
) -> Granted | Refused | NotYet | Unavailable:
    return budget.ledger.reserve("call", model, None if amount is None else usd(amount), now)


def granted(budget: Budget, amount: str | None, *, model: str = MODEL, now: float = NOW) -> Reservation:
    """Reserve, and insist that it is granted."""
    answer = ask(budget, amount, model=model, now=now)
    assert isinstance(answer, Granted), answer
    return answer.reservation


def refused(budget: Budget, amount: str | None, *, model: str = MODEL, now: float = NOW) -> Refused:
    """Reserve, and insist that it is refused."""
    answer = ask(budget, amount, model=model, now=now)
    assert isinstance(answer, Refused), answer
    return answer


def settle(
    budget: Budget,
    reservation: Reservation,
    cost: str | None,
    kind: CostKind | None = None,
    *,
    estimated: str | None = None,
    now: float = NOW,
) -> Settled:
    """Settle, and insist that it could be written."""
    amount, estimate = None if cost is None else usd(cost), None if estimated is None else usd(estimated)
    settled = budget.ledger.settle(reservation, amount, now, kind=kind, estimated=estimate)
    assert isinstance(settled, Settled), settled
    return settled


def bill(
    budget: Budget, reservation: Reservation, cost: str, *, estimated: str | None = None, now: float = NOW
) -> Settled:
    """Settle at what the gateway billed."""
    return settle(budget, reservation, cost, "billed", estimated=estimated, now=now)


def make_known(budget: Budget, *models: str, now: float = NOW) -> None:
    """Have each model billed once, at nothing, so that its calls need not go alone."""
    for model in models or (MODEL,):
        bill(budget, granted(budget, "0", model=model, now=now), "0", now=now)


def state_of(budget: Budget, now: float = NOW) -> BudgetState:
    """How it stands, and insist that this can be read."""
    state = budget.ledger.state(now)
    assert isinstance(state, BudgetState), state
    return state


def standing(budget: Budget, now: float = NOW) -> tuple[Any, Any]:
    """What is spent and what is reserved."""
    state = state_of(budget, now)
    return state.spent, state.reserved
