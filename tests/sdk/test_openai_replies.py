"""Replies that the local gateway never gives, through a client of the user's own: bodies and routes of every kind."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest

from aisa_integrations import openai_client

ORIGIN = "https://api.aisa.one"
MESSAGES: list[Any] = [{"role": "user", "content": "x"}]
COMPLETION = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": None, "refusal": "no"}, "finish_reason": "stop"}
    ],
    "usage": None,
}
TEXT = {
    "id": "1",
    "object": "text_completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "text": "hi", "finish_reason": "stop", "logprobs": None}],
}
CHUNK = {
    "id": "1",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "delta": {"content": "你好"}, "finish_reason": "stop"}],
}
QUEUED = {
    "id": "r",
    "object": "response",
    "created_at": 1,
    "model": "m",
    "output": [],
    "status": "queued",
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
}
FILE = {
    "id": "f",
    "object": "file",
    "bytes": 1,
    "created_at": 1,
    "filename": "x",
    "purpose": "batch",
    "status": "processed",
}


def reply(
    body: Any, kind: str = "application/json", *headers: tuple[str, str], squeeze: bool = False
) -> httpx2.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    more = [("content-encoding", "gzip")] if squeeze else []
    return httpx2.Response(
        200, headers=[("content-type", kind), *headers, *more], content=gzip.compress(content) if squeeze else content
    )


def stream(*events: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + b"data: [DONE]\n\n"


def ask(client: openai.OpenAI, **settings: Any) -> Any:
    return client.chat.completions.create(model="m", messages=MESSAGES, **settings)


def read_speech(client: openai.OpenAI) -> bytes:
    with client.audio.speech.with_streaming_response.create(model="t", voice="alloy", input="x") as response:
        return b"".join(response.iter_bytes(2))


CASES: dict[str, tuple[Any, Any]] = {
    "a refusal, and usage that is null": (lambda: reply(COMPLETION), ask),
    "gzip, though identity was asked for": (lambda: reply(COMPLETION, squeeze=True), ask),
    "a stream in gzip": (
        lambda: reply(stream(CHUNK), "text/event-stream", squeeze=True),
        lambda client: list(ask(client, stream=True)),
    ),
    "a completion without a content type": (lambda: httpx2.Response(200, content=json.dumps(COMPLETION)), ask),
    "the request id": (
        lambda: reply(COMPLETION, "application/json", ("x-request-id", "r-1")),
        lambda client: ask(client)._request_id,
    ),
    "a header that comes twice": (
        lambda: reply(COMPLETION, "application/json", ("set-cookie", "a=1"), ("set-cookie", "b=2")),
        lambda client: client.chat.completions.with_raw_response.create(
            model="m", messages=MESSAGES
        ).headers.get_list("set-cookie"),
    ),
    "speech": (
        lambda: reply(b"\0\1\2", "audio/mpeg"),
        lambda client: client.audio.speech.create(model="t", voice="alloy", input="x").content,
    ),
    "speech as it comes": (lambda: reply(b"\0\1\2", "audio/mpeg"), read_speech),
    "an upload": (
        lambda: reply({"text": "t"}),
        lambda client: client.audio.transcriptions.create(model="w", file=("a.wav", b"123")),
    ),
    "an upload that is answered in plain text": (
        lambda: reply(b"hello", "text/plain"),
        lambda client: client.audio.transcriptions.create(model="w", file=("a.wav", b"1"), response_format="text"),
    ),
    "a file": (lambda: reply(FILE), lambda client: client.files.create(file=b"abc", purpose="batch")),
    "a file's content": (
        lambda: reply(b"\xff\xfe", "application/octet-stream"),
        lambda client: client.files.content("f").read(),
    ),
    "a page that is empty": (
        lambda: reply({"object": "list", "data": [], "has_more": False}),
        lambda client: list(client.files.list()),
    ),
    "something deleted": (
        lambda: reply({"id": "f", "object": "model", "deleted": True}),
        lambda client: client.models.delete("f"),
    ),
    "nothing at all": (
        lambda: httpx2.Response(204),
        lambda client: client.delete("/x", cast_to=httpx2.Response).status_code,
    ),
    "the older completions": (lambda: reply(TEXT), lambda client: client.completions.create(model="m", prompt="x")),
    "the older completions, streamed": (
        lambda: reply(stream(TEXT), "text/event-stream"),
        lambda client: list(client.completions.create(model="m", prompt="x", stream=True)),
    ),
    "a response that is queued": (
        lambda: reply(QUEUED),
        lambda client: client.responses.create(model="m", input="x", background=True),
    ),
    "a response asked for later": (lambda: reply(QUEUED), lambda client: client.responses.retrieve("r")),
    "moderation": (
        lambda: reply({"id": "m", "model": "x", "results": []}),
        lambda client: client.moderations.create(input="x"),
    ),
}  # fmt: skip


@pytest.fixture
def http(request: pytest.FixtureRequest) -> Iterator[httpx2.Client]:
    answer, _ = CASES[request.node.callspec.params["name"]]
    with httpx2.Client(transport=httpx2.MockTransport(lambda _: answer())) as client:
        yield client


@pytest.mark.parametrize("name", CASES)
def test_a_reply_is_read_as_stock_reads_it(name: str, http: httpx2.Client) -> None:
    _, case = CASES[name]
    stock = openai.OpenAI(api_key="sk-aisa-0", base_url=f"{ORIGIN}/v1", http_client=http, max_retries=0)
    ours = openai_client("sk-aisa-0", base_url=ORIGIN, http_client=http, max_retries=0)
    expected = case(stock)
    got = case(ours)
    assert got == expected
    assert type(got) is type(expected)
