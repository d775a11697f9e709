"""Chat on the wire: shapes, streams in all their forms, tools and JSON."""

import json
from typing import Any, Literal

import openai
import pytest
from openai.types.chat import ChatCompletionUserMessageParam
from pydantic import BaseModel

from aisa_integrations.local import LocalGateway
from tests.local.conftest import Ask
from tests.local.events import events, said

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 18}},
    "required": ["name", "age"],
}
TOOL: dict[str, Any] = {"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}
JSON_SCHEMA: dict[str, Any] = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA}}


@pytest.fixture
def sdk(gateway: LocalGateway):
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.api_key, max_retries=0) as client:
        yield client


def test_a_plain_reply_has_the_documented_shape(chat: Ask) -> None:
    reply = chat()
    body = reply.json()
    assert reply.headers["x-aisa-local"] == "simulated"
    assert body["object"] == "chat.completion"
    assert body["model"] == "gpt-4o"
    text = body["choices"][0]["message"]["content"]
    assert text.startswith("Simulated reply from gpt-4o")
    assert "Zoë, 你好" in text
    assert set(body["usage"]) == {
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "cost",
        "credits_remaining",
    }


def test_the_same_question_gets_the_same_answer(chat: Ask) -> None:
    assert chat().json()["choices"] == chat().json()["choices"]


def test_a_stream_has_the_form_of_the_gateway(chat: Ask) -> None:
    reply = chat(stream=True)
    chunks = events(reply.text)
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert chunks[-1] == "[DONE]"
    assert chunks[-2]["choices"][0] == {"index": 0, "delta": {}, "finish_reason": "stop"}
    assert len(chunks) > 6
    assert said(reply.text) == chat().json()["choices"][0]["message"]["content"]
    assert "usage" not in reply.text


def test_usage_comes_on_an_own_chunk_when_asked_for(chat: Ask) -> None:
    chunks = events(chat(stream=True, stream_options={"include_usage": True}).text)
    assert chunks[-2]["choices"] == []
    assert chunks[-2]["usage"]["cost"] > 0


def test_the_openai_sdk_reads_replies_and_streams(sdk: openai.OpenAI) -> None:
    message: ChatCompletionUserMessageParam = {"role": "user", "content": "hello"}
    whole = sdk.chat.completions.create(model="gpt-4o", messages=[message])
    assert whole.choices[0].message.content == "Simulated reply from gpt-4o: you said hello"
    with sdk.chat.completions.stream(model="gpt-4o", messages=[message]) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.content == whole.choices[0].message.content


def test_length_stop_and_n_are_honoured(chat: Ask) -> None:
    short = chat(max_tokens=3).json()
    assert short["choices"][0]["finish_reason"] == "length"
    assert short["usage"]["completion_tokens"] == 3
    assert chat(stop=["reply"]).json()["choices"][0]["message"]["content"] == "Simulated "
    three = chat(n=3).json()["choices"]
    assert [choice["index"] for choice in three] == [0, 1, 2]
    assert len({choice["message"]["content"] for choice in three}) == 3
    streamed = events(chat(n=2, stream=True).text)
    assert {c["choices"][0]["index"] for c in streamed if c != "[DONE]"} == {0, 1}


@pytest.mark.parametrize(
    ("style", "shows", "hides"),
    [
        ({"index": False}, '"choices":[{"delta"', '"index"'),
        ({"null_first": True}, '"content":null', '"content":""'),
        ({"comments": True}, ": keep-alive\n\ndata: ", None),
        ({"space": False}, 'data:{"id"', "data: "),
        ({"crlf": True}, "\r\n\r\ndata: ", None),
        ({"done": False}, '"finish_reason":"stop"', "[DONE]"),
        ({"finish": False}, "[DONE]", '"finish_reason":"stop"'),
        ({"reasoning": "reasoning_content"}, '"reasoning_content":"Simulated', "<think>"),
        ({"reasoning": "reasoning"}, '"reasoning":"Simulated', "reasoning_content"),
        ({"reasoning": "think"}, "<think>", "reasoning_content"),
        ({"error_null": True}, '"error":null', None),
        ({"usage_on": "own"}, '"choices":[],"usage"', None),
        ({"usage_on": "own", "usage": "tokens"}, '"total_tokens"', '"cost"'),
        ({"usage_on": "own", "usage": "none"}, "[DONE]", "usage"),
        ({"usage_on": "own", "details": True}, "completion_tokens_details", None),
        ({"usage_on": "never"}, "[DONE]", "usage"),
    ],
)
def test_streams_in_every_form_of_the_gateway(
    gateway: LocalGateway, chat: Ask, style: dict[str, Any], shows: str, hides: str | None
) -> None:
    gateway.script.set_style("gpt-4o", **style)
    text = chat(stream=True, stream_options={"include_usage": True}).text
    assert shows in text
    assert hides is None or hides not in text
    assert "Zoë," in text


def test_usage_and_finish_on_the_last_content_chunk(gateway: LocalGateway, chat: Ask) -> None:
    whole = chat().json()["choices"][0]["message"]["content"]
    gateway.script.set_style("*", usage_on="last", finish_with_content=True)
    text = chat(stream=True).text
    last = events(text)[-2]
    assert last["choices"][0]["delta"]["content"]
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["usage"]["cost"] > 0
    assert said(text) == whole


@pytest.mark.parametrize("size", [0, 1, 7])
def test_writes_of_any_size_carry_the_same_stream(gateway: LocalGateway, chat: Ask, size: int) -> None:
    whole = said(chat(stream=True).text)
    gateway.script.set_style("gpt-4o", write_size=size)
    assert said(chat(stream=True).text) == whole


