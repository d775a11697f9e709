"""What a failure looks like to the face that called: words, and an error body in the shape of its surface."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

import jiter

from ..catalogue import catalogue
from ..usage import Attempt
from .causes import Cause
from .effects import Event
from .surfaces import Surface
from .verdict import Verdict

# `or_fallbacks` is left out where no other model would be asked, whatever fallbacks are named.
_NEXT_STEP: Final = {
    Cause.AUTH: "Check the key (AISA_API_KEY, or api_key=…).",
    Cause.NOT_ALLOWED: "Use another model{or_fallbacks}.",
    Cause.CREDITS: "Top up the wallet, or use a model that your balance does not gate.",
    Cause.QUOTA: "The key has reached its own spend cap: raise it, or use another key; waiting does not help.",
    Cause.RATE_LIMIT: "Ask again later{or_fallbacks}.",
    Cause.KEY_RATE_LIMIT: "The key's limit is spent for now, for every model: ask again after the reset.",
    Cause.NOT_FOUND: "Check base_url: the gateway has no such route.",
    Cause.CONTEXT_WINDOW: "Shorten the prompt, or name a fallback with a larger window.",
    Cause.PARAMETER: "Leave the parameter out for this model{or_fallbacks}.",
    Cause.BAD_REQUEST: "Change the request as these words say: no other model would take it.",
    Cause.CONTENT_POLICY: "Change what the request says, or use another model.",
    Cause.CONNECT: "Check the network, the proxy and base_url.",
    Cause.TIMEOUT: "Raise timeout=…{or_fallbacks}.",
    Cause.CONNECTION_LOST: "Ask again{or_fallbacks}.",
    Cause.SERVER_ERROR: "Ask again{or_fallbacks}.",
    Cause.NOT_JSON: "Ask again{or_fallbacks}; check that base_url is the gateway.",
    Cause.NO_ANSWER: "Ask again{or_fallbacks}.",
    Cause.NOT_A_STREAM: "Ask again{or_fallbacks}; or ask without stream.",
    Cause.CUT: "Ask again{or_fallbacks}.",
    Cause.REDIRECT: "Check base_url.",
    Cause.ALL_MODELS_FAILED: "Each line says why; ask again, or name other fallbacks=[…].",
    Cause.BUDGET: "Nothing was sent.",
    Cause.OVER_CAP: "Nothing was sent.",
    Cause.LIVE_FORBIDDEN: "Use a local gateway (base_url=…, AISA_BASE_URL) or play a cassette.",
    Cause.INTERRUPTED: "What had come is in `partial`; ask again for the rest.",
}
_GOOGLE_STATUS: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def suggestions(verdict: Verdict, model: str | None) -> tuple[str, ...]:
    """Return ids of the catalogue close to a model that is not served."""
    return catalogue().suggest(model) if verdict.cause is Cause.MODEL_NOT_FOUND and model else ()


def explain(
    verdict: Verdict, model: str | None, attempts: Sequence[Attempt] = (), surface: Surface = Surface.CHAT
) -> str:
    """Say what happened, with which model, and what to do next; with several models, list each attempt."""
    if verdict.cause is Cause.ALL_MODELS_FAILED:
        return f"{verdict.message} {_NEXT_STEP[verdict.cause]}" + _lines(attempts)
    close = suggestions(verdict, model)
    several = len({attempt.model for attempt in attempts}) > 1
    fallbacks = f", or name {'other ' if several else ''}fallbacks=[…]" if surface.full_policy else ""
    next_step = _NEXT_STEP.get(verdict.cause, "").format(or_fallbacks=fallbacks)
    if verdict.seen is None and verdict.cause in (Cause.MODEL_NOT_FOUND, Cause.BAD_REQUEST):
        next_step = ""  # not sent: our own words say already what to do
    elif verdict.cause is Cause.MODEL_NOT_FOUND:
        next_step = f"Close matches: {', '.join(close)}." if close else "GET /v1/models lists what is served."
    elif verdict.retry_after:
        who = "Your own limits say" if verdict.code == "client_rate_limit" else "The gateway says"
        next_step += f" {who} to wait {math.ceil(verdict.retry_after * 10) / 10:g} s."
    message = verdict.message.rstrip()
    words = message if message.endswith((".", "!", "?")) else f"{message}."
    # With several models the words are the last one's, and the lines below say whose.
    where = f" [{model}]" if model and not several and not _names(message, model) else ""
    text = " ".join(part for part in (f"{words}{where}", next_step) if part)
    return text + _lines(attempts) if several else text


def _names(message: str, model: str) -> bool:
    # As a word of its own: a text on `gpt-4o-mini` does not name `gpt-4o`.
    return re.search(rf"(?<![\w./-]){re.escape(model)}(?![\w/-]|\.\w)", message) is not None


def _lines(attempts: Sequence[Attempt]) -> str:
    return "".join(f"\n  {line(attempt)}" for attempt in attempts)


def line(attempt: Attempt) -> str:
    """Return one attempt as a line: model, status, cause."""
    unsent = attempt.cause in (Cause.BUDGET, Cause.OVER_CAP, Cause.LIVE_FORBIDDEN)
    status = f"status {attempt.status}" if attempt.status is not None else "not sent" if unsent else "no reply"
    return f"{attempt.model or 'the gateway'}: {status}, {attempt.cause or 'answered'}"


@functools.lru_cache(maxsize=256)  # the same few ids, twice for every call
def header_id(model: str) -> str:
    """Return a model's id as a header can hold it: what would end the value, or is no ASCII, as in a URL."""
    return quote(model, safe="/-._~:@+()[]{}!*'&=$")


