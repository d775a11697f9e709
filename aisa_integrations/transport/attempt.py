"""One attempt: send a request, read its reply as far as it takes to judge it. A generator without I/O.

It ends in an outcome: a whole answer, a stream at its first content, a reply that passes unread, or why it failed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any, NamedTuple

from .causes import Cause
from .effects import CLOSED, Effect, Event, Failed, Happening, Head, ReadAll, ReadMore, Send
from .metering import exact_json
from .readers import StreamReader, reader_for
from .request import Wire
from .sse import looks_like_events
from .surfaces import Surface
from .verdict import Verdict, judge, judge_error, judge_failure, judge_stream


class Whole(NamedTuple):
    """An answer that has been read to its end; `parsed` is its JSON by `exact_json`, or None."""

    head: Head
    body: bytes
    parsed: Any


class Streaming(NamedTuple):
    """A stream that has come to its first content, or to an end."""

    head: Head
    reader: StreamReader
    events: list[Event]


class Passing(NamedTuple):
    """A reply that is passed on unread."""

    head: Head


class Unanswered(NamedTuple):
    """A failure: its verdict, what the network said where that was the reason, and what may hold a bill even so."""

    verdict: Verdict
    failed: Failed | None = None
    head: Head | None = None
    pieces: tuple[bytes, ...] = ()

    def told(self, conceal: Callable[[str], str]) -> Unanswered:
        """Return it as it may be shown: with what `conceal` takes out of every text."""
        failed = self.failed and self.failed._replace(message=conceal(self.failed.message))
        return self._replace(verdict=self.verdict.told(conceal), failed=failed)


Outcome = Whole | Streaming | Passing | Unanswered
Reading = Generator[Effect, Happening, Outcome]


def attempt(wire: Wire, *, hide_usage: bool, expires: float, unix_now: float, keep_events: bool = False) -> Reading:
    """Make one attempt.

    Args:
        wire: what to send.
        hide_usage: whether usage in a stream was asked for by the library alone.
        expires: monotonic second by which the reply, or its first content, must be there.
        unix_now: UNIX seconds, to read reset times.
        keep_events: whether every event of a stream is wanted at its end.
    """
    surface = wire.call.place.surface
    head = yield Send(wire, expires)
    if isinstance(head, Failed):
        return Unanswered(judge_failure(head), head)
    assert isinstance(head, Head)
    kind = head.headers.get("content-type", "").partition(";")[0].strip().lower()
    if 200 <= head.status < 300:
        if wire.call.streams:
            reader = reader_for(surface, hide_usage=hide_usage, keep=keep_events)
            return (
                Passing(head)
                if reader is None
                else (yield from _read_stream(surface, head, reader, kind, expires, unix_now))
            )
        # Of surfaces whose shape we don't know, JSON and pages are read and judged; the rest may be audio or a file.
        if surface is Surface.OTHER and kind not in ("application/json", "text/html"):
            return Passing(head)
    body = yield ReadAll(expires)
    if isinstance(body, Failed):
        return Unanswered(judge_failure(body, head.status), body, head)
    assert isinstance(body, bytes)
    # Once, for the verdict and the bill.
    parsed = exact_json(body)
    verdict = judge(surface, head, body, parsed, now=unix_now)
    return Whole(head, body, parsed) if verdict is None else Unanswered(verdict, head=head, pieces=(body,))


def _read_stream(
    surface: Surface, head: Head, reader: StreamReader, kind: str, expires: float, unix_now: float
) -> Reading:
    """Read a stream to its first content, to an end, or to why it is none."""
    held: list[Event] = []
    sniffed: bytes | None = None if kind == "text/event-stream" else b""
    while True:
        piece = yield ReadMore(expires)
        if isinstance(piece, Failed):
            if not reader.ended:
                return Unanswered(judge_failure(piece, head.status), piece, head)
        elif not isinstance(piece, bytes):
            if sniffed is not None:
                return _judge_non_stream(surface, head, sniffed, unix_now)
            held += reader.flush()
        elif sniffed is None:
            held += reader.feed(piece)
        else:
            sniffed += piece
            if kind in ("application/json", "text/html") or not looks_like_events(sniffed):
                rest = yield ReadAll(expires)
                if isinstance(rest, Failed):
                    return Unanswered(judge_failure(rest, head.status), rest, head)
                assert isinstance(rest, bytes)
                return _judge_non_stream(surface, head, sniffed + rest, unix_now)
            piece, sniffed = sniffed, None
            held += reader.feed(piece)
        if reader.error is not None and not reader.has_content:
            return Unanswered(judge_error(head, reader.error, now=unix_now), head=head)
        if reader.has_content or reader.ended:
            return Streaming(head, reader, held)
        if reader.done:
            return _unanswered(Cause.NO_ANSWER, head, reader, "the stream holds nothing but its end")
        if not isinstance(piece, bytes):
            return _unanswered(Cause.CUT, head, reader, "the stream ended before any content")


def _unanswered(cause: Cause, head: Head, reader: StreamReader, words: str) -> Unanswered:
    return Unanswered(judge_stream(cause, head, words), head=head, pieces=tuple(reader.usage))


def _judge_non_stream(surface: Surface, head: Head, body: bytes, unix_now: float) -> Unanswered:
    verdict = judge(surface, head, body, exact_json(body), now=unix_now)
    words = "the reply is JSON, though a stream was asked for"
    return Unanswered(verdict or judge_stream(Cause.NOT_A_STREAM, head, words), head=head, pieces=(body,))


def judge_end(head: Head, reader: StreamReader, end: Happening, *, unix_now: float) -> Verdict | None:
    """Judge the end of a stream that was handed over: None where it is an end, or the caller's own doing."""
    if reader.error is not None:
        told = judge_error(head, reader.error, now=unix_now)
        return replace(told, cause=Cause.INTERRUPTED, status=told.status if told.status >= 500 else 502)
    if end is CLOSED or reader.ended:
        return None
    if isinstance(end, Failed):
        broken = judge_failure(end, head.status)
        return replace(broken, cause=Cause.INTERRUPTED, message=f"the stream broke off: {broken.message}")
    return judge_stream(Cause.INTERRUPTED, head, "the stream broke off without a finish reason")