def test_forced_and_named_tools_are_called_once_with_fitting_arguments(chat: Ask) -> None:
    other = {"type": "function", "function": {"name": "other", "parameters": {"type": "object", "properties": {}}}}
    for choice in ("required", "any"):
        (call,) = chat(tools=[TOOL, other], tool_choice=choice).json()["choices"][0]["message"]["tool_calls"]
        assert call["function"]["name"] == "get_weather"
        assert json.loads(call["function"]["arguments"]) == {"name": "你好", "age": 18}
    named = {"type": "function", "function": {"name": "other"}}
    choice = chat(tools=[TOOL, other], tool_choice=named).json()["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "other", "arguments": "{}"}


def test_an_agent_loop_comes_to_an_end(http, chat: Ask) -> None:
    first = chat(tools=[TOOL]).json()["choices"][0]["message"]
    history = [
        {"role": "user", "content": "weather?"},
        first,
        {"role": "tool", "tool_call_id": first["tool_calls"][0]["id"], "content": "sunny"},
    ]
    body = {"model": "gpt-4o", "messages": history, "tools": [TOOL]}
    choice = http.post("/v1/chat/completions", json=body).json()["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["content"].endswith("the tool said sunny")
    again = {**body, "messages": [*history, {"role": "user", "content": "and tomorrow?"}]}
    assert http.post("/v1/chat/completions", json=again).json()["choices"][0]["finish_reason"] == "tool_calls"
    assert "tool_calls" not in chat(tools=[TOOL], tool_choice="none").json()["choices"][0]["message"]


def test_tool_calls_stream_in_fragments_and_legacy_functions_work(sdk: openai.OpenAI, chat: Ask) -> None:
    magic: Any = {"type": "function", "function": {**TOOL["function"], "name": "magic"}}
    with sdk.chat.completions.stream(
        model="gpt-4o",
        messages=[{"role": "user", "content": "magic_function(3)?"}],
        tools=[magic],
        tool_choice="required",
    ) as stream:
        (call,) = stream.get_final_completion().choices[0].message.tool_calls or []
    assert json.loads(call.function.arguments)["age"] == 18
    legacy = chat(functions=[TOOL["function"]], function_call={"name": "get_weather"}).json()["choices"][0]
    assert legacy["finish_reason"] == "function_call"
    assert legacy["message"]["function_call"]["name"] == "get_weather"
    assert "function_call" in chat(functions=[TOOL["function"]], stream=True).text


def test_json_fits_the_schema_plain_and_streamed(gateway: LocalGateway, chat: Ask) -> None:
    text = chat(response_format=JSON_SCHEMA).json()["choices"][0]["message"]["content"]
    assert json.loads(text) == {"name": "你好", "age": 18}
    assert said(chat(response_format=JSON_SCHEMA, stream=True).text) == text
    gateway.script.set_style("gpt-4o", fenced=True)
    fenced = chat(response_format=JSON_SCHEMA).json()["choices"][0]["message"]["content"]
    assert fenced == f"```json\n{text}\n```"


def test_the_sdk_parses_structured_output(sdk: openai.OpenAI) -> None:
    class Joke(BaseModel):
        kind: Literal["pun", "riddle"]
        setup: str
        punchline: str | None
        laughs: list[int]

    done = sdk.chat.completions.parse(
        model="gpt-4o", messages=[{"role": "user", "content": "a joke"}], response_format=Joke
    )
    assert isinstance(done.choices[0].message.parsed, Joke)


def test_json_mode_uses_the_keys_that_the_prompt_names(http) -> None:
    body = {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "A joke as JSON with the keys 'setup' and 'punchline'."}],
        "response_format": {"type": "json_object"},
    }
    reply = http.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]["content"]
    assert set(json.loads(reply)) == {"setup", "punchline"}


def test_images_are_accepted_and_counted(http) -> None:
    parts = [
        {"type": "text", "text": "what is it?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ]
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": parts}]}
    assert http.post("/v1/chat/completions", json=body).json()["usage"]["prompt_tokens"] > 85


def test_scripted_words_calls_json_and_reasoning(gateway: LocalGateway, chat: Ask) -> None:
    gateway.script.reply("gpt-4o", "first", times=1)
    gateway.script.reply("gpt-4o", json={"a": 1}, reasoning="hm", times=1)
    gateway.script.reply("gpt-4o", tool_calls=[{"name": "f", "arguments": {"x": "ü"}}], times=1)
    gateway.script.reply("*", "everyone", finish_reason="content_filter")
    messages = [chat().json()["choices"][0]["message"] for _ in range(3)]
    assert messages[0]["content"] == "first"
    assert messages[1] == {"role": "assistant", "content": '{"a": 1}', "reasoning_content": "hm"}
    assert messages[2]["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"x": "ü"}'}
    last = chat().json()["choices"][0]
    assert (last["message"]["content"], last["finish_reason"]) == ("everyone", "content_filter")


def test_tool_calls_as_prose(gateway: LocalGateway, chat: Ask) -> None:
    gateway.script.set_style("gpt-4o", tool_prose=True)
    message = chat(tools=[TOOL]).json()["choices"][0]["message"]
    assert "get_weather(" in message["content"]
    assert "tool_calls" not in message


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"{", "json_parse_error"),
        (b"[]", "json_parse_error"),
        (b'{"messages":[1]}', "missing_parameter"),
        (b'{"model":"m"}', "missing_parameter"),
        (b'{"model":"m","messages":"hi"}', "missing_parameter"),
    ],
)
def test_senseless_requests_are_refused_with_the_codes_of_the_docs(http, content: bytes, code: str) -> None:
    reply = http.post("/v1/chat/completions", content=content)
    assert reply.status_code == 400
    assert reply.json()["error"]["code"] == code
