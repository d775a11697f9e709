"""What a stream says so far: content, ends, errors and usage, for each surface's own events."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final

import jiter

from .effects import Event
from .error_forms import error_in
from .sse import EventDecoder
from .surfaces import Surface

_DONE: Final = b"[DONE]"
# What counts as content of a message, whole or in pieces.
CONTENT_FIELDS: Final = (
    "content",
    "reasoning_content",
    "reasoning",
    "refusal",
    "audio",
    "tool_calls",
    "function_call",
)


class StreamReader(ABC):
    """Read a stream's events as they come.

    Attributes:
        has_content: whether any content has come.
        error: the error object of an error event, or None; nothing after it is read.
        usage: the data of the events that hold usage, without those that a later one replaces.
        done: whether the surface's own last event has come.
        calls_tools: whether a part of a tool call has come.
        kept: the data of every JSON event, where that was asked for.
    """

    __slots__ = ("_decoder", "_hide_usage", "_text", "calls_tools", "done", "error", "has_content", "kept", "usage")

    def __init__(self, *, hide_usage: bool = False) -> None:
        self._decoder = EventDecoder()
        self._hide_usage = hide_usage
        self._text: list[str] = []
        self.has_content = False
        self.error: Any = None
        self.usage: list[bytes] = []
        self.done = False
        self.calls_tools = False
        self.kept: list[bytes] | None = None

    def feed(self, piece: bytes) -> list[Event]:
        """Return the events that are whole once this piece is added, up to an error event."""
        return self._accept_all(self._decoder.feed(piece))

    def skim(self, piece: bytes) -> bool:
        """Take in a piece if it is one plain event, whose very bytes an SDK may have; say whether it was."""
        return False

    def flush(self) -> list[Event]:
        """Return the event that the body ended in without a blank line, where it is whole all the same."""
        # A cut may leave half an event behind, which says nothing: what it means is judged by what came before.
        return self._accept_all([event for event in self._decoder.flush() if _is_whole(event[0])])

    @property
    def ended(self) -> bool:
        """Say whether the stream has come to an end of its own, so that a cut from here on loses nothing."""
        return self.done

    @property
    def is_amid(self) -> bool:
        """Say whether a part of an event has come."""
        return self._decoder.is_amid

    @property
    def partial(self) -> str:
        """Return the text that has come so far."""
        return "".join(self._text)

    def _accept_all(self, raw_events: list[tuple[bytes, bytes | None]]) -> list[Event]:
        # Once for every chunk of every stream: one loop, and no call that can be spared.
        events: list[Event] = []
        for data, name in raw_events if self.error is None else ():
            if data[:6] == _DONE:
                self.done = True
                events.append(Event(data, None, False, name))
                continue
            parsed = _parsed(data)
            if not isinstance(parsed, dict):
                self.error = _malformed("an event of the stream is not JSON")
                break
            if self.kept is not None:
                self.kept.append(data)
            if b'"usage' in data:
                self._note_usage(data, parsed)
            hidden = self._read(parsed)
            if self.error is not None:
                break
            events.append(Event(data, parsed, hidden, name))
        return events

    def _note_usage(self, data: bytes, event: dict[str, Any]) -> None:
        # `"usage": null` or `{}` stands in many a chunk, and must not replace what one before it said.
        if any(event.get(key) and isinstance(event[key], dict) for key in ("usage", "usageMetadata")):
            self.usage = [data]

    @abstractmethod
    def _read(self, event: dict[str, Any]) -> bool:
        """Take in one event; return whether the caller must not see it."""


class ChatReader(StreamReader):
    """Read chat completion chunks, the gateway's loose forms included."""

    __slots__ = ("_finished", "_seen")

    def __init__(self, *, hide_usage: bool = False) -> None:
        super().__init__(hide_usage=hide_usage)
        self._seen: set[int] = set()
        self._finished: set[int] = set()

    @property
    def ended(self) -> bool:
        """Say whether `[DONE]` came after a choice, or a finish reason for every choice seen."""
        return bool(self._seen) and (self.done or self._seen <= self._finished)

    def skim(self, piece: bytes) -> bool:
        """Take in a piece that only goes on with a choice begun before: nearly every chunk is one."""
        if self.kept is not None or b'"usage' in piece or not self._decoder.is_one_event(piece):
            return False
        event = _parsed(piece[6:])
        choices = event.get("choices") if isinstance(event, dict) and not event.get("error") else None
        choice = choices[0] if isinstance(choices, list) and len(choices) == 1 else None
        # Step by step: a `match` on mappings takes ten times as long.
        if not isinstance(choice, dict) or choice.get("finish_reason") or choice.get("index", 0) not in self._seen:
            return False
        delta = choice.get("delta")
        if not isinstance(delta, dict) or "tool_calls" in delta or "function_call" in delta or self.error is not None:
            return False
        text = delta.get("content")
        if isinstance(text, str) and text:
            self._text.append(text)
            self.has_content = True
            return True
        return False

    def _read(self, event: dict[str, Any]) -> bool:
        if event.get("error"):
            self.error = error_in(event)
            return False
        choices = event.get("choices")
        if not choices:
            return self._hide_usage and isinstance(event.get("usage"), dict)
        for choice in choices if isinstance(choices, list) else ():
            if not isinstance(choice, dict):
                self.error = _malformed("a choice of the stream is no object")
                return False
            index = _index_of(choice)
            self._seen.add(index)
            self._read_delta(choice.get("delta"))
            reason = choice.get("finish_reason")
            if reason == "error":
                self.error = {"code": "finish_reason_error", "message": "the model ended with finish_reason 'error'"}
            elif reason:
                self._finished.add(index)
        return False

    def _read_delta(self, delta: Any) -> None:
        if not isinstance(delta, dict):
            return
        text = delta.get("content")
        if isinstance(text, str) and text:
            self._text.append(text)
            self.has_content = True
            self.calls_tools = self.calls_tools or bool(delta.get("tool_calls") or delta.get("function_call"))
        elif not (self.has_content and self.calls_tools) and any(delta.get(field) for field in CONTENT_FIELDS):
            self.has_content = True
            self.calls_tools = self.calls_tools or bool(delta.get("tool_calls") or delta.get("function_call"))


