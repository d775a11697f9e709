"""What to do when a call fails, and who is told: a frozen value that several clients may share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from .errors import ConfigurationError

DEFAULT_MAX_RETRIES: Final = 2
DEFAULT_DEADLINE: Final = 600.0


@dataclass(frozen=True, slots=True)
class FailoverEvent:
    """Say that one model was left for the next, or for another round.

    Args:
        model: the id that failed.
        next_model: the id that is asked next.
        cause: why, in a word of the contract's table.
        status: the HTTP status of the failed attempt, or None.
        waited: seconds waited before the next model is asked.
    """

    model: str
    next_model: str
    cause: str
    status: int | None
    waited: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Say what a face does about failures.

    Args:
        fallbacks: model ids asked in turn after the one that was named; nothing else is ever asked.
        max_retries: further rounds over the chain after the first; 0 still fails over.
        deadline: seconds for the whole call until its reply is handed over; a stream that flows is never cut.
        on_event: called with a `FailoverEvent` for each failover; what it raises is logged, never lost or raised.

    Raises:
        ConfigurationError: for a value that cannot work.
    """

    fallbacks: tuple[str, ...] = ()
    max_retries: int = DEFAULT_MAX_RETRIES
    deadline: float = DEFAULT_DEADLINE
    on_event: Callable[[FailoverEvent], object] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "fallbacks", checked_fallbacks(self.fallbacks))
        checked_max_retries(self.max_retries)
        if isinstance(self.deadline, bool) or not isinstance(self.deadline, (int, float)) or not self.deadline > 0:
            raise ConfigurationError(f"deadline is a number of seconds above 0, not {self.deadline!r}.")
        if self.on_event is not None and not callable(self.on_event):
            raise ConfigurationError(f"on_event is a function of one event, not {self.on_event!r}.")

    def merged(self, *, fallbacks: Iterable[str] | None = None, max_retries: int | None = None) -> Policy:
        """Return this policy with the given fields in place of its own; None leaves a field as it is."""
        changes: dict[str, Any] = {}
        if fallbacks is not None:
            changes["fallbacks"] = checked_fallbacks(fallbacks)
        if max_retries is not None:
            changes["max_retries"] = checked_max_retries(max_retries)
        return replace(self, **changes) if changes else self


def checked_fallbacks(fallbacks: object) -> tuple[str, ...]:
    """Return fallbacks as a tuple of model ids, or say what is wrong with them."""
    if isinstance(fallbacks, str) or not isinstance(fallbacks, Iterable):
        raise ConfigurationError(f"fallbacks is a list of model ids, such as ['gpt-4o'], not {fallbacks!r}.")
    models = tuple(fallbacks)
    for model in models:
        if not isinstance(model, str) or not model:
            raise ConfigurationError(f"fallbacks holds model ids, not {model!r}.")
    return models


def checked_max_retries(max_retries: object) -> int:
    """Return max_retries, or say what is wrong with it."""
    if isinstance(max_retries, bool) or not isinstance(max_retries, int) or max_retries < 0:
        raise ConfigurationError(f"max_retries is a whole number of further rounds, 0 or more, not {max_retries!r}.")
    return max_retries
