"""What makes two requests the same: one key over everything that the answer depends on, and nothing else."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any, Final
from urllib.parse import parse_qsl

from ..settings import ApiKey

# How an answer travels, not what it says: plain and streaming calls share entries.
_ABOUT_TRANSPORT: Final = frozenset({"stream", "stream_options"})
# What other vendors' clients put into the query; it is not sent, and a key must not be in here anyhow.
_NOT_SENT: Final = frozenset({"key", "api_key", "access_token"})
_SALT: Final = b"aisa_integrations cache"


def key_fingerprint(key: ApiKey) -> str:
    """Return what tells one API key from another and can't be turned back into it."""
    return hmac.new(_SALT, key.reveal().encode(), hashlib.sha256).hexdigest()


def cache_key(
    origin: str, key_fingerprint: str, method: str, path: str, query: str | bytes, body: dict[str, Any]
) -> str:
    """Return the key of a request, as 64 hex digits.

    Members may stand in any order. Values must be the same JSON: 1, 1.0, "1" and true are four different values, since
    a false miss costs one call and a false hit gives a wrong answer. `stream` and `stream_options` are left out, as is
    how Gemini's path and query ask for a stream. Of a chain in `models` the first id asked counts, with or without
    the rest: the rest says what to do about failures, not what is asked. An answer says who gave it (`served_by`).

    Args:
        origin: where it goes.
        key_fingerprint: of the API key, from `key_fingerprint()`.
        method: the HTTP method.
        path: without the query.
        query: without `?`.
        body: the JSON object that is sent, or its Python values.
    """
    asked = {name: value for name, value in body.items() if name not in _ABOUT_TRANSPORT and name != "models"}
    chain = body.get("models")
    if asked.get("model") is None and isinstance(chain, list) and chain:
        asked["model"] = chain[0]
    whole = [origin, key_fingerprint, method.upper(), _plain(path), _pairs(query), asked]
    return hashlib.sha256(_canonical(whole)).hexdigest()


def _plain(path: str) -> str:
    root, verb, rest = path.rpartition(":streamGenerateContent")
    return f"{root}:generateContent" if verb and not rest else path


def _pairs(query: str | bytes) -> list[tuple[str, str]]:
    text = query.decode("latin-1") if isinstance(query, bytes) else query
    pairs = parse_qsl(text, keep_blank_values=True)
    return sorted(pair for pair in pairs if pair != ("alt", "sse") and pair[0] not in _NOT_SENT)


def _canonical(value: Any) -> bytes:
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    except TypeError:
        # Python values with keys of several kinds, which have no order before they are JSON.
        text = json.dumps(json.loads(json.dumps(value)), sort_keys=True, separators=(",", ":"))
    return text.encode("ascii")
