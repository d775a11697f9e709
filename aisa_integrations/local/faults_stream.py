"""Faults of connections and of streams: what goes wrong between the request and the end of the reply."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from .fault import Break, Drop, Fault, Kind, Twist

_STREAM = frozenset({"stream", "chat", "gemini"})
_CHAT_STREAM = frozenset({"stream", "chat"})
_SOURCE = "chat, stream: a mid-stream failure is an SSE event with an `error` key and no `choices`, inside a 200"
_IDLE = "chat, stream: an idle stream is closed; what was delivered is billed"
_COMMENTS = "chat, stream: comment lines occur"
_KINDS: Mapping[Literal["before", "after"], Kind] = {
    "before": "in_stream_before_content",
    "after": "in_stream_after_content",
}

# The forms that errors of the gateway take, as events.
_EVENTS: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "error_event": ({"error": {"code": "upstream_error", "message": "The upstream provider failed"}}, "a string code"),
    "error_string_event": ({"error": "The upstream provider failed"}, "a string in place of an object"),
    "error_int_event": (
        {"error": {"code": 503, "message": "The upstream provider failed", "status": "UNAVAILABLE"}},
        "an integer code",
    ),
}


def _breaks() -> Iterator[Fault]:
    for at, kind in _KINDS.items():
        for form, (event, words) in _EVENTS.items():
            play = Break(at, "clean", event)
            description = f"an error event with {words} {at} content (options code, message, chunks)"
            yield Fault(f"{form}_{at}_content", kind, 200, play, description, _SOURCE, _STREAM)
        endings: tuple[tuple[str, Break, str, str], ...] = (
            ("silent_end", Break(at, "clean"), "a clean end without finish reason and [DONE]", _IDLE),
            ("cut", Break(at, "cut"), "the connection is closed (option reset=true: reset)", _IDLE),
            ("hang", Break(at, "hang"), "nothing more comes (option seconds: then it is closed)", _IDLE),
            ("comment_trickle", Break(at, "trickle"), "comments for ever (option every, default 0.05 s)", _COMMENTS),
        )
        for name, play, description, source in endings:
            yield Fault(f"{name}_{at}_content", kind, 200, play, f"{description}, {at} content", source, _STREAM)


_CONNECTION = "errors: what networks do"
_CUT = frozenset({"plain", "chat", "gemini"})

STREAM_FAULTS: tuple[Fault, ...] = (
    *_breaks(),
    Fault(
        "empty_stream",
        "in_stream_before_content",
        200,
        Break("before", "clean", bare=True),
        "a stream without a byte",
        _IDLE,
        _STREAM,
    ),
    Fault(
        "comments_only",
        "in_stream_before_content",
        200,
        Break("before", "clean", bare=True, comments=3),
        "comments, then the end",
        _COMMENTS,
        _STREAM,
    ),
    Fault(
        "slow_first_content",
        "in_stream_before_content",
        200,
        Drop("late_content"),
        "the head comes at once, the first content late (option seconds, default 1); then all is well",
        _IDLE,
        _STREAM,
    ),
    Fault(
        "finish_error",
        "in_stream_after_content",
        200,
        Twist("finish_error"),
        'the finish reason is "error"',
        "chat, stream",
        frozenset({"plain", "stream", "chat"}),
    ),
    Fault(
        "finish_error_before_content",
        "in_stream_before_content",
        200,
        Twist("bare_finish_error"),
        'the finish reason is "error", and there is no content',
        "chat, stream",
        frozenset({"plain", "stream", "chat"}),
    ),
    Fault(
        "choice_unfinished",
        "in_stream_after_content",
        200,
        Twist("choice_unfinished"),
        "the last of n choices gets no finish reason, and there is no [DONE]",
        "chat, stream",
        _CHAT_STREAM,
    ),
    Fault(
        "json_to_stream",
        "reply",
        200,
        Twist("json_to_stream"),
        "a good completion as plain JSON to a request for a stream (an error that way: error_in_200)",
        "errors, 6, its relatives",
        _STREAM,
    ),
    Fault(
        "hang",
        "connection",
        0,
        Drop("hang"),
        "no answer (option seconds: then the connection is closed)",
        "chat: a read timeout of 120 s is advised",
    ),
    Fault(
        "slow_first_byte",
        "connection",
        200,
        Drop("late"),
        "the reply comes late (option seconds, default 1); then all is well",
        "chat: a read timeout of 120 s is advised",
    ),
    Fault("connection_reset", "connection", 0, Drop("reset"), "a reset in place of a reply", _CONNECTION),
    Fault("connection_closed", "connection", 0, Drop("close"), "closed without a byte of reply", _CONNECTION),
    Fault("body_cut", "connection", 200, Drop("body_cut"), "closed in the middle of a plain reply", _CONNECTION, _CUT),
)
