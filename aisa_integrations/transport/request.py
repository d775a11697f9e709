"""A logical call as it was asked, and the requests it becomes on the wire: pure reading and rewriting."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import jiter

from ..catalogue import catalogue
from ..errors import AisaError, ConfigurationError
from ..policy import Policy, checked_fallbacks
from ..settings import ApiKey
from .surfaces import Place, Surface

if TYPE_CHECKING:
    from ..routing import Fallback, RouteDecision

# What other vendors' clients and environments authenticate with. Nothing of it may reach the gateway, which takes a
# Bearer alone on every surface (gateway notes, "Auth").
FOREIGN_HEADERS: Final = ("authorization", "x-goog-api-key", "x-api-key", "api-key", "x-goog-user-project")
FOREIGN_QUERY: Final = ("key", "api_key", "access_token")


@dataclass(frozen=True, slots=True)
class CallOptions:
    """What one face, or one copy of it, wants for its calls; None leaves the transport's own.

    Args:
        key: the key that is sent.
        policy: what to do about failures.
    """

    key: ApiKey | None = None
    policy: Policy | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One logical call, as the face above asked it.

    Args:
        place: where it goes.
        method: the HTTP method.
        query: the raw query, without `?`.
        headers: the face's own `httpx2.Headers`; never changed.
        content: the whole body; None where it is streamed or multipart, and passes unread.
        body: the body as a JSON object, or None where it is none.
        model: the id that was asked, from the body or the path.
        chain: every id that may be asked, in order; holds None where the surface names no model.
        caps: USD that a call to an id of the chain may be estimated to cost, where there is a limit.
        streams: whether the reply is asked for as a stream.
        timeouts: seconds by step, as httpx2 carries them.
        policy: what to do about failures.
        wants_usage: whether the caller asked for usage in the stream.
        problem: what is wrong with the call itself, or None.
        routed: the decision, where the model that was asked is a route.
    """

    place: Place
    method: str
    query: bytes
    headers: Any
    content: bytes | None
    body: dict[str, Any] | None
    model: str | None
    chain: tuple[str | None, ...]
    streams: bool
    timeouts: dict[str, float | None]
    policy: Policy
    wants_usage: bool = True
    problem: AisaError | None = None
    caps: Mapping[str, Decimal] = field(default_factory=dict)
    routed: RouteDecision | None = None

    @property
    def repeatable(self) -> bool:
        """Say whether the call may be sent more than once."""
        return self.content is not None

    @property
    def attempt_limit(self) -> float | None:
        """Return the seconds one attempt may take until its reply or first content, or None for no limit."""
        connect, read = self.timeouts.get("connect"), self.timeouts.get("read")
        return None if read is None else read + (connect or 0.0)


@dataclass(frozen=True, slots=True)
class Wire:
    """One request as it goes out, but for the key.

    Args:
        call: what it belongs to.
        model: the id in it.
        path: the path, which holds the model on Gemini.
        content: the whole body, or None where the call's own stream is passed on.
        note: what was changed, for the record; None for nothing.
    """

    call: Call
    model: str | None
    path: str
    content: bytes | None
    note: str | None = None


def read_call(
    place: Place,
    *,
    method: str,
    query: bytes,
    headers: Any,
    content: bytes | None,
    timeouts: dict[str, float | None],
    policy: Policy,
) -> Call:
    """Read what a request asks for."""
    call = Call(
        place=place,
        method=method,
        query=query,
        headers=headers,
        content=content,
        body=None,
        model=place.model,
        chain=(place.model,),
        streams=place.streams,
        timeouts=timeouts,
        policy=policy,
    )
    if not content or (place.surface is Surface.OTHER and not place.metered):
        return _with_chain(call, None)
    try:
        body = jiter.from_json(content)
    except ValueError:
        body = None
    return _with_chain(call, body) if isinstance(body, dict) else call


def read_chat(body: dict[str, Any], *, headers: Any, timeouts: dict[str, float | None], policy: Policy) -> Call:
    """Read a chat call that was given as Python values, without turning them to bytes and back."""
    call = Call(
        place=_CHAT_PLACE,
        method="POST",
        query=b"",
        headers=headers,
        content=_to_bytes(body),
        body=None,
        model=None,
        chain=(None,),
        streams=False,
        timeouts=timeouts,
        policy=policy,
    )
    return _with_chain(call, body)


_CHAT_PLACE: Final = Place(Surface.CHAT, "/v1/chat/completions")


