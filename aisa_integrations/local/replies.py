"""Replies that are no model's answer: refusals, the list of models, the balance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from .account import Account
from .connection import Header
from .exact_json import dumps
from .faults_http import BAD_KEY_BODY, NO_KEY_BODY, NO_KEY_HEADERS, WALLET_EMPTY_BODY, docs_error, skill_error

JSON = b"application/json"
_MICROS = Decimal(1_000_000)


@dataclass(slots=True)
class Reply(Exception):
    """A whole HTTP reply, raised to answer at once from anywhere below the app."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: tuple[Header, ...] = ()


def _refusal(status: int, body: Mapping[str, Any], *headers: Header) -> Reply:
    return Reply(status, dumps(body), JSON, headers)


def not_found() -> Reply:
    """A route that the gateway does not have (errors, 5)."""
    return Reply(404, b"404 page not found", b"text/plain; charset=utf-8")


def no_key() -> Reply:
    """A request without any key (errors, 7): a 402, not a 401."""
    headers = tuple((name.lower().encode(), value.encode()) for name, value in NO_KEY_HEADERS)
    return Reply(402, dumps(NO_KEY_BODY), b"application/problem+json", headers)


def bad_key() -> Reply:
    """A key that is not this gateway's (errors, 1)."""
    return _refusal(401, BAD_KEY_BODY)


def wallet_empty() -> Reply:
    """The account's balance is used up (errors, 8)."""
    return _refusal(402, WALLET_EMPTY_BODY)


def unknown_model(model: str) -> Reply:
    """A model that is not served (errors, 1)."""
    return _refusal(404, skill_error("model_not_found", f"Model '{model}' is not available"))


def wrong_request(code: str, message: str) -> Reply:
    """A request that makes no sense (errors, 2)."""
    return _refusal(400, docs_error("invalid_request_error", code, message))


def rate_limited(retry_after: int) -> Reply:
    """The key's limits are reached (errors, 2; limits)."""
    body = docs_error("rate_limit_error", "rate_limit_exceeded", "Rate limit exceeded")
    return _refusal(429, body, (b"retry-after", b"%d" % retry_after))


def served(models: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """What is really served: an id that only the skill's text names is taken to be gone."""
    return {
        entry["id"]: entry for entry in models if entry.get("seen_in") != ["skill"] and "unavailable_as_of" not in entry
    }


def _openai_model(entry: Mapping[str, Any]) -> dict[str, Any]:
    endpoints = {"chat": "openai", "embedding": "embeddings", "rerank": "jina-rerank", "image": "image-generation"}
    types = [endpoints.get(entry.get("kind", "chat"), "openai")]
    if entry.get("family") == "Gemini":
        types.append("gemini")
    owner = str(entry.get("developer", "local")).lower()
    return {
        "id": entry["id"],
        "object": "model",
        "created": 1735689600,
        "owned_by": owner,
        "supported_endpoint_types": types,
    }


def _gemini_model(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": f"models/{entry['id']}",
        "displayName": entry["id"],
        "inputTokenLimit": entry.get("context_tokens", 0),
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    }


def model_list(models: Mapping[str, Mapping[str, Any]], *, gemini: bool) -> Reply:
    """`GET /v1/models`, or its Gemini form under `/v1beta`."""
    if gemini:
        return Reply(200, dumps({"models": [_gemini_model(entry) for entry in models.values()]}))
    return Reply(200, dumps({"object": "list", "data": [_openai_model(entry) for entry in models.values()]}))


def one_model(models: Mapping[str, Mapping[str, Any]], model: str, *, gemini: bool) -> Reply:
    """`GET /v1/models/{id}`."""
    entry = models.get(model)
    if entry is None:
        return unknown_model(model)
    return Reply(200, dumps(_gemini_model(entry) if gemini else _openai_model(entry)))


def balance(account: Account, now: float) -> Reply:
    """`GET /v1/credits/balance`, in the shape seen in 2026-08."""
    left, used = int(account.balance * _MICROS), int(account.spent * _MICROS)
    as_of = datetime.fromtimestamp(now, UTC)
    return Reply(
        200,
        dumps(
            {
                "currency": "USD",
                "account_balance_micros_usd": left,
                "available_balance_micros_usd": left,
                "api_key": {"unlimited": True, "remaining_micros_usd": left, "used_micros_usd": used},
                "as_of": as_of.isoformat(timespec="seconds").replace("+00:00", "Z"),
            }
        ),
    )
