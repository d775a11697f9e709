"""Fallbacks that are left out where a call would cost too much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from ..display.money import usd
from ..errors import ConfigurationError


@dataclass(frozen=True, slots=True, init=False)
class Fallback:
    """Name a model to fall back to, and what one call to it may cost.

    Args:
        model: the id, sent as written.
        max_cost_usd: leave the model out where a call is estimated to cost more, or its cost is not known; None is no
            limit.

    Raises:
        ConfigurationError: for a value that cannot work.
    """

    model: str
    max_cost_usd: Decimal | None = None

    def __init__(self, model: str, max_cost_usd: Decimal | float | str | None = None) -> None:
        if not isinstance(model, str) or not model.strip():
            raise ConfigurationError(f"a fallback names a model id, such as 'gpt-4o', not {model!r}.")
        object.__setattr__(self, "model", model)
        object.__setattr__(self, "max_cost_usd", _checked_cap(max_cost_usd))

    @classmethod
    def of(cls, value: object) -> Fallback:
        """Return a `Fallback` from a model id, from a mapping of the fields, or from one."""
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            return cls(value)  # type: ignore[arg-type]  # checked there
        if unknown := sorted(str(key) for key in value.keys() - {"model", "max_cost_usd"}):
            raise ConfigurationError(f"a fallback has `model` and `max_cost_usd`, not {', '.join(unknown)}.")
        return cls(value.get("model"), value.get("max_cost_usd"))  # type: ignore[arg-type]  # checked there

    def capped(self, max_cost_usd: Decimal | float | str | None) -> Fallback:
        """Return this fallback with the lower of its own cap and the given one."""
        caps = [cap for cap in (self.max_cost_usd, _checked_cap(max_cost_usd)) if cap is not None]
        return Fallback(self.model, min(caps, default=None))

    def to_json(self) -> str | dict[str, str]:
        """Return what names this fallback in a body's `models`."""
        return (
            self.model if self.max_cost_usd is None else {"model": self.model, "max_cost_usd": str(self.max_cost_usd)}
        )

    def refuses(self, cost: Decimal | None) -> str | None:
        """Say why a call of this estimated cost is not made, or None where it may be."""
        if self.max_cost_usd is None:
            return None
        if cost is None:
            return f"what it would cost is not known, so it can't be kept under its cap of {usd(self.max_cost_usd)}"
        if cost > self.max_cost_usd:
            return f"about {usd(cost)} is over its cap of {usd(self.max_cost_usd)}"
        return None


def _checked_cap(cap: Any) -> Decimal | None:
    if cap is None:
        return None
    try:
        # A float is meant as it is written: 0.1, and not the nearest binary number.
        amount = None if isinstance(cap, bool) else Decimal(cap if isinstance(cap, Decimal | int) else str(cap))
    except InvalidOperation:
        amount = None
    if amount is None or not amount.is_finite() or amount <= 0:
        raise ConfigurationError(f"max_cost_usd is an amount of USD above 0, or None for no limit, not {cap!r}.")
    return amount
