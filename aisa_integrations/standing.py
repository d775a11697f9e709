"""`state(client)`: how the things stand that a policy remembers between calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .cooldown import Cooling
from .errors import ConfigurationError
from .pacing import PacingState
from .policy import Policy

if TYPE_CHECKING:
    from .budget import BudgetState


@dataclass(frozen=True, slots=True)
class State:
    """Say how a client's policy stands.

    Args:
        cooling: models that failed of late, and for how long each is still asked last.
        budget: what is spent, reserved and left, or None without a budget.
        limits: the pace of the key, or None without limits.
    """

    cooling: tuple[Cooling, ...]
    budget: BudgetState | None
    limits: PacingState | None

    def _repr_html_(self) -> str:
        from .display.standing import standing_html

        return standing_html(self.cooling, self.budget, self.limits)


def state(client: Any) -> State:
    """Return how a client, of any face, or a `Policy` stands: cooldowns, budget, pace.

    Raises:
        ConfigurationError: for anything else.
    """
    key: str | None = None
    if isinstance(client, Policy):
        policy = client
    elif hasattr(client, "_aisa_standing"):
        policy, key = client._aisa_standing()
    else:
        raise ConfigurationError(f"state() takes a client of this library or a Policy, not {type(client).__name__}.")
    return State(
        cooling=policy.cooldown.state(key),
        budget=policy.budget.state() if policy.budget is not None else None,
        limits=policy.pace.state(key) if policy.pace is not None else None,
    )