def header_line(attempt: Attempt) -> str:
    """Return one attempt as it stands in the `x-aisa-attempts` header."""
    parts = [header_id(attempt.model)]
    if attempt.status is not None:
        parts.append(f"status={attempt.status}")
    if attempt.cause is not None:
        parts.append(f"cause={attempt.cause}")
    parts.append(f"ms={attempt.latency * 1000:.0f}")
    return ";".join(parts)


def error_object(
    surface: Surface,
    gemini_shape: bool,
    verdict: Verdict,
    model: str | None,
    attempts: Sequence[Attempt],
    partial: str | None = None,
) -> dict[str, Any]:
    """Return the error in the shape of the surface, with the gateway's own unknown fields kept."""
    message = explain(verdict, model, attempts, surface)
    extra: dict[str, Any] = {"reason": verdict.code}
    if len(attempts) > 1:
        extra["attempts"] = [line(attempt) for attempt in attempts]
    if partial is not None:
        extra["partial"] = partial
    original = dict(verdict.error or {})
    if gemini_shape:
        given = original.get("details")
        details = [*(given if isinstance(given, list) else []), {k: v for k, v in extra.items() if v is not None}]
        status = original.get("status")
        name = status if isinstance(status, str) and status.isupper() else _GOOGLE_STATUS.get(verdict.status)
        return {
            **original,
            "code": verdict.status,
            "message": message,
            "status": name or ("INTERNAL" if verdict.status >= 500 else "FAILED_PRECONDITION"),
            "details": details,
        }
    kind = original.get("type")
    shaped = {"type": kind if isinstance(kind, str) and kind else verdict.cause.value, "param": None}
    if verdict.request_id is not None:
        shaped["request_id"] = verdict.request_id
    extra.pop("reason")
    return {**original, **shaped, "param": original.get("param"), "code": verdict.code, "message": message, **extra}


def error_body(
    surface: Surface, gemini_shape: bool, verdict: Verdict, model: str | None, attempts: Sequence[Attempt]
) -> bytes:
    """Return the body of an error reply, as the SDK of the surface reads it."""
    error = error_object(surface, gemini_shape, verdict, model, attempts)
    body: dict[str, Any] = {"error": error}
    if surface is Surface.MESSAGES:
        body = {"type": "error", "error": error}
    return json.dumps(body, ensure_ascii=False, default=_written).encode()


def _written(value: Any) -> float | str:
    return float(value) if isinstance(value, jiter.LosslessFloat) else str(value)


def error_event(
    surface: Surface, verdict: Verdict, model: str | None, attempts: Sequence[Attempt], partial: str
) -> Event:
    """Return the event that tells the SDK of the surface of a broken stream, with what had come in it."""
    error = error_object(surface, surface is Surface.GEMINI, verdict, model, attempts, partial)
    body: dict[str, Any] = {"error": error}
    name = None
    if surface in (Surface.RESPONSES, Surface.MESSAGES):
        name = b"error"
        body = {"type": "error", "code": error["code"], "message": error["message"], "param": None, "error": error}
    # google-genai tells an error by the text it begins with, `{"error":`, after dumping the event again.
    # In ASCII, for its 3.0 cuts lines at every line end of Unicode, and what had come may hold one.
    return Event(json.dumps(body, default=str).encode(), body, name=name)
