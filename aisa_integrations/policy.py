"""What to do about failures, money and pace, and who is told: a frozen value that several clients may share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from .cooldown import Cooldown
from .errors import ConfigurationError
from .pacing import RateLimits
from .settings import LONGEST_WAIT

if TYPE_CHECKING:
    from .budget import Budget
    from .cache import Cache
    from .routing import Fallback, Routes

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
    """Say what a face does about failures, money and pace. Clients given the same object share its state.

    Args:
        fallbacks: model ids, or `Fallback(model, max_cost_usd=…)`, asked in turn after the one that was named.
        max_retries: further rounds over the chain after the first; 0 still fails over.
        deadline: seconds for the whole call until its reply is handed over; a stream that flows is never cut.
        budget: a `Budget`: what calls may cost in all.
        cache: a `Cache`: answers that need not be asked for again.
        routes: `Routes`, or a dict of them: names for chains, asked as `aisa/NAME`.
        allow: under `aisa/…` routes, the only ids and developers that may be asked.
        deny: under `aisa/…` routes, ids and developers that are never asked.
        max_cost_usd: leave a model out where the call is estimated to cost more, or its cost is not known.
        limits: `RateLimits`, or the name of the key's tier: a pace at which the gateway refuses nothing.
        cooldown: a `Cooldown`: when a failing model is left alone, and for how long.
        on_event: called with a `FailoverEvent` for each failover; what it raises is logged, never lost or raised.
        on_break: on `GatewayClient`, `raise` a stream's break, or `continue` with the next model from what had come.

    Raises:
        ConfigurationError: for a value that cannot work.
    """

    fallbacks: Sequence[str | Fallback | Mapping[str, Any]] = ()
    max_retries: int = DEFAULT_MAX_RETRIES
    deadline: float = DEFAULT_DEADLINE
    budget: Budget | None = None
    cache: Cache | None = None
    routes: Routes | Mapping[str, Any] | None = None
    allow: Sequence[str] | None = None
    deny: Sequence[str] | None = None
    max_cost_usd: Decimal | float | str | None = None
    limits: RateLimits | str | None = None
    cooldown: Cooldown = field(default_factory=Cooldown)
    on_event: Callable[[FailoverEvent], object] | None = None
    on_break: Literal["raise", "continue"] = "raise"

    def __post_init__(self) -> None:
        self._set("fallbacks", checked_fallbacks(self.fallbacks))
        checked_max_retries(self.max_retries)
        _check_deadline(self.deadline)
        _check_kind("budget", self.budget, "aisa_integrations.budget", "Budget")
        _check_kind("cache", self.cache, "aisa_integrations.cache", "Cache")
        self._check_routes()
        if isinstance(self.limits, str):
            self._set("limits", RateLimits.tier(self.limits))
        _check_kind("limits", self.limits, "aisa_integrations.pacing", "RateLimits")
        if not isinstance(self.cooldown, Cooldown):
            raise ConfigurationError(f"cooldown is a Cooldown(…), not {self.cooldown!r}.")
        if self.on_event is not None and not callable(self.on_event):
            raise ConfigurationError(f"on_event is a function of one event, not {self.on_event!r}.")
        if self.on_break not in ("raise", "continue"):
            raise ConfigurationError(f'on_break is "raise" or "continue", not {self.on_break!r}.')

    def _check_routes(self) -> None:
        if self.routes is None and self.allow is None and self.deny is None and self.max_cost_usd is None:
            return
        from .routing import Fallback, checked_names, checked_routes

        if self.routes is not None:
            self._set("routes", checked_routes(self.routes))
        for name in ("allow", "deny"):
            if getattr(self, name) is not None:
                self._set(name, checked_names(getattr(self, name), name, self.own_routes))
        self._set("max_cost_usd", Fallback.of({"model": "any", "max_cost_usd": self.max_cost_usd}).max_cost_usd)

    # What a user may give in several forms is kept in one, which these name for a type checker.

    @property
    def chain(self) -> tuple[str | Fallback, ...]:
        """Return the fallbacks as they are kept."""
        return cast("tuple[str | Fallback, ...]", self.fallbacks)

    @property
    def cap(self) -> Decimal | None:
        """Return `max_cost_usd` as it is kept."""
        return cast("Decimal | None", self.max_cost_usd)

    @property
    def pace(self) -> RateLimits | None:
        """Return `limits` as they are kept."""
        return cast("RateLimits | None", self.limits)

    @property
    def own_routes(self) -> Routes | None:
        """Return `routes` as they are kept."""
        return cast("Routes | None", self.routes)

    def entries(self, model: str | None, named: object) -> Sequence[str | Fallback]:
        """Return whom a call may ask in turn: those it names itself in `models`, else the model and the fallbacks.

        Raises:
            ConfigurationError: `named` is no list of model ids.
        """
        if named is None:
            return () if model is None else (model, *self.chain)
        if not isinstance(named, list) or not all(isinstance(one, (str, Mapping)) and one for one in named):
            raise ConfigurationError(f"`models` is a list of model ids to ask in turn, not {named!r}.")
        # With the model among them, the list alone says the order.
        fallbacks = checked_fallbacks(named)
        within = model is None or model in [one if isinstance(one, str) else one.model for one in fallbacks]
        return fallbacks if within else (cast(str, model), *fallbacks)

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def merged(self, *, fallbacks: Iterable[Any] | None = None, max_retries: int | None = None) -> Policy:
        """Return this policy with the given fields in place of its own; None leaves a field as it is."""
        changes: dict[str, Any] = {}
        if fallbacks is not None:
            changes["fallbacks"] = checked_fallbacks(fallbacks)
        if max_retries is not None:
            changes["max_retries"] = checked_max_retries(max_retries)
        return replace(self, **changes) if changes else self


def _check_deadline(deadline: object) -> None:
    numeric = isinstance(deadline, (int, float)) and not isinstance(deadline, bool)
    if not numeric or not 0 < cast(float, deadline) <= LONGEST_WAIT:
        raise ConfigurationError(
            f"deadline is a number of seconds above 0, up to {LONGEST_WAIT:,.0f}, not {deadline!r}."
        )


def _check_kind(name: str, value: object, module: str, kind: str) -> None:
    """Say what is wrong where a field holds another kind of thing; its module is loaded only where one is given."""
    if value is None:
        return
    import importlib

    if not isinstance(value, getattr(importlib.import_module(module), kind)):
        raise ConfigurationError(f"{name} is a {kind}(…), not {value!r}.")


def checked_fallbacks(fallbacks: object) -> tuple[str | Fallback, ...]:
    """Return fallbacks as a tuple, or say what is wrong with them."""
    if isinstance(fallbacks, (str, Mapping)) or not isinstance(fallbacks, Iterable):
        raise ConfigurationError(f"fallbacks is a list of model ids, such as ['gpt-4o'], not {fallbacks!r}.")
    models = tuple(fallbacks)
    if all(isinstance(model, str) and model.strip() for model in models):
        return models
    from .routing import Fallback

    return tuple(model if isinstance(model, str) and model.strip() else Fallback.of(model) for model in models)


def checked_max_retries(max_retries: object) -> int:
    """Return max_retries, or say what is wrong with it."""
    if isinstance(max_retries, bool) or not isinstance(max_retries, int) or max_retries < 0:
        raise ConfigurationError(f"max_retries is a whole number of further rounds, 0 or more, not {max_retries!r}.")
    return max_retries
