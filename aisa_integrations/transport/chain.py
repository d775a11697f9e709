"""Whom one call may ask: the model it names, its fallbacks, and what a route stands for. Pure.

Ids are sent as written, known to the catalogue or not, and nothing that the caller did not name is ever asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..errors import ConfigurationError
from ..policy import Policy
from .surfaces import Place, Surface

if TYPE_CHECKING:
    from ..routing import Fallback, RouteDecision

_ROUTE: Final = "aisa/"
NO_CAPS: Final[Mapping[str, Decimal]] = MappingProxyType({})


class Chain(NamedTuple):
    """The models of one call.

    Args:
        model: the id that was asked, or None where the surface names none.
        ids: every id that may be asked, in order; a lone None where there is none.
        caps: USD that a call to an id may be estimated to cost, where there is a limit.
        routed: the decision, where the model that was asked is a route.
    """

    model: str | None
    ids: tuple[str | None, ...]
    caps: Mapping[str, Decimal] = NO_CAPS
    routed: RouteDecision | None = None


def chain_of(place: Place, body: Mapping[str, Any] | None, policy: Policy, *, repeatable: bool) -> Chain:
    """Settle whom a call may ask: its own `models`, else the model and the policy's fallbacks.

    Args:
        place: where the call goes; on Gemini the model is in it.
        body: the body as a JSON object, or None.
        policy: fallbacks, routes, caps.
        repeatable: whether the call may be sent more than once.

    Raises:
        ConfigurationError: `models` is no list of ids, or a route has nothing left to ask.
        ModelNotFoundError: there is no such route.
    """
    model = place.model
    if body is not None and place.surface is not Surface.GEMINI:
        model = body.get("model") if isinstance(body.get("model"), str) else None
    if body is None or not place.surface.full_policy:
        if model is not None and _is_route(model):
            raise ConfigurationError(
                f"{model} is a route; those work on chat and generateContent, not on {place.path}."
            )
        return Chain(model, (model,))
    entries = policy.entries(model, body.get("models") if place.surface is Surface.CHAT else None)
    if not repeatable:
        entries = entries[:1]
    if policy.cap is None and all(isinstance(entry, str) and not _is_route(entry) for entry in entries):
        return Chain(model or _first(entries), tuple(dict.fromkeys(entries)) or (None,))  # type: ignore[arg-type]
    return _resolved(place, body, policy, model or _first(entries), entries)


def _resolved(
    place: Place, body: Mapping[str, Any], policy: Policy, model: str | None, entries: Sequence[str | Fallback]
) -> Chain:
    routed: RouteDecision | None = None
    caps: dict[str, Decimal] = {}
    ids: list[str] = []
    for entry in entries:
        name, cap = (entry, None) if isinstance(entry, str) else (entry.model, entry.max_cost_usd)
        stands_for: tuple[str, ...] = (name,)
        if _is_route(name):
            from ..routing import resolve_route

            surface: Any = place.surface.value
            decision = resolve_route(
                name, body, surface=surface, routes=policy.own_routes, allow=policy.allow, deny=policy.deny
            )
            routed, stands_for = routed or decision, decision.chain
        limit = min((limit for limit in (cap, policy.cap) if limit is not None), default=None)
        for one in stands_for:
            if one not in ids:
                ids.append(one)
                if limit is not None:
                    caps[one] = limit
    return Chain(model, tuple(ids) or (None,), caps, routed)


def _first(entries: Sequence[str | Fallback]) -> str | None:
    if not entries:
        return None
    return entries[0] if isinstance(entries[0], str) else entries[0].model


def _is_route(model: str) -> bool:
    return model[: len(_ROUTE)].lower() == _ROUTE
