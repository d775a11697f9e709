"""Streamed chat through our client and the stock one: the same chunks, the same helpers' events."""

from typing import Any

import pytest
from openai.types.chat import ChatCompletionChunk

from tests.sdk.pair import Pair

HELLO: list[Any] = [{"role": "user", "content": "Say hello to Zoë, 你好"}]


def chunks(client: Any, **settings: Any) -> list[ChatCompletionChunk]:
    return list(client.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True, **settings))


def said(chunks: list[ChatCompletionChunk]) -> str:
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def test_a_stream_has_the_same_chunks(chats: Pair) -> None:
    got = chats.same(chunks)
    assert {type(chunk) for chunk in got} == {ChatCompletionChunk}
    assert said(got).endswith("Say hello to Zoë, 你好")
    # Nobody asked for usage: no chunk without choices, on which `chunk.choices[0]` would be an IndexError.
    assert all(chunk.choices for chunk in got)


@pytest.mark.parametrize(
    ("settings", "has_usage"),
    [
        ({"stream_options": {"include_usage": True}}, True),
        ({"stream_options": {"include_usage": False}}, False),
        ({"stream_options": None}, False),
        ({"n": 2}, False),
        ({"stop": ["hello"]}, False),
        ({"max_tokens": 4}, False),
    ],
    ids=str,
)
def test_settings_of_a_stream(chats: Pair, settings: dict[str, Any], has_usage: bool) -> None:
    got = chats.same(lambda client: chunks(client, **settings))
    assert any(chunk.usage for chunk in got) is has_usage
    assert {choice.index for chunk in got for choice in chunk.choices} == set(range(settings.get("n", 1)))


@pytest.mark.parametrize(
    "style",
    [
        {"usage_on": "own"},
        {"usage_on": "last"},
        {"usage_on": "never"},
        {"finish_with_content": True},
        {"null_first": True},
        {"index": False},
        {"comments": True},
        {"space": False},
        {"crlf": True},
        {"done": False},
        {"error_null": True},
        {"reasoning": "reasoning_content", "details": True},
        {"reasoning": "reasoning"},
        {"reasoning": "think"},
        {"write_size": 1},
        {"write_size": 7, "crlf": True, "comments": True},
        {"write_size": 0},
    ],
    ids=str,
)
def test_every_form_that_stock_reads_reads_the_same(chats: Pair, style: dict[str, Any]) -> None:
    chats.prepare(lambda gateway: gateway.script.set_style("gpt-4o", **style))
    got = chats.same(lambda client: [c for c in chunks(client) if c.choices])
    assert said(got).endswith("Say hello to Zoë, 你好")


def test_the_stream_helper_has_the_same_events_and_the_same_final_completion(chats: Pair) -> None:
    def case(client: Any) -> Any:
        with client.chat.completions.stream(model="gpt-4o", messages=HELLO) as stream:
            events = list(stream)
            return events, stream.get_final_completion()

    events, final = chats.same(case)
    kinds = {event.type for event in events}
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert final.choices[0].message.content == next(e.content for e in events if e.type == "content.done")


def test_the_stream_helper_shows_usage_when_it_was_asked_for(chats: Pair) -> None:
    def case(client: Any) -> Any:
        options: Any = {"include_usage": True}
        with client.chat.completions.stream(model="gpt-4o", messages=HELLO, stream_options=options) as stream:
            stream.until_done()
            return stream.get_final_completion()

    assert chats.same(case).usage.cost > 0


def test_a_stream_is_a_context_manager_and_can_be_left_early(chats: Pair) -> None:
    chats.prepare(lambda gateway: gateway.script.set_style("gpt-4o", chunk_delay=0.002))

    def case(client: Any) -> Any:
        with client.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True) as stream:
            first = next(chunk for chunk in stream if chunk.choices[0].delta.content)
        return first, client.chat.completions.create(model="gpt-4o", messages=HELLO).choices[0].finish_reason

    first, finish = chats.same(case)
    assert first.choices[0].delta.content == "Simulated"
    assert finish == "stop"


def test_a_stream_shows_its_response(chats: Pair) -> None:
    def case(client: Any) -> Any:
        with client.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True) as stream:
            response = stream.response
            list(stream)
        return response.status_code, response.headers["content-type"], str(response.url.path)

    assert chats.same(case) == (200, "text/event-stream; charset=utf-8", "/v1/chat/completions")
