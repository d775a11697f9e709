"""The gateway's surfaces, told apart by method and path alone."""

from __future__ import annotations

import re
from collections.abc import Container
from enum import Enum
from typing import NamedTuple
from urllib.parse import quote, unquote


class Surface(Enum):
    """Name a part of the gateway, by how its replies are shaped and how far the policy goes there."""

    CHAT = "chat"
    GEMINI = "gemini"
    RESPONSES = "responses"
    MESSAGES = "messages"
    JSON = "json"
    OTHER = "other"

    @property
    def full_policy(self) -> bool:
        """Say whether every part of the policy holds here: fallback, rounds, usage asked for."""
        return self in (Surface.CHAT, Surface.GEMINI)


class Place(NamedTuple):
    """Where a request goes.

    Args:
        surface: which shape its reply has.
        path: the path as sent, such as `/v1/chat/completions`.
        model: the model in the path (Gemini), or None.
        streams: whether the path itself asks for a stream (Gemini).
        metered: whether a reply here can cost money.
    """

    surface: Surface
    path: str
    model: str | None = None
    streams: bool = False
    metered: bool = True

    def with_model(self, model: str) -> str:
        """Return the path that asks another model."""
        if self.model is None:
            return self.path
        found = _GEMINI.match(self.path)
        if found is None:  # pragma: no cover - a place with a model was made by this very pattern
            return self.path
        return f"{found['root']}{quote(model, safe='/-._~')}{found['verb']}"


# Answered in JSON of one shape or another: vectors, lists, a balance, a count. Anything else may be audio or a file.
_JSON = re.compile(r"/v1(?:beta)?/models(?:/.*)?$|/v1/(?:embeddings|rerank|images/generations|credits/balance)$")
_GEMINI = re.compile(r"(?P<root>/v1(?:beta)?/models/)(?P<model>.+)(?P<verb>:(?P<name>\w+))$")
_BY_PATH = {
    place.path: place
    for place in (
        Place(Surface.CHAT, "/v1/chat/completions"),
        Place(Surface.RESPONSES, "/v1/responses"),
        Place(Surface.MESSAGES, "/v1/messages"),
    )
}


def _beside(path: str) -> Surface:
    return Surface.JSON if _JSON.match(path) else Surface.OTHER


def locate(method: str, path: str) -> Place:
    """Tell the surface of a request from its method and its path without the query."""
    if method == "POST":
        place = _BY_PATH.get(path)
        if place is not None:
            return place
        found = _GEMINI.match(path)
        if found is not None:
            name, model = found["name"], unquote(found["model"])
            if name in ("generateContent", "streamGenerateContent"):
                return Place(Surface.GEMINI, path, model=model, streams=name == "streamGenerateContent")
            return Place(_beside(path), path, metered=name != "countTokens")
        return Place(_beside(path), path)
    return Place(_beside(path), path, metered=False)


def speaks_gemini(path: str, headers: Container[str]) -> bool:
    """Say whether an error must have Gemini's shape to be understood: by the path, or where both ask, by who asks."""
    # google-genai names itself on every request; `GET /v1/models` is asked by openai too.
    return path.startswith("/v1beta/") or _GEMINI.match(path) is not None or "x-goog-api-client" in headers
