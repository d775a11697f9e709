"""`/v1/responses`, as much of it as text needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .sse import Encoding
from .surface import About, Frame, FrameKind, Json, Surface, WrongRequest, first_message, money

_ROLES = {"developer": "system"}
_PASSED = {"temperature": "temperature", "top_p": "top_p", "max_output_tokens": "max_tokens"}


def to_chat(body: Json, model: str) -> Json:
    """A Responses request as a chat body."""
    given = body.get("input")
    if not given:
        raise WrongRequest("missing_parameter", "Missing required parameter: 'input'")
    messages: list[Json] = []
    if body.get("instructions"):
        messages.append({"role": "system", "content": body["instructions"]})
    for item in [{"role": "user", "content": given}] if isinstance(given, str) else given:
        role = item.get("role", "user")
        messages.append({"role": _ROLES.get(role, role), "content": _content(item.get("content"))})
    chat: Json = {"model": model, "messages": messages}
    chat.update({ours: body[theirs] for theirs, ours in _PASSED.items() if body.get(theirs) is not None})
    wanted = (body.get("text") or {}).get("format") or {}
    if wanted.get("type") == "json_schema":
        chat["response_format"] = {"type": "json_schema", "json_schema": {"schema": wanted.get("schema") or {}}}
    elif wanted.get("type") == "json_object":
        chat["response_format"] = {"type": "json_object"}
    return chat


def _content(content: Any) -> Any:
    if not isinstance(content, list):
        return content or ""
    return [
        {"type": "text", "text": part["text"]}
        if "text" in part
        else {"type": "image_url", "image_url": {"url": part.get("image_url", "")}}
        for part in content
    ]


def whole(completion: Json, about: About, usage: Json | None) -> Json:
    """A `response`."""
    message, finish = first_message(completion)
    return _response(about, [_message(about, message.get("content") or "", "completed")], finish, usage)


def _response(about: About, output: list[Json], finish: str | None, usage: Json | None) -> Json:
    cut = finish == "length"
    status = "in_progress" if finish is None else "incomplete" if cut else "completed"
    response: Json = {
        "id": about.reply_id.replace("chatcmpl", "resp"),
        "object": "response",
        "created_at": about.created,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "instructions": None,
        "metadata": {},
        "model": about.model,
        "output": output,
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
    }
    if usage is not None:
        response["usage"] = _usage(usage)
    return response


def _usage(usage: Json) -> Json:
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
    reasoning = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens", 0)
    return {
        "input_tokens": usage["prompt_tokens"],
        "input_tokens_details": {"cached_tokens": cached},
        "output_tokens": usage["completion_tokens"],
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": usage["total_tokens"],
        **money(usage),
    }


def _message(about: About, text: str, status: str) -> Json:
    content = [_part(text)] if text or status == "completed" else []
    item_id = about.reply_id.replace("chatcmpl", "msg")
    return {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": content}


def _part(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": []}


class ResponsesFrames:
    """Named events with running numbers, `response.completed` at the end."""

    def __init__(self, about: About, encoding: Encoding) -> None:
        self._about = about
        self._encoding = encoding
        self._text = ""
        self._number = 0
        self._place = {"item_id": about.reply_id.replace("chatcmpl", "msg"), "output_index": 0}

    def head(self) -> Iterator[Frame]:
        """The response and its only item are announced."""
        started = _response(self._about, [], None, None)
        yield self._event("head", "response.created", {"response": started})
        yield self._event("head", "response.in_progress", {"response": started})
        item = _message(self._about, "", "in_progress")
        yield self._event("head", "response.output_item.added", {"output_index": 0, "item": item})
        added = {**self._place, "content_index": 0, "part": _part("")}
        yield self._event("head", "response.content_part.added", added)

    def delta(self, index: int, delta: Json) -> Iterator[Frame]:
        """A piece of text; reasoning is left out."""
        if delta.get("content") and index == 0:
            self._text += delta["content"]
            said = {**self._place, "content_index": 0, "delta": delta["content"], "logprobs": []}
            yield self._event("content", "response.output_text.delta", said)

    def end(self, finishes: Mapping[int, str], usage: Json | None) -> Iterator[Frame]:
        """Everything is closed, from the inside out."""
        finish = finishes.get(0)
        if finish is None or not self._about.style.finish:
            return
        done = {**self._place, "content_index": 0}
        yield self._event("finish", "response.output_text.done", {**done, "text": self._text, "logprobs": []})
        yield self._event("finish", "response.content_part.done", {**done, "part": _part(self._text)})
        item = _message(self._about, self._text, "completed")
        yield self._event("finish", "response.output_item.done", {"output_index": 0, "item": item})
        response = _response(self._about, [item], finish, usage)
        yield self._event("done", f"response.{response['status']}", {"response": response})

    def _event(self, kind: FrameKind, name: str, value: Json) -> Frame:
        event = {"type": name, "sequence_number": self._number, **value}
        self._number += 1
        return kind, self._encoding.event(event, name)


RESPONSES = Surface("responses", to_chat, whole, ResponsesFrames)
