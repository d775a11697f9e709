"""`generate_content`, streams, chats and counting through our google-genai client and the stock one."""

import base64
import json
from typing import Any

import pytest
from google.genai import types
from pydantic import BaseModel

from tests.sdk.pair import Pair

MODEL = "gemini-2.5-flash"
PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGPod3YGAAJ6ARbhHdGOAA==")


class City(BaseModel):
    name: str
    people: int
    districts: list[str]


def test_generate_content_is_the_same_object(geminis: Pair) -> None:
    reply = geminis.same(lambda client: client.models.generate_content(model=MODEL, contents="你好, Zoë"))
    assert reply.text == f"Simulated reply from {MODEL}: you said 你好, Zoë"
    assert reply.usage_metadata.total_token_count > 0
    assert reply.sdk_http_response.headers["x-aisa-served-by"] == MODEL
    assert type(reply) is types.GenerateContentResponse


CONTENTS: dict[str, Any] = {
    "a list of strings": ["one", "two"],
    "a part": types.Part.from_text(text="one"),
    "a content": types.Content(role="user", parts=[types.Part(text="one")]),
    "a conversation": [
        types.UserContent("one"),
        types.ModelContent("two"),
        {"role": "user", "parts": [{"text": "three"}]},
    ],
    "a picture": [types.Part.from_bytes(data=PIXEL, mime_type="image/png"), "what is it?"],
    "a picture by URL": [types.Part.from_uri(file_uri="https://example.com/a.png", mime_type="image/png"), "what?"],
}


@pytest.mark.parametrize("contents", CONTENTS)
def test_contents_in_every_form(geminis: Pair, contents: str) -> None:
    reply = geminis.same(lambda client: client.models.generate_content(model=MODEL, contents=CONTENTS[contents]))
    assert reply.text
    assert ("picture" in contents) == (reply.usage_metadata.prompt_token_count > 85)


CONFIGS: dict[str, Any] = {
    "settings": types.GenerateContentConfig(
        system_instruction="Be brief.", temperature=0.2, top_p=0.9, top_k=3, max_output_tokens=99, seed=5
    ),
    "a dict": {"system_instruction": "Be brief.", "stop_sequences": ["you"], "candidate_count": 2},
    "a short answer": types.GenerateContentConfig(max_output_tokens=2),
    "safety": types.GenerateContentConfig(
        safety_settings=[
            types.SafetySetting(
                category=types.HarmCategory.HARM_CATEGORY_HARASSMENT,
                threshold=types.HarmBlockThreshold.BLOCK_ONLY_HIGH,
            )
        ]
    ),
    "thinking": types.GenerateContentConfig(
        thinking_config=types.ThinkingConfig(thinking_budget=0, include_thoughts=True)
    ),
}


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("stream", [False, True])
def test_configs(geminis: Pair, config: str, stream: bool) -> None:
    def case(client: Any) -> Any:
        if stream:
            return list(client.models.generate_content_stream(model=MODEL, contents="hello", config=CONFIGS[config]))
        return client.models.generate_content(model=MODEL, contents="hello", config=CONFIGS[config])

    assert geminis.same(case)


@pytest.mark.parametrize("schema", [City, list[City], City.model_json_schema()], ids=["class", "list", "dict"])
def test_a_response_schema_is_parsed(geminis: Pair, schema: Any) -> None:
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=schema)
    reply = geminis.same(lambda client: client.models.generate_content(model=MODEL, contents="7 people", config=config))
    city = reply.parsed[0] if isinstance(reply.parsed, list) else reply.parsed
    assert (city["people"] if isinstance(city, dict) else city.people) == 7
    assert isinstance(city, dict) == isinstance(schema, dict)


@pytest.mark.parametrize(
    ("asked", "keys"),
    [({"response_json_schema": City.model_json_schema()}, {"name", "people", "districts"}), ({}, {"reply"})],
    ids=["json schema", "json mode"],
)
def test_json_is_asked_for_and_comes(geminis: Pair, asked: dict[str, Any], keys: set[str]) -> None:
    config: dict[str, Any] = {"response_mime_type": "application/json", **asked}
    reply = geminis.same(lambda client: client.models.generate_content(model=MODEL, contents="x", config=config))
    assert set(json.loads(reply.text)) == keys


@pytest.mark.parametrize(
    "style",
    [
        {},
        {"finish_with_content": True},
        {"reasoning": "reasoning_content", "details": True},
        {"usage_on": "never"},
        {"gemini_usage": "metadata"},
        {"crlf": True},
        {"write_size": 7},
        {"write_size": 0},
    ],
    ids=str,
)
def test_a_stream_has_the_same_chunks(geminis: Pair, style: dict[str, Any]) -> None:
    geminis.prepare(lambda gateway: gateway.script.set_style(MODEL, **style))
    chunks = geminis.same(lambda client: list(client.models.generate_content_stream(model=MODEL, contents="你好")))
    assert "".join(chunk.text or "" for chunk in chunks).endswith("you said 你好")
    assert len(chunks) > 3


@pytest.mark.parametrize("style", [{"space": False}, {"comments": True}], ids=str)
def test_streams_that_stock_cannot_read_are_re_framed(geminis: Pair, style: dict[str, Any]) -> None:
    geminis.our_gateway.script.set_style(MODEL, **style)
    chunks = list(geminis.ours.models.generate_content_stream(model=MODEL, contents="hi"))
    assert "".join(chunk.text or "" for chunk in chunks).endswith("you said hi")


def test_a_text_with_line_ends_of_unicode_s_own_is_whole(geminis: Pair) -> None:
    text = "one\u2028two\u2029three\u0085four\nfive\u00a0\u00e9"
    geminis.our_gateway.script.reply(MODEL, text)
    chunks = list(geminis.ours.models.generate_content_stream(model=MODEL, contents="hi"))
    assert "".join(chunk.text or "" for chunk in chunks) == text


def test_a_chat_keeps_its_history(geminis: Pair) -> None:
    def case(client: Any) -> Any:
        chat = client.chats.create(model=MODEL, config={"system_instruction": "Be brief."})
        first = chat.send_message("one")
        second = list(chat.send_message_stream("two"))
        return first, second, chat.get_history(), chat.get_history(curated=True)

    first, second, history, _ = geminis.same(case)
    assert first.text.endswith("you said one")
    assert [content.role for content in history] == ["user", "model", "user", *["model"] * (len(history) - 3)]
    assert second[-1].candidates[0].finish_reason == types.FinishReason.STOP


def test_tokens_are_counted(geminis: Pair) -> None:
    counted = geminis.same(lambda client: client.models.count_tokens(model=MODEL, contents="hello there"))
    assert counted.total_tokens > 0
    assert not geminis.our_gateway.account.calls


@pytest.mark.parametrize("name", [f"models/{MODEL}", "google/gemini-2.5-pro"])
def test_names_of_models_are_written_as_stock_writes_them(geminis: Pair, name: str) -> None:
    geminis.same(lambda client: client.models.generate_content(model=name, contents="x"))
    assert geminis.our_gateway.requests[-1].path == f"/v1/models/{name.removeprefix('models/')}:generateContent"


def test_models_are_listed_and_got_as_stock_has_them(geminis: Pair) -> None:
    geminis.same(lambda client: list(client.models.list()))
    geminis.same(lambda client: client.models.get(model=MODEL))
    assert [request.path for request in geminis.our_gateway.requests] == ["/v1/models", f"/v1/models/{MODEL}"]
