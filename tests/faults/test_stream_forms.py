"""Every form in which the gateway streams: each face reads it, whole, and says what it cost."""

import json
import ssl
from typing import Any

import pytest

from aisa_integrations import track
from aisa_integrations.local import LocalGateway
from tests.faults.faces import CHAT_FACES, DICT_FACES, FACES, GENAI_FACES, Face, told_by
from tests.faults.raw import SSE, RawServer

WORDS = "Simulated reply from first-model: you said Say hello to Zoë"
FORMS: dict[str, dict[str, Any]] = {
    "as the docs show it": {},
    "without an index": {"index": False},
    "first chunk with null": {"null_first": True},
    "usage on the last content": {"usage_on": "last"},
    "usage on its own, unasked": {"usage_on": "own"},
    "usage never": {"usage_on": "never"},
    "usage without cost": {"usage": "tokens"},
    "usage with details": {"details": True},
    "finish with content": {"finish_with_content": True},
    "finish and usage with content": {"finish_with_content": True, "usage_on": "last"},
    "without DONE": {"done": False},
    "DONE without a finish": {"finish": False},
    "comments": {"comments": True},
    "data without a space": {"space": False},
    "CRLF": {"crlf": True},
    "CRLF, comments, no space": {"crlf": True, "comments": True, "space": False},
    "error null": {"error_null": True},
    "a byte at a time": {"write_size": 1},
    "seven bytes at a time": {"write_size": 7, "crlf": True},
    "all in one write": {"write_size": 0},
    "the skill's": {"index": False, "null_first": True, "usage_on": "last", "done": False},
}
CASES = [
    pytest.param(face, style, id=f"{face}-{name}")
    for face in FACES
    for name, style in FORMS.items()
    # Gemini has no [DONE]: without a finish reason its stream was cut.
    if face not in GENAI_FACES or style != {"finish": False}
]


@pytest.mark.parametrize(("face", "style"), CASES)
def test_every_form_is_read_whole(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, style: dict[str, Any]
) -> None:
    gateway.script.set_style("first-model", **style)
    with track() as spend:
        seen = face.ask(gateway, tls, stream=True, max_retries=0)
    assert (seen.error, seen.text) == (None, WORDS)
    assert seen.attempts == [("first-model", 200, None)]
    (record,) = spend.exchanges
    assert record.error is None
    assert record.ttft is not None
    if style.get("usage_on") == "never":
        assert spend.unknown == 1
    elif "usage" in style:
        assert record.usage.total_tokens
    else:
        assert spend.billed == gateway.account.spent > 0


def _reasoning(item: Any) -> str:
    if not isinstance(item, dict):
        item = item.model_dump()
    deltas = [choice["delta"] for choice in item.get("choices") or ()]
    return "".join(delta.get("reasoning_content") or delta.get("reasoning") or "" for delta in deltas)


@pytest.mark.parametrize("where", ["reasoning_content", "reasoning"])
@pytest.mark.parametrize("face", CHAT_FACES, ids=str)
def test_reasoning_in_a_field_of_its_own_reaches_the_caller(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, where: str
) -> None:
    gateway.script.set_style("first-model", reasoning=where)
    seen = face.ask(gateway, tls, stream=True, max_retries=0)
    assert "".join(map(_reasoning, seen.items)).startswith("Simulated reasoning")
    assert seen.text == WORDS


@pytest.mark.parametrize("face", FACES, ids=str)
def test_reasoning_inline_is_text_like_any_other(gateway: LocalGateway, tls: ssl.SSLContext, face: Face) -> None:
    gateway.script.set_style("first-model", reasoning="think")
    seen = face.ask(gateway, tls, stream=True, max_retries=0)
    assert seen.text.startswith("<think>Simulated reasoning")
    assert seen.text.endswith(WORDS)


@pytest.mark.parametrize("face", GENAI_FACES, ids=str)
def test_gemini_thoughts_come_as_thoughts(gateway: LocalGateway, tls: ssl.SSLContext, face: Face) -> None:
    gateway.script.set_style("first-model", reasoning="reasoning_content")
    seen = face.ask(gateway, tls, stream=True, max_retries=0)
    assert seen.text == WORDS
    parts = [part for item in seen.items for part in item.candidates[0].content.parts]
    assert "".join(part.text for part in parts if part.thought).startswith("Simulated reasoning")


@pytest.mark.parametrize("style", [{}, {"finish_with_content": True}, {"done": False}, {"crlf": True}])
@pytest.mark.parametrize("face", CHAT_FACES, ids=str)
def test_several_choices_all_come_to_their_end(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, style: dict[str, Any]
) -> None:
    gateway.script.set_style("first-model", **style)
    seen = face.ask(gateway, tls, stream=True, max_retries=0, body={"n": 3})
    assert seen.error is None
    items = [item if isinstance(item, dict) else item.model_dump() for item in seen.items]
    choices = [choice for item in items for choice in item["choices"]]
    assert {choice["index"] for choice in choices if choice["finish_reason"]} == {0, 1, 2}
    assert seen.text.count("Simulated reply") == 3


@pytest.mark.parametrize("face", FACES, ids=str)
@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_a_finish_reason_alone_is_an_answer(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, reason: str
) -> None:
    gateway.script.reply("first-model", "", finish_reason=reason)
    for stream in (False, True):
        seen = face.ask(gateway, tls, stream=stream, max_retries=0, fallbacks=["second-model"])
        assert (seen.error, seen.text, seen.served_by) == (None, "", "first-model")


