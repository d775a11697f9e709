"""A stream's events put together to a reply, whatever forms they come in."""

from typing import Any

import pytest

from aisa_integrations import GatewayClient
from aisa_integrations.gateway_client.assembly import assembled
from aisa_integrations.local import LocalGateway


def chunk(delta: Any, reason: str | None = None, **more: Any) -> dict[str, Any]:
    return {"id": "1", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **more}


def call(**piece: Any) -> dict[str, Any]:
    return {"tool_calls": [piece]}


ADD = {"id": "c", "type": "function", "function": {"name": "add", "arguments": '{"a":2}'}}
CALLED = [
    call(index=0, id="c", type="function", function={"name": "add", "arguments": ""}),
    call(index=0, function={"arguments": '{"a":2}'}),
]


def message_of(events: list[dict[str, Any]]) -> dict[str, Any]:
    (choice,) = assembled(events)["choices"]
    found: dict[str, Any] = choice["message"]
    return found


def test_it_is_the_reply_that_a_plain_call_gives(gateway: LocalGateway) -> None:
    gateway.script.reply("*", "Four.", reasoning="2 and 2")
    gateway.script.set_style("*", reasoning="reasoning_content")
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "2 + 2?"}]}
    with GatewayClient(gateway.api_key, base_url=gateway.url) as client:
        plain = client.chat(body)
        events = list(client.stream({**body, "stream_options": {"include_usage": True}}))
    reply = assembled(events)
    assert reply["choices"] == plain["choices"]
    assert reply["usage"].keys() == plain["usage"].keys()
    assert reply["object"] == "chat.completion"


def test_a_stream_without_a_finish_reason_keeps_its_tool_calls() -> None:
    events = [chunk({"role": "assistant", "reasoning": "2 …"}), *map(chunk, CALLED)]
    assert message_of(events)["tool_calls"] == [ADD]
    assert message_of(events)["reasoning"] == "2 …"
    assert assembled(events)["choices"][0].get("finish_reason") is None


def test_an_unknown_field_is_kept_once_and_left_out_where_it_comes_in_pieces() -> None:
    assert message_of([chunk({"content": "a", "mood": "good"}), chunk({"content": "b"}, "stop")])["mood"] == "good"
    events = [
        chunk({"content": "a", "mood": "go"}),
        chunk({"mood": "od"}),
        *map(chunk, CALLED),
        chunk({}, "tool_calls"),
    ]
    message = message_of(events)
    assert "mood" not in message
    assert (message["content"], message["tool_calls"]) == ("a", [ADD])


@pytest.mark.parametrize(
    "odd",
    [
        {"choices": [{"index": "0", "delta": {"content": "b"}}]},
        {"choices": [{"index": 0, "delta": {"content": "b", "tool_calls": [{"id": "c"}]}}]},
        {"choices": [{"index": 0, "delta": {"content": "b", "reasoning": 3}}]},
    ],
    ids=str,
)
def test_text_is_there_whatever_comes_beside_it(odd: dict[str, Any]) -> None:
    events = [chunk({"content": "a"}), odd, chunk({"content": "c"}, "stop")]
    (choice,) = assembled(events)["choices"]
    assert choice["message"]["content"] == ("ac" if odd["choices"][0]["index"] == "0" else "abc")
    assert choice["finish_reason"] == "stop"


def test_no_events_are_an_empty_reply() -> None:
    assert message_of([])["content"] == ""
