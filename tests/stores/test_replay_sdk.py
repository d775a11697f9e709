"""What the local gateway streams becomes what it answers plain, and the SDKs read a replay like an original."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from google import genai
from google.genai import types
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion

from aisa_integrations import GatewayClient
from aisa_integrations.local import LocalGateway
from aisa_integrations.transport.replay import as_events, assemble
from aisa_integrations.transport.surfaces import Surface

MODEL = "gpt-4o"
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
ASKED: dict[str, dict[str, Any]] = {
    "text": {},
    "several choices": {"n": 3},
    "tools": {"tools": [TOOL], "tool_choice": "required"},
    "json": {"response_format": {"type": "json_object"}},
    "cut short": {"max_tokens": 3},
}


def body(asked: str) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": "Say something."}], **ASKED[asked]}


def without_moment(reply: dict[str, Any]) -> dict[str, Any]:
    """What two answers to one request share: all but their ids, times and what is left in the wallet."""
    reply = {key: value for key, value in reply.items() if key not in ("id", "created")}
    reply["usage"] = {key: value for key, value in reply["usage"].items() if key != "credits_remaining"}
    text = json.dumps(reply, sort_keys=True)
    for choice in reply["choices"]:
        for call in choice["message"].get("tool_calls") or ():
            text = text.replace(call["id"], "call")
    return dict(json.loads(text))


@pytest.mark.parametrize("style", [{}, {"usage_on": "last"}, {"finish_with_content": True}, {"null_first": True}])
@pytest.mark.parametrize("asked", ASKED)
def test_a_stream_of_the_gateway_is_its_plain_answer(gateway: LocalGateway, asked, style):
    gateway.script.set_style(MODEL, **style)
    with GatewayClient(api_key=gateway.api_key, base_url=gateway.url) as client:
        plain = client.chat(body(asked))
        events = list(client.stream({**body(asked), "stream_options": {"include_usage": True}}))
    whole = assemble(events, Surface.CHAT)
    assert whole is not None
    assert without_moment(whole) == without_moment(plain)


# ---- the SDKs -------------------------------------------------------------------------------------------------------


def served(frames: list[bytes]) -> httpx2.Client:
    """A client whose every request is answered with these server-sent events."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=b"".join(frames))

    return httpx2.Client(transport=httpx2.MockTransport(answer))


def framed(events: list[dict[str, Any]]) -> list[bytes]:
    return [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events]


def replay_to_openai(reply: dict[str, Any]) -> Iterator[Any]:
    """The chunks that openai makes of a replay."""
    frames = [*framed(as_events(reply, Surface.CHAT, include_usage=True)), b"data: [DONE]\n\n"]
    with served(frames) as http, openai.OpenAI(api_key="placeholder", http_client=http) as client:
        yield from client.chat.completions.create(model=MODEL, messages=[], stream=True)


@pytest.mark.parametrize("asked", ASKED)
def test_openai_puts_a_replay_together_as_the_answer(gateway: LocalGateway, asked):
    with GatewayClient(api_key=gateway.api_key, base_url=gateway.url) as client:
        reply = client.chat(body(asked))
    state = ChatCompletionStreamState()
    for chunk in replay_to_openai(reply):
        state.handle_chunk(chunk)
    choices = [choice.model_dump(exclude_none=True) for choice in state.current_completion_snapshot.choices]
    for choice in choices:
        for call in choice["message"].get("tool_calls") or ():
            del call["index"]
    original = ChatCompletion.model_validate(reply)
    assert choices == [choice.model_dump(exclude_none=True) for choice in original.choices]


def test_openai_reads_log_probabilities_and_refusals_of_a_replay():
    token = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}
    message = {"role": "assistant", "content": "aa", "refusal": None}
    logprobs = {"content": [token, token], "refusal": None}
    refused = {"role": "assistant", "content": None, "refusal": "I can't."}
    choices = [
        {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": "stop"},
        {"index": 1, "message": refused, "logprobs": None, "finish_reason": "stop"},
    ]
    shell = {"id": "c", "object": "chat.completion", "created": 1, "model": MODEL}
    state = ChatCompletionStreamState()
    for chunk in replay_to_openai({**shell, "choices": choices}):
        state.handle_chunk(chunk)
    first, second = state.current_completion_snapshot.choices
    assert first.logprobs is not None
    assert first.logprobs.model_dump() == logprobs
    assert (first.message.content, second.message.content, second.message.refusal) == ("aa", None, "I can't.")


def ask_gemini(gateway: LocalGateway, verb: str) -> httpx2.Response:
    asked = {"contents": [{"parts": [{"text": "Say something."}], "role": "user"}]}
    headers = {"authorization": f"Bearer {gateway.api_key}"}
    return httpx2.post(f"{gateway.url}/v1/models/gemini-2.5-flash:{verb}", json=asked, headers=headers)


def test_a_gemini_stream_of_the_gateway_is_its_plain_answer(gateway: LocalGateway):
    plain = ask_gemini(gateway, "generateContent").json()
    stream = ask_gemini(gateway, "streamGenerateContent?alt=sse").text
    events = [json.loads(line.removeprefix("data:")) for line in stream.splitlines() if line.startswith("data:")]
    whole = assemble(events, Surface.GEMINI)
    assert whole is not None
    assert len(events) > 1
    assert whole["candidates"] == plain["candidates"]
    assert whole["usageMetadata"]["totalTokenCount"] == plain["usageMetadata"]["totalTokenCount"]


def test_google_reads_a_replay_as_the_answer(gateway: LocalGateway):
    reply = ask_gemini(gateway, "generateContent").json()
    with served(framed(as_events(reply, Surface.GEMINI, include_usage=False))) as http:
        client = genai.Client(api_key="placeholder", http_options=types.HttpOptions(httpx_client=http))
        (chunk,) = client.models.generate_content_stream(model="gemini-2.5-flash", contents="Hi")
    assert chunk.text == "".join(part["text"] for part in reply["candidates"][0]["content"]["parts"])
    assert chunk.candidates
    assert chunk.candidates[0].finish_reason == "STOP"