@pytest.mark.parametrize("face", CHAT_FACES, ids=str)
def test_tool_calls_are_content(gateway: LocalGateway, tls: ssl.SSLContext, face: Face) -> None:
    gateway.script.reply("first-model", tool_calls=[{"name": "look_up", "arguments": {"city": "Zürich"}}])
    seen = face.ask(gateway, tls, stream=True, max_retries=0)
    items = [item if isinstance(item, dict) else item.model_dump() for item in seen.items]
    calls = [call for item in items for choice in item["choices"] for call in choice["delta"].get("tool_calls") or ()]
    assert "".join(call["function"]["arguments"] for call in calls) == '{"city": "Zürich"}'


ENDED = (
    b'data: {"choices":[{"delta":{"content":"all"}}]}\n\ndata: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
)


@pytest.mark.parametrize("rest", [b"", b"data: [DO", b'data: {"choices":[],"usa', b": bye", b"data: [DONE]", b"data"])
@pytest.mark.parametrize("face", CHAT_FACES, ids=str)
def test_a_cut_after_the_end_loses_nothing(tls: ssl.SSLContext, face: Face, rest: bytes) -> None:
    with RawServer([[SSE + ENDED + rest]]) as server:
        seen = face.ask(server, tls, stream=True, max_retries=0)
    assert (seen.error, seen.text) == (None, "all")


GEMINI_PART = b'data: {"candidates":[{"content":{"parts":[{"text":"all"}]}}]}\n\n'
GEMINI_END = b'data: {"candidates":[{"content":{"parts":[]},"finishReason":"STOP"}]}\n\n'


@pytest.mark.parametrize(
    "stream",
    [
        GEMINI_PART + GEMINI_END + b"data: [DONE]\n\n",
        b"event: message\n" + GEMINI_PART + b"event: message\n" + GEMINI_END,
        b"id: 1\nretry: 5\n" + GEMINI_PART + GEMINI_END,
        GEMINI_PART + GEMINI_END + b'data: {"usageMetadata":{"totalTokenCount":3}}\n\n',
        GEMINI_PART + GEMINI_END + b"data: [DO",
    ],
)
@pytest.mark.parametrize("face", GENAI_FACES, ids=str)
def test_what_is_no_part_of_geminis_own_streams_is_kept_from_its_sdk(
    tls: ssl.SSLContext, face: Face, stream: bytes
) -> None:
    with RawServer([[SSE + stream]]) as server:
        seen = face.ask(server, tls, stream=True, max_retries=0)
    assert (seen.error, seen.text) == (None, "all")


@pytest.mark.parametrize("face", GENAI_FACES, ids=str)
def test_what_had_come_stays_on_one_line(tls: ssl.SSLContext, face: Face) -> None:
    said = "one\u2028two\u0085three"
    part = json.dumps({"candidates": [{"content": {"parts": [{"text": said}]}}]}, ensure_ascii=False)
    with RawServer([[SSE + f"data: {part}\n\n".encode()]]) as server:
        seen = face.ask(server, tls, stream=True, max_retries=0)
    assert seen.error is not None
    assert told_by(seen.error).partial == seen.text == said


@pytest.mark.parametrize("broken", [b"data: {oops}\n\n", b"data: <html>\n\n", b'data: "text"\n\n'])
@pytest.mark.parametrize("face", FACES, ids=str)
def test_an_event_that_is_no_json_before_content_leads_to_the_next_model(
    tls: ssl.SSLContext, face: Face, broken: bytes
) -> None:
    good = ENDED
    if face in GENAI_FACES:
        good = b'data: {"candidates":[{"content":{"parts":[{"text":"all"}]},"finishReason":"STOP"}]}\n\n'
    with RawServer([[SSE + broken], [SSE + good]]) as server:
        seen = face.ask(server, tls, stream=True, max_retries=0, fallbacks=["second-model"])
    assert (seen.error, seen.text) == (None, "all")
    assert seen.attempts == [("first-model", 200, "not_json"), ("second-model", 200, None)]


@pytest.mark.parametrize("face", DICT_FACES, ids=str)
def test_a_stream_whose_type_is_not_declared_is_known_by_its_bytes(tls: ssl.SSLContext, face: Face) -> None:
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    with RawServer([[head, b"d", b"ata: " + ENDED[6:]]], pause=0.02) as server:
        seen = face.ask(server, tls, stream=True, max_retries=0)
    assert (seen.error, seen.text) == (None, "all")


@pytest.mark.parametrize("face", GENAI_FACES, ids=str)
@pytest.mark.parametrize("ends", [[0], [0, 1]], ids=["one candidate ends", "both end"])
def test_every_candidate_must_come_to_its_end(tls: ssl.SSLContext, face: Face, ends: list[int]) -> None:
    # Gemini leaves an index of 0 out.
    begun = [{"content": {"parts": [{"text": "one"}]}}, {"index": 1, "content": {"parts": [{"text": "two"}]}}]
    ended = [{"index": index, "finishReason": "STOP"} if index else {"finishReason": "STOP"} for index in ends]
    events = [f"data: {json.dumps({'candidates': candidates})}\n\n" for candidates in (begun, ended)]
    with RawServer([[SSE, "".join(events).encode()]]) as server:
        seen = face.ask(server, tls, stream=True, max_retries=0)
    assert seen.text == "onetwo"
    if ends == [0, 1]:
        assert seen.error is None
    else:
        assert seen.error is not None
        assert told_by(seen.error).partial == "onetwo"
