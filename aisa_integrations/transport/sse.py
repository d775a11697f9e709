"""Server-sent events: bytes in any pieces to whole events, and events to the one form every SDK reads.

The gateway sends `data:` with and without a space, comments, and LF or CRLF (gateway notes, "Chat"). A piece from
the network may end anywhere: in a line ending, or inside a UTF-8 character. So lines are cut on bytes, and decoded
by nobody here.
"""

from __future__ import annotations

from typing import Final

RawEvent = tuple[bytes, bytes | None]


class EventDecoder:
    """Turn pieces of a body into `(data, event name)` pairs; comments and unknown fields are left out."""

    __slots__ = ("_pending", "_seen_return")

    def __init__(self) -> None:
        self._pending = b""
        self._seen_return = False

    def feed(self, piece: bytes) -> list[RawEvent]:
        """Return the events that are whole once this piece is added."""
        if self.is_one_event(piece):
            return [(piece[6:-2], None)]
        text = self._pending + piece if self._pending else piece
        if self._seen_return or b"\r" in piece:
            self._seen_return = True
            # A piece may end between CR and LF: the CR waits for what follows.
            held = text.endswith(b"\r")
            text = (text[:-1] if held else text).replace(b"\r\n", b"\n").replace(b"\r", b"\n") + (
                b"\r" if held else b""
            )
        whole, separator, rest = text.rpartition(b"\n\n")
        if not separator:
            self._pending = text
            return []
        self._pending = rest
        return [event for block in whole.split(b"\n\n") if (event := _parse(block)) is not None]

    def is_one_event(self, piece: bytes) -> bool:
        """Say whether a piece is one whole event and nothing else, which is how nearly all of them come."""
        framed = piece[:6] == b"data: " and piece[-2:] == b"\n\n" and len(piece) > 8
        return framed and piece.count(b"\n") == 2 and b"\r" not in piece and not (self._pending or self._seen_return)

    @property
    def is_amid(self) -> bool:
        """Say whether a part of an event, or of a comment, has come."""
        return bool(self._pending.strip())

    def flush(self) -> list[RawEvent]:
        """Return the event that the body ended in without a blank line, if it holds data."""
        text, self._pending = self._pending.replace(b"\r\n", b"\n").replace(b"\r", b"\n"), b""
        return [event for block in text.split(b"\n\n") if (event := _parse(block)) is not None]


_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_FIELDS: Final = (b"data:", b"event:", b":", b"id:", b"retry:")


def _parse(block: bytes) -> RawEvent | None:
    if block.startswith(b"data: ") and b"\n" not in block:
        return (block[6:], None) if len(block) > 6 else None
    data: list[bytes] = []
    name: bytes | None = None
    # No field's name begins with the mark, so it can only be that of the stream's beginning.
    for line in block.removeprefix(_BYTE_ORDER_MARK).split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    # An event without data, or with empty data, is none (the standard's "dispatch the event").
    return (b"\n".join(data), name) if any(data) else None


def frame(data: bytes, name: bytes | None = None) -> bytes:
    """Return one event in the form that openai and google-genai both read: `data: ` and the data, no comment."""
    body = b"data: " + data.replace(b"\n", b"\ndata: ") + b"\n\n" if b"\n" in data else b"data: " + data + b"\n\n"
    return b"event: " + name + b"\n" + body if name else body


def looks_like_events(beginning: bytes) -> bool:
    """Say whether a body whose type is not declared begins as an event stream does."""
    start = beginning.lstrip(_BYTE_ORDER_MARK + b"\r\n")
    # A first piece may be a byte long.
    return start.startswith(_FIELDS) or any(field.startswith(start) for field in _FIELDS)
