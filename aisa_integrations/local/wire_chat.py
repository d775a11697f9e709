"""`/v1/chat/completions`: the surface that all others are translated to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .sse import Encoding
from .surface import About, Frame, Json, Surface, WrongRequest


def to_chat(body: Json, model: str) -> Json:
    """The body itself, when it has messages."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(message, dict) for message in messages):
        raise WrongRequest("missing_parameter", "Missing required parameter: 'messages'")
    if not isinstance(body.get("stream_options") or {}, dict):
        raise WrongRequest("invalid_request", "Invalid type for 'stream_options': an object was expected")
    return body


def whole(completion: Json, about: About, usage: Json | None) -> Json:
    """A `chat.completion`."""
    reply: Json = {
        "id": about.reply_id,
        "object": "chat.completion",
        "created": about.created,
        "model": about.model,
        "system_fingerprint": about.fingerprint,
        "choices": completion["choices"],
    }
    if usage is not None:
        reply["usage"] = usage
    if about.style.error_null:
        reply["error"] = None
    return reply


class ChatFrames:
    """`chat.completion.chunk` events: the role first, then content, then the finish reasons in chunks of their own."""

    def __init__(self, about: About, encoding: Encoding) -> None:
        self._style = about.style
        self._wants_usage = about.wants_usage
        self._encoding = encoding
        self._shell: Json = {
            "id": about.reply_id,
            "object": "chat.completion.chunk",
            "created": about.created,
            "model": about.model,
            "system_fingerprint": about.fingerprint,
        }
        if about.style.error_null:
            self._shell["error"] = None
        # To put something on the last content chunk, each one must wait for the next.
        self._holds = about.style.usage_on == "last" or about.style.finish_with_content
        self._held: tuple[int, Json] | None = None

    def head(self) -> Iterator[Frame]:
        """The chunk with the role."""
        content = None if self._style.null_first else ""
        yield "head", self._event(self._choice(0, {"role": "assistant", "content": content}, None))

    def delta(self, index: int, delta: Json) -> Iterator[Frame]:
        """A chunk of content."""
        chunk = self._choice(index, delta, None)
        if not self._holds:
            yield "content", self._event(chunk)
            return
        if self._held is not None:
            yield "content", self._event(self._held[1])
        self._held = (index, chunk)

    def end(self, finishes: Mapping[int, str], usage: Json | None) -> Iterator[Frame]:
        """The rest, in the form that the style asks for."""
        left = dict(finishes) if self._style.finish else {}
        placed = False
        if self._held is not None:
            index, chunk = self._held
            if self._style.finish_with_content:
                chunk["choices"][0]["finish_reason"] = left.pop(index, None)
            if self._style.usage_on == "last" and usage is not None:
                chunk["usage"], placed = usage, True
            yield "content", self._event(chunk)
        for index, reason in left.items():
            yield "finish", self._event(self._choice(index, {}, reason))
        asked = self._style.usage_on == "own" or (self._style.usage_on == "asked" and self._wants_usage)
        if asked and usage is not None and not placed:
            yield "finish", self._event({"choices": [], "usage": usage})
        if self._style.done:
            yield "done", self._encoding.event(b"[DONE]")

    def _choice(self, index: int, delta: Json, finish: str | None) -> Json:
        choice: Json = {"index": index} if self._style.index else {}
        return {"choices": [{**choice, "delta": delta, "finish_reason": finish}]}

    def _event(self, rest: Json) -> bytes:
        return self._encoding.event({**self._shell, **rest})


CHAT = Surface("chat", to_chat, whole, ChatFrames)
