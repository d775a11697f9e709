"""A logical call as it was asked, and the requests it becomes on the wire: pure reading and rewriting."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import jiter

from ..catalogue import catalogue
from ..errors import AisaError
from ..policy import Policy
from ..settings import ApiKey
from .chain import NO_CAPS, Chain, chain_of
from .surfaces import Place, Surface

if TYPE_CHECKING:
    from ..routing import RouteDecision

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


class Call(NamedTuple):
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
    caps: Mapping[str, Decimal] = NO_CAPS
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


class Wire(NamedTuple):
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
    body = None
    if content and place.metered:
        try:
            body = jiter.from_json(content)
        except ValueError:
            body = None
    body = body if isinstance(body, dict) else None
    return _call(place, method, query, headers, content, body, timeouts, policy)


def read_chat(body: dict[str, Any], *, headers: Any, timeouts: dict[str, float | None], policy: Policy) -> Call:
    """Read a chat call that was given as Python values, without turning them to bytes and back.

    Raises:
        TypeError, ValueError: the body cannot be written as JSON, which has no NaN.
    """
    return _call(_CHAT_PLACE, "POST", b"", headers, _to_bytes(body, allow_nan=False), body, timeouts, policy)


_CHAT_PLACE: Final = Place(Surface.CHAT, "/v1/chat/completions")


def _call(
    place: Place,
    method: str,
    query: bytes,
    headers: Any,
    content: bytes | None,
    body: dict[str, Any] | None,
    timeouts: dict[str, float | None],
    policy: Policy,
) -> Call:
    problem = None
    try:
        chain = chain_of(place, body, policy, repeatable=content is not None)
    except AisaError as error:
        named = body.get("model") if body is not None else None
        model = named if isinstance(named, str) else place.model
        chain, problem = Chain(model, (model,)), error
    streams, wants_usage = place.streams, True
    if body is not None and place.surface is not Surface.GEMINI:
        streams = body.get("stream") is True
        if place.surface is Surface.CHAT:
            if "models" in body:
                # Ours alone: the gateway does not know it.
                body = {key: value for key, value in body.items() if key != "models"}
                content = _to_bytes(body)
            options = body.get("stream_options") or {}
            # What is no object is the caller's mistake, and the gateway's to refuse.
            wants_usage = not streams or not isinstance(options, dict) or options.get("include_usage") is True
    return Call(
        place=place,
        method=method,
        query=query,
        headers=headers,
        content=content,
        body=body,
        model=chain.model,
        chain=chain.ids,
        streams=streams,
        timeouts=timeouts,
        policy=policy,
        wants_usage=wants_usage,
        problem=problem,
        caps=chain.caps,
        routed=chain.routed,
    )


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


def _to_bytes(body: dict[str, Any], *, allow_nan: bool = True) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=allow_nan).encode()
