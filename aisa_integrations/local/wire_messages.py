"""`/v1/messages`, Anthropic's surface, as much of it as text needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .sse import Encoding
from .surface import About, Frame, FrameKind, Json, Surface, WrongRequest, first_message, money

_STOPS = {"length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}
_PASSED = {"temperature": "temperature", "top_p": "top_p", "max_tokens": "max_tokens", "stop_sequences": "stop"}


def to_chat(body: Json, model: str) -> Json:
    """A Messages request as a chat body."""
    given = body.get("messages")
    if not isinstance(given, list) or not given:
        raise WrongRequest("missing_parameter", "Missing required parameter: 'messages'")
    messages: list[Json] = []
    if body.get("system"):
        messages.append({"role": "system", "content": _content(body["system"])})
    messages += [{"role": message.get("role"), "content": _content(message.get("content"))} for message in given]
    chat: Json = {"model": model, "messages": messages}
    chat.update({ours: body[theirs] for theirs, ours in _PASSED.items() if body.get(theirs) is not None})
    return chat


def _content(content: Any) -> Any:
    if not isinstance(content, list):
        return content or ""
    return [
        {"type": "text", "text": part["text"]} if part.get("type") == "text" else {"type": "image_url"}
        for part in content
    ]


def whole(completion: Json, about: About, usage: Json | None) -> Json:
    """A `message`."""
    message, finish = first_message(completion)
    content = [{"type": "text", "text": message.get("content") or ""}]
    reply = _message(about, content, _STOPS.get(finish, "end_turn"))
    return reply if usage is None else {**reply, "usage": _usage(usage)}


def _message(about: About, content: list[Json], stop: str | None) -> Json:
    return {
        "id": about.reply_id.replace("chatcmpl", "msg"),
        "type": "message",
        "role": "assistant",
        "model": about.model,
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
    }


def _usage(usage: Json) -> Json:
    return {"input_tokens": usage["prompt_tokens"], "output_tokens": usage["completion_tokens"], **money(usage)}


class MessagesFrames:
    """Named events from `message_start` to `message_stop`; the usage is on `message_delta`."""

    def __init__(self, about: About, encoding: Encoding) -> None:
        self._about = about
        self._encoding = encoding

    def head(self) -> Iterator[Frame]:
        """The message and its only block are announced."""
        message = {**_message(self._about, [], None), "usage": {"input_tokens": 0, "output_tokens": 0}}
        yield self._event("head", "message_start", {"message": message})
        block = {"index": 0, "content_block": {"type": "text", "text": ""}}
        yield self._event("head", "content_block_start", block)

    def delta(self, index: int, delta: Json) -> Iterator[Frame]:
        """A piece of text; reasoning is left out."""
        if delta.get("content") and index == 0:
            said = {"index": 0, "delta": {"type": "text_delta", "text": delta["content"]}}
            yield self._event("content", "content_block_delta", said)

    def end(self, finishes: Mapping[int, str], usage: Json | None) -> Iterator[Frame]:
        """The block is closed, the reason and the usage are told, the message stops."""
        finish = finishes.get(0)
        if finish is None or not self._about.style.finish:
            return
        yield self._event("finish", "content_block_stop", {"index": 0})
        stop = {"delta": {"stop_reason": _STOPS.get(finish, "end_turn"), "stop_sequence": None}}
        told = stop if usage is None else {**stop, "usage": _usage(usage)}
        yield self._event("finish", "message_delta", told)
        yield self._event("done", "message_stop", {})

    def _event(self, kind: FrameKind, name: str, value: Json) -> Frame:
        return kind, self._encoding.event({"type": name, **value}, name)


MESSAGES = Surface("messages", to_chat, whole, MessagesFrames)
