"""How a stream is written down: server-sent events in all forms of the gateway, or Gemini's JSON array."""

from __future__ import annotations

from typing import Any, Protocol

from .exact_json import dumps
from .script import Style


class Encoding(Protocol):
    """Turns the values of a stream into bytes."""

    content_type: bytes

    def event(self, value: Any, name: str | None = None) -> bytes:
        """One event."""

    def comment(self, text: str) -> bytes:
        """Something that every client skips."""

    def end(self) -> bytes:
        """What closes a stream that ends in good order."""


class EventStream:
    """`text/event-stream` in the form that a style asks for."""

    content_type = b"text/event-stream; charset=utf-8"

    def __init__(self, style: Style) -> None:
        self._newline = b"\r\n" if style.crlf else b"\n"
        self._data = b"data: " if style.space else b"data:"
        self._before = self.comment("keep-alive") if style.comments else b""

    def event(self, value: Any, name: str | None = None) -> bytes:
        """One event; a `bytes` value is written as it is."""
        data = value if isinstance(value, bytes) else dumps(value)
        head = b"event: " + name.encode() + self._newline if name else b""
        return self._before + head + self._data + data + self._newline * 2

    def comment(self, text: str) -> bytes:
        """A comment line."""
        return b": " + text.encode() + self._newline * 2

    def end(self) -> bytes:
        """Nothing: an event stream just ends."""
        return b""


class JsonArray:
    """What Gemini streams when `alt=sse` is missing: one JSON array, element by element."""

    content_type = b"application/json; charset=utf-8"

    def __init__(self) -> None:
        self._separator = b"["

    def event(self, value: Any, name: str | None = None) -> bytes:
        """One element."""
        data = self._separator + dumps(value)
        self._separator = b",\r\n"
        return data

    def comment(self, text: str) -> bytes:
        """White space: JSON has no comments."""
        return b"\n" if self._separator != b"[" else b" "

    def end(self) -> bytes:
        """The closing bracket."""
        return b"]" if self._separator != b"[" else b"[]"
