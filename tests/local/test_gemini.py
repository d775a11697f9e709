"""Gemini's surface, by hand and with Google's SDK."""

import json
from collections.abc import Generator
from typing import Any

import httpx2
import pytest
from google import genai
from google.genai import types

from aisa_integrations.local import LocalGateway
from tests.local.conftest import gemini_body, gemini_path
from tests.local.events import events

SCHEMA: Any = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}, "size": {"type": "INTEGER"}}}


class Bearer(httpx2.Auth):
    def __init__(self, key: str) -> None:
        self.key = key

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response]:
        request.headers.pop("x-goog-api-key", None)
        request.headers["authorization"] = f"Bearer {self.key}"
        yield request


@pytest.fixture(params=["v1", "v1beta"])
def sdk(gateway: LocalGateway, request: pytest.FixtureRequest):
    with httpx2.Client(auth=Bearer(gateway.api_key)) as client:
        options = types.HttpOptions(base_url=gateway.url, api_version=request.param, httpx_client=client)
        yield genai.Client(api_key="placeholder", vertexai=False, http_options=options)


def test_the_google_sdk_reads_replies_streams_and_counts(sdk: genai.Client) -> None:
    whole = sdk.models.generate_content(model="gemini-2.5-flash", contents="hello")
    assert whole.text == "Simulated reply from gemini-2.5-flash: you said hello"
    assert whole.usage_metadata is not None
    assert whole.usage_metadata.total_token_count
    chunks = list(sdk.models.generate_content_stream(model="gemini-2.5-flash", contents="hello"))
    assert "".join(chunk.text or "" for chunk in chunks) == whole.text
    (candidate,) = chunks[-1].candidates or []
    assert candidate.finish_reason == types.FinishReason.STOP
    assert sdk.models.count_tokens(model="gemini-2.5-flash", contents="hello").total_tokens


def test_the_google_sdk_calls_functions_and_reads_json(sdk: genai.Client) -> None:
    tool = types.Tool(function_declarations=[types.FunctionDeclaration(name="find", parameters=SCHEMA)])
    config = types.GenerateContentConfig(
        tools=[tool],
        tool_config=types.ToolConfig(
            function_calling_config=types.FunctionCallingConfig(mode=types.FunctionCallingConfigMode.ANY)
        ),
    )
    for reply in (
        sdk.models.generate_content(model="gemini-2.5-flash", contents="7 of them", config=config),
        next(sdk.models.generate_content_stream(model="gemini-2.5-flash", contents="7 of them", config=config)),
    ):
        (call,) = reply.function_calls or []
        assert (call.name, call.args) == ("find", {"city": "Simulated city", "size": 7})
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=SCHEMA)
    reply = sdk.models.generate_content(model="gemini-2.5-flash", contents="a city", config=config)
    assert json.loads(reply.text or "") == {"city": "Simulated city", "size": 3}


def test_a_function_call_and_its_response_come_round(http: httpx2.Client) -> None:
    tools = [{"functionDeclarations": [{"name": "find", "parameters": SCHEMA}]}]
    asked = http.post(gemini_path(), json=gemini_body(tools=tools)).json()
    content = asked["candidates"][0]["content"]
    assert content["parts"][0]["functionCall"]["name"] == "find"
    answer = {"role": "user", "parts": [{"functionResponse": {"name": "find", "response": {"found": "Bern"}}}]}
    history = [*gemini_body()["contents"], content, answer]
    reply = http.post(gemini_path(), json={"contents": history, "tools": tools}).json()
    assert "Bern" in reply["candidates"][0]["content"]["parts"][0]["text"]


def test_settings_system_instruction_and_pictures(http: httpx2.Client) -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    body = {
        "contents": [{"parts": [{"text": "what is it?"}, picture]}],
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "generationConfig": {"maxOutputTokens": 2, "candidateCount": 2},
    }
    reply = http.post(gemini_path(version="v1beta"), json=body).json()
    assert [c["finishReason"] for c in reply["candidates"]] == ["MAX_TOKENS", "MAX_TOKENS"]
    assert reply["usageMetadata"]["promptTokenCount"] > 85


def test_the_stream_is_an_array_without_alt_sse(http: httpx2.Client) -> None:
    reply = http.post(gemini_path(stream=True).removesuffix("?alt=sse"), json=gemini_body())
    assert reply.headers["content-type"].startswith("application/json")
    pieces = reply.json()
    assert pieces == json.loads(reply.text)
    assert pieces[-1]["candidates"][0]["finishReason"] == "STOP"


def test_thoughts_usage_and_finish_in_their_forms(gateway: LocalGateway, http: httpx2.Client) -> None:
    gateway.script.set_style("*", reasoning="reasoning_content", details=True, finish_with_content=True)
    chunks = events(http.post(gemini_path(stream=True), json=gemini_body()).text)
    assert chunks[0]["candidates"][0]["content"]["parts"][0]["thought"] is True
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"
    assert chunks[-1]["candidates"][0]["content"]["parts"][0]["text"]
    used = chunks[-1]["usageMetadata"]
    parts = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
    assert used["totalTokenCount"] == sum(used[name] for name in parts)
    gateway.script.set_style("*", usage_on="never")
    assert "usageMetadata" not in http.post(gemini_path(stream=True), json=gemini_body()).text


def test_the_model_is_in_the_path_slashes_and_all(gateway: LocalGateway, http: httpx2.Client) -> None:
    http.post(gemini_path("google/gemini-2.5-flash"), json=gemini_body())
    http.post(gemini_path("gemini-2.5-flash", stream=True, version="v1beta"), json=gemini_body())
    assert [(r.model, r.stream, r.query) for r in gateway.requests] == [
        ("google/gemini-2.5-flash", False, ""),
        ("gemini-2.5-flash", True, "alt=sse"),
    ]


def test_a_request_without_contents_is_refused(http: httpx2.Client) -> None:
    assert http.post(gemini_path(), json={}).json()["error"]["code"] == "missing_parameter"
