"""What a stream says, in every form that occurs: content, ends, errors, usage; the same in whatever pieces it comes."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisa_integrations.transport.readers import StreamReader, reader_for
from aisa_integrations.transport.surfaces import Surface

DONE = b"data: [DONE]\n\n"
CHAT, GEMINI, RESPONSES, MESSAGES = Surface.CHAT, Surface.GEMINI, Surface.RESPONSES, Surface.MESSAGES


def sse(*events: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


def chunk(delta: Any = None, finish: str | None = None, **rest: Any) -> dict[str, Any]:
    return {"choices": [{"delta": delta if delta is not None else {}, "finish_reason": finish}], **rest}


def part(text: str | None = None, finish: str | None = None, **rest: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {} if text is None else {"content": {"parts": [{"text": text}]}}
    return {"candidates": [{**candidate, **({"finishReason": finish} if finish else {})}], **rest}


def read(surface: Surface, *pieces: bytes, hide_usage: bool = False) -> StreamReader:
    reader = reader_for(surface, hide_usage=hide_usage)
    assert reader is not None
    for piece in pieces:
        reader.feed(piece)
    return reader


# ---- content --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "delta",
    [
        {"content": "x"},
        {"content": " "},
        {"content": [{"type": "text", "text": "x"}]},
        {"reasoning_content": "x"},
        {"reasoning": "x"},
        {"refusal": "x"},
        {"audio": {"data": "…"}},
        {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": ""}}]},
        {"function_call": {"name": "f"}},
    ],
)
def test_these_are_content_of_a_chat(delta: dict[str, Any]) -> None:
    assert read(CHAT, sse(chunk(delta))).has_content


@pytest.mark.parametrize(
    "event",
    [
        chunk({"role": "assistant"}),
        chunk({"role": "assistant", "content": ""}),
        chunk({"role": "assistant", "content": None}),
        chunk({"reasoning_content": None, "tool_calls": [], "refusal": None}),
        {"choices": [{"index": 0, "delta": None}]},
        {"choices": [], "usage": {"total_tokens": 1}},
        {"choices": None},
        {"id": "chatcmpl-1"},
        {"error": None, **chunk({"role": "assistant"})},
    ],
)
def test_these_are_neither_content_nor_an_end(event: dict[str, Any]) -> None:
    reader = read(CHAT, b": a comment\n\n", sse(event))
    assert (reader.has_content, reader.ended, reader.error) == (False, False, None)


@pytest.mark.parametrize(
    "parts", [[{"text": "x"}], [{"text": "", "thought": True}], [{"functionCall": {"name": "f"}}], [{"inlineData": {}}]]
)
def test_any_part_is_content_of_gemini(parts: list[dict[str, Any]]) -> None:
    assert read(GEMINI, sse({"candidates": [{"content": {"parts": parts}}]})).has_content


def test_thoughts_are_no_part_of_the_text() -> None:
    thought = {"candidates": [{"content": {"parts": [{"text": "hm", "thought": True}, {"text": "so"}]}}]}
    assert read(GEMINI, sse(thought)).partial == "so"
    assert read(CHAT, sse(chunk({"reasoning_content": "hm"}), chunk({"content": "so"}))).partial == "so"


# ---- ends -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("surface", "stream", "ended"),
    [
        (CHAT, sse(chunk({"content": "x"})), False),
        (CHAT, sse(chunk({"content": "x"}), chunk(finish="stop")), True),
        (CHAT, sse(chunk(finish="length")), True),
        (CHAT, sse(chunk({"content": "x"})) + DONE, True),
        (CHAT, DONE, False),
        (CHAT, sse({"choices": [{"index": 0, "finish_reason": "stop"}, {"index": 1, "delta": {}}]}), False),
        (CHAT, sse({"choices": [{"finish_reason": "stop"}, {"index": 1, "finish_reason": "stop"}]}), True),
        (CHAT, sse({"choices": [{"index": None, "finish_reason": "stop"}]}), True),
        (GEMINI, sse(part("x")), False),
        (GEMINI, sse(part("x"), part(finish="STOP")), True),
        (GEMINI, sse(part("x", "MAX_TOKENS")), True),
        (GEMINI, sse({"promptFeedback": {"blockReason": "SAFETY"}}), True),
        (GEMINI, sse(part("x")) + DONE, False),
        (RESPONSES, sse({"type": "response.output_text.delta", "delta": "x"}), False),
        (RESPONSES, sse({"type": "response.completed", "response": {}}), True),
        (RESPONSES, sse({"type": "response.failed", "response": {}}), True),
        (RESPONSES, sse({"type": "response.incomplete", "response": {}}), True),
        (MESSAGES, sse({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}), False),
        (MESSAGES, sse({"type": "message_stop"}), True),
    ],
)
def test_an_end_is_what_the_surface_calls_one(surface: Surface, stream: bytes, ended: bool) -> None:
    assert read(surface, stream).ended is ended


# ---- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [{"code": "x", "message": "m"}, {"code": 503, "message": "m"}, "a string"])
@pytest.mark.parametrize("surface", [CHAT, GEMINI])
def test_an_error_event_ends_what_is_read(surface: Surface, error: Any) -> None:
    good = part("x") if surface is GEMINI else chunk({"content": "x"})
    reader = reader_for(surface)
    assert reader is not None
    events = reader.feed(sse(good, {"error": error}, good))
    assert reader.error == error
    assert len(events) == 1
    assert reader.feed(sse(good)) == []
    assert reader.partial == "x"


@pytest.mark.parametrize(
    "stream",
    [b"data: {not json\n\n", b"data: [1]\n\n", b'data: "text"\n\n', b"data: <html>\n\n", b'data: {"choices":[1]}\n\n'],
)
def test_what_is_no_event_of_a_chat_is_an_error(stream: bytes) -> None:
    assert read(CHAT, stream).error["code"] == "not_json"


def test_finish_reason_error_is_an_error_and_no_end() -> None:
    reader = read(CHAT, sse(chunk({"content": "x"}), chunk(finish="error")))
    assert reader.error["code"] == "finish_reason_error"
    assert not reader.ended


@pytest.mark.parametrize("half", [b'data: {"choices":[{"del', b"data: [DO", b"data: ", b"dat", b": comm", b'data: "x"'])
def test_half_an_event_at_the_end_of_a_body_says_nothing(half: bytes) -> None:
    reader = read(CHAT, sse(chunk({"content": "x"}), chunk(finish="stop")), half)
    assert reader.flush() == []
    assert (reader.error, reader.ended, reader.partial) == (None, True, "x")


def test_a_whole_event_at_the_end_of_a_body_counts_without_its_blank_line() -> None:
    reader = read(CHAT, sse(chunk({"content": "x"})).rstrip(b"\n"))
    assert not reader.has_content
    assert len(reader.flush()) == 1
    assert reader.partial == "x"
    done = read(CHAT, sse(chunk({"content": "x"})), b"data: [DONE]")
    done.flush()
    assert done.ended


# ---- usage ----------------------------------------------------------------------------------------------------------

USED: dict[str, Any] = {"usage": {"total_tokens": 7}}


def test_a_null_usage_does_not_replace_a_real_one() -> None:
    reader = read(
        CHAT, sse(chunk({"content": "x"}, **USED), chunk(finish="stop", usage=None), chunk({"content": '"usage'}))
    )
    assert [json.loads(data)["usage"] for data in reader.usage] == [USED["usage"]]


@pytest.mark.parametrize(("hide", "hidden"), [(True, [False, False, True]), (False, [False] * 3)])
def test_only_a_chunk_of_usage_alone_is_hidden(hide: bool, hidden: list[bool]) -> None:
    reader = reader_for(CHAT, hide_usage=hide)
    assert reader is not None
    events = reader.feed(sse(chunk({"content": "x"}, **USED), chunk(finish="stop"), {"choices": [], **USED}))
    assert [event.hidden for event in events] == hidden


# ---- in whatever pieces ---------------------------------------------------------------------------------------------

_DELTAS = st.sampled_from([{"content": "Zoë 你好"}, {"content": None}, {"reasoning": "r"}, {"role": "assistant"}, {}])
_CHUNKS = st.builds(
    lambda delta, finish, index, used: {
        "choices": [{**index, "delta": delta, "finish_reason": finish}],
        **({"usage": used} if used != "absent" else {}),
    },
    _DELTAS,
    st.sampled_from([None, None, None, "stop", "error"]),
    st.sampled_from([{}, {"index": 0}, {"index": 1}]),
    st.sampled_from(["absent", None, {"total_tokens": 3}]),
)
_EVENTS = st.lists(_CHUNKS | st.sampled_from([{"choices": [], **USED}, {"error": "late"}, {"error": None}]), max_size=6)


@given(_EVENTS, st.sampled_from([b"\n", b"\r\n"]), st.booleans(), st.lists(st.integers(0, 5000), max_size=20))
def test_a_chat_stream_says_the_same_in_any_pieces(
    events: list[dict[str, Any]], newline: bytes, done: bool, at: list[int]
) -> None:
    text = (sse(*events) + (DONE if done else b"")).replace(b"\n", newline)
    places = sorted({place % (len(text) + 1) for place in at} | {0, len(text)})
    one, many = reader_for(CHAT), reader_for(CHAT)
    assert one is not None
    assert many is not None
    whole = one.feed(text) + one.flush()
    pieces = [event for start, end in pairwise(places) for event in many.feed(text[start:end])] + many.flush()
    assert pieces == whole
    for name in ("has_content", "ended", "error", "partial", "usage", "done"):
        assert getattr(many, name) == getattr(one, name)