def _with_chain(call: Call, body: dict[str, Any] | None) -> Call:
    surface = call.place.surface
    streams, wants_usage = call.streams, True
    if surface is not Surface.GEMINI and body is not None:
        streams = body.get("stream") is True
        options = body.get("stream_options")
        wants_usage = isinstance(options, dict) and options.get("include_usage") is True
    read = replace(
        call, body=body, streams=streams, wants_usage=wants_usage or surface is not Surface.CHAT or not streams
    )
    if body is None or not surface.full_policy:
        model = call.place.model if body is None else body.get("model")
        model = model if isinstance(model, str) else None
        return replace(read, model=model, chain=(model,))
    try:
        return _with_models(read, body)
    except AisaError as error:
        return replace(read, problem=error)


def _with_models(call: Call, body: dict[str, Any]) -> Call:
    """Settle whom a call may ask: its own `models`, else the model and the policy's fallbacks; routes are resolved."""
    policy, content, named = call.policy, call.content, None
    model = call.place.model
    if call.place.surface is Surface.CHAT:
        model = body.get("model") if isinstance(body.get("model"), str) else None
        named = body.get("models")
    fallbacks: Sequence[str | Fallback] = policy.fallbacks
    if named is not None:
        body = {key: value for key, value in body.items() if key != "models"}
        content = _to_bytes(body)
        if not isinstance(named, list) or not all(isinstance(one, (str, Mapping)) and one for one in named):
            raise ConfigurationError(f"`models` is a list of model ids to ask in turn, not {named!r}.")
        fallbacks = checked_fallbacks(named)
        # With the model among them, the list alone says the order.
        if fallbacks and (model is None or model in named):
            asked, fallbacks = fallbacks[0], fallbacks[1:]
            model = model or _id(asked)
            entries: list[str | Fallback] = [asked, *fallbacks]
        else:
            entries = [] if model is None else [model, *fallbacks]
    else:
        entries = [] if model is None else [model, *fallbacks]
    if call.content is None:
        entries = entries[:1]
    chain, caps, routed = _resolved(call, body, entries)
    return replace(call, content=content, body=body, model=model, chain=chain or (None,), caps=caps, routed=routed)


def _resolved(
    call: Call, body: dict[str, Any], entries: Sequence[str | Fallback]
) -> tuple[tuple[str, ...], dict[str, Decimal], RouteDecision | None]:
    """Return the ids that entries stand for, each once and in order, their caps, and what a route decided."""
    policy, routed = call.policy, None
    caps: dict[str, Decimal] = {}
    chain: list[str] = []
    for entry in entries:
        model, cap = _id(entry), None if isinstance(entry, str) else entry.max_cost_usd
        models: tuple[str, ...] = (model,)
        if model[:5].lower() == "aisa/":
            from ..routing import resolve_route

            surface: Any = call.place.surface.value
            decision = resolve_route(
                model, body, surface=surface, routes=policy.routes, allow=policy.allow, deny=policy.deny
            )
            routed, models = routed or decision, decision.chain
        for one in models:
            if one not in chain:
                chain.append(one)
            limit = min((c for c in (cap, policy.max_cost_usd) if c is not None), default=None)
            if limit is not None:
                caps.setdefault(one, limit)
    return tuple(chain), caps, routed


def _id(entry: str | Fallback) -> str:
    return entry if isinstance(entry, str) else entry.model


def write(call: Call, model: str | None, *, ask_usage: bool) -> Wire:
    """Return the request that asks `model`, with what it refuses left out and usage asked for."""
    content, body = call.content, call.body
    if model is None or content is None or not call.place.surface.full_policy:
        return Wire(call, model, call.place.path, content)
    dropped: tuple[str, ...] = ()
    if call.place.surface is Surface.CHAT and body is not None:
        dropped = catalogue().refused_parameters(model, body)
        changed = {key: value for key, value in body.items() if key not in dropped} if dropped else body
        if changed.get("model") != model:
            changed = {**changed, "model": model}
        if ask_usage and "stream_options" in changed:
            changed = {**changed, "stream_options": {**(changed["stream_options"] or {}), "include_usage": True}}
        if changed is not body:
            content = _to_bytes(changed)
        if ask_usage and "stream_options" not in changed:
            content = b'{"stream_options":{"include_usage":true},' + content.lstrip()[1:]
    path = call.place.path if model == call.place.model else call.place.with_model(model)
    note = f"without {', '.join(dropped)}, which {model} refuses" if dropped else None
    return Wire(call, model, path, content, note)


def _to_bytes(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
