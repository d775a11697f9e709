"""Answers from the caller's own cache, and good ones into it. Decisions only; the file is used by effect."""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import jiter

from ..usage import Usage
from .effects import Consult, Event
from .metering import exact_json, read_usage
from .readers import CONTENT_FIELDS
from .request import Call
from .surfaces import Surface

if TYPE_CHECKING:
    from ..cache import Entry

# Ends that make an answer worth keeping, where it holds anything. A refusal or an error is not: the next call may well
# get an answer.
_GOOD_ENDS: Final = frozenset({"stop", "length", "tool_calls", "function_call", "STOP", "MAX_TOKENS"})


class Memory:
    """What the cache knows of one call.

    Args:
        call: the logical call; its policy has a cache.
        origin: where it goes.
        fingerprint: tells one key from another, and is not the key.
    """

    def __init__(self, call: Call, *, origin: str, fingerprint: str) -> None:
        from ..cache import cache_key

        assert call.policy.cache is not None
        assert call.body is not None
        self._call = call
        self._shelf = call.policy.cache.shelf
        # With the model among its own `models`, a call asks the first of those first.
        body = {**call.body, "model": call.chain[0]} if call.place.surface is Surface.CHAT else call.body
        if call.routed is not None:
            # A route asks whom it stands for now: its table, its filters and the catalogue may be others tomorrow.
            body = {**body, "model": [call.model, *call.chain]}
        self._key = cache_key(origin, fingerprint, call.method, call.place.path, call.query, body)

    def look_up(self, now: float) -> Consult:
        """Return the effect that finds an `Entry` or None."""
        return Consult(functools.partial(self._shelf.lookup, self._key, now), blocks=True)

    def recall(self, entry: Entry | None) -> dict[str, Any] | None:
        """Return a stored answer as Python values, or None where it is none: then the call is made, and replaces it."""
        if entry is None:
            return None
        try:
            parsed = jiter.from_json(entry.body)
        except ValueError:
            return None
        return parsed if _is_good(self._call.place.surface, parsed) else None

    def keep(self, body: bytes, parsed: Any, served_by: str | None, cost: Decimal | None, now: float) -> Consult | None:
        """Return the effect that stores an answer, or None where it is not complete and good."""
        if not _is_good(self._call.place.surface, parsed):
            return None
        from ..cache import Entry

        entry = Entry(body, self._call.place.surface.value, served_by or "", cost, now)
        return Consult(functools.partial(self._shelf.store, self._key, entry, now), blocks=True)

    def keep_events(
        self, events: list[bytes], served_by: str | None, cost: Decimal | None, now: float
    ) -> Consult | None:
        """Return the effect that stores what a stream amounts to, or None where that can't be said exactly."""
        from .replay import assemble

        whole = assemble([jiter.from_json(event) for event in events], self._call.place.surface)
        if whole is None:
            return None
        return self.keep(json.dumps(whole, ensure_ascii=False).encode(), whole, served_by, cost, now)

    def replay(self, parsed: dict[str, Any]) -> list[Event]:
        """Return a stored answer as the events of a stream."""
        from .replay import as_events

        call = self._call
        asked = call.body is not None and isinstance(call.body.get("stream_options"), dict) and call.wants_usage
        events = [
            Event(json.dumps(event, ensure_ascii=False).encode(), event)
            for event in as_events(parsed, call.place.surface, asked)
        ]
        return [*events, Event(b"[DONE]")] if call.place.surface is Surface.CHAT else events


def without_bill(parsed: dict[str, Any]) -> dict[str, Any]:
    """Return a stored answer as a hit: its cost is 0, and what was left in the wallet is long out of date."""
    reply = dict(parsed)
    for name in ("usage", "usageMetadata"):
        usage = reply.get(name)
        if isinstance(usage, dict) and ("cost" in usage or "credits_remaining" in usage):
            reply[name] = {**usage, "cost": 0}
            reply[name].pop("credits_remaining", None)
    return reply


def usage_of_hit(entry: Entry) -> Usage:
    """Return the usage of a stored answer: its tokens as they were, its cost 0, for nothing was asked."""
    usage = read_usage((exact_json(entry.body),), {}, None)
    return replace(usage, cost=Decimal(0), cost_kind="billed", credits_remaining=None)


def is_cacheable(call: Call) -> bool:
    """Say whether the cache has anything to do with a call."""
    return call.policy.cache is not None and call.place.surface.full_policy and call.body is not None


def _is_good(surface: Surface, parsed: Any) -> bool:
    if not isinstance(parsed, dict):
        return False
    chat = surface is Surface.CHAT
    found = parsed.get("choices" if chat else "candidates")
    end, holds = ("finish_reason", _holds_message) if chat else ("finishReason", _holds_parts)
    return bool(found) and all(
        isinstance(one, dict) and one.get(end) in _GOOD_ENDS and holds(one) for one in found or ()
    )


def _holds_message(choice: dict[str, Any]) -> bool:
    message = choice.get("message")
    # A model that refuses once may well answer the next time.
    return (
        isinstance(message, dict) and not message.get("refusal") and any(message.get(name) for name in CONTENT_FIELDS)
    )


def _holds_parts(candidate: dict[str, Any]) -> bool:
    content = candidate.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    # The last event of a stream often has a part of no text.
    return any(part.get("text") or part.keys() - {"text", "thought"} for part in parts or () if isinstance(part, dict))