# google-genai 3.0 cuts lines wherever `str.splitlines` does, and so in the middle of a text that holds one of these.
_LINE_ENDS: Final = ((b"\xc2\x85", rb"\u0085"), (b"\xe2\x80\xa8", rb"\u2028"), (b"\xe2\x80\xa9", rb"\u2029"))


def _on_one_line(data: bytes) -> bytes:
    if not data.isascii():
        for raw, escaped in _LINE_ENDS:
            data = data.replace(raw, escaped)
    return data


class GeminiReader(StreamReader):
    """Read the events of `streamGenerateContent`."""

    __slots__ = ("_blocked", "_finished", "_seen")

    def __init__(self, *, hide_usage: bool = False) -> None:
        super().__init__(hide_usage=hide_usage)
        self._blocked = False
        self._seen: set[int] = set()
        self._finished: set[int] = set()

    @property
    def ended(self) -> bool:
        """Say whether a finish reason for every candidate seen, or a blocked prompt, has come."""
        return self._blocked or (bool(self._seen) and self._seen <= self._finished)

    def _accept_all(self, raw_events: list[tuple[bytes, bytes | None]]) -> list[Event]:
        # google-genai takes `[DONE]` and an event's name, which are no part of Gemini's own streams, for broken JSON.
        events = super()._accept_all([(_on_one_line(data), None) for data, _ in raw_events])
        return [event for event in events if event.json is not None]

    def _read(self, event: dict[str, Any]) -> bool:
        if event.get("error"):
            self.error = error_in(event)
            return False
        feedback = event.get("promptFeedback")
        if isinstance(feedback, dict) and feedback.get("blockReason"):
            self._blocked = True
        candidates = event.get("candidates")
        for candidate in candidates if isinstance(candidates, list) else ():
            if not isinstance(candidate, dict):
                self.error = _malformed("a candidate of the stream is no object")
                return False
            index = _index_of(candidate)
            self._seen.add(index)
            content = candidate.get("content")
            parts = content.get("parts") if isinstance(content, dict) else None
            for part in parts if isinstance(parts, list) else ():
                self.has_content = True
                if isinstance(part, dict) and isinstance(part.get("text"), str) and not part.get("thought"):
                    self._text.append(part["text"])
            if candidate.get("finishReason"):
                self._finished.add(index)
        return False


class ResponsesReader(StreamReader):
    """Read the events of `/v1/responses`, which are passed on as they are."""

    __slots__ = ()

    def _note_usage(self, data: bytes, event: dict[str, Any]) -> None:
        response = event.get("response")
        if isinstance(response, dict) and isinstance(response.get("usage"), dict):
            self.usage = [data]

    def _read(self, event: dict[str, Any]) -> bool:
        kind = event.get("type")
        if kind == "error" or (kind is None and event.get("error")):
            self.error = error_in(event) or event
            return False
        self.has_content = True
        if kind in ("response.completed", "response.failed", "response.incomplete"):
            self.done = True
        elif kind == "response.output_text.delta" and isinstance(event.get("delta"), str):
            self._text.append(event["delta"])
        return False


class MessagesReader(StreamReader):
    """Read the events of Anthropic's `/v1/messages`, which are passed on as they are."""

    __slots__ = ()

    def _note_usage(self, data: bytes, event: dict[str, Any]) -> None:
        # The first event says the prompt's tokens, the last one the answer's.
        self.usage.append(data)

    def _read(self, event: dict[str, Any]) -> bool:
        kind = event.get("type")
        if kind == "error" or (kind is None and event.get("error")):
            self.error = error_in(event) or event
            return False
        self.has_content = True
        delta = event.get("delta")
        if kind == "message_stop":
            self.done = True
        elif isinstance(delta, dict) and isinstance(delta.get("text"), str):
            self._text.append(delta["text"])
        return False


_READERS: Final[dict[Surface, Callable[..., StreamReader]]] = {
    Surface.CHAT: ChatReader,
    Surface.GEMINI: GeminiReader,
    Surface.RESPONSES: ResponsesReader,
    Surface.MESSAGES: MessagesReader,
}


def _index_of(piece: dict[str, Any]) -> int:
    # The skill's own chunks lack the index of a choice, and Gemini leaves a 0 out: an absent one is the first.
    index = piece.get("index")
    return index if isinstance(index, int) else 0


def _malformed(words: str) -> dict[str, str]:
    return {"code": "not_json", "message": words}


def _parsed(data: bytes) -> Any:
    try:
        return jiter.from_json(data)
    except ValueError:
        return None


def _is_whole(data: bytes) -> bool:
    return data.startswith(_DONE) or isinstance(_parsed(data), dict)


def reader_for(surface: Surface, *, hide_usage: bool = False, keep: bool = False) -> StreamReader | None:
    """Return a reader of the surface's streams, or None where the surface has none that we know.

    Args:
        surface: whose events they are.
        hide_usage: whether usage was asked for by the library alone.
        keep: whether the data of every event is kept.
    """
    kind = _READERS.get(surface)
    if kind is None:
        return None
    reader = kind(hide_usage=hide_usage)
    reader.kept = [] if keep else None
    return reader
