"""Tools and the older functions through our client and the stock one, whole and in fragments."""

import json
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.sdk.pair import Pair

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city", "days"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}
TIME: Any = {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}}}}
QUESTION: list[Any] = [{"role": "user", "content": "5 days in 'Zürich'"}]
TWO_CALLS = [
    {"name": "get_weather", "arguments": {"city": "Zürich", "days": 5}},
    {"name": "get_time", "arguments": {}},
]


class GetWeather(BaseModel):
    city: str
    days: int


def ask(client: Any, **settings: Any) -> Any:
    return client.chat.completions.create(model="gpt-4o", messages=QUESTION, **{"tools": [WEATHER, TIME], **settings})


@pytest.mark.parametrize(
    ("settings", "called"),
    [
        ({"tool_choice": "required"}, "get_weather"),
        ({"tool_choice": {"type": "function", "function": {"name": "get_time"}}}, "get_time"),
        ({"tool_choice": "auto", "parallel_tool_calls": False}, "get_weather"),
        ({"tool_choice": "none"}, None),
    ],
    ids=["required", "named", "auto", "none"],
)
def test_a_tool_is_called(chats: Pair, settings: dict[str, Any], called: str | None) -> None:
    choice = chats.same(lambda client: ask(client, **settings)).choices[0]
    assert [call.function.name for call in choice.message.tool_calls or ()] == ([called] if called else [])
    assert choice.finish_reason == ("tool_calls" if called else "stop")


def test_several_tools_are_called_at_once(chats: Pair) -> None:
    chats.prepare(lambda gateway: gateway.script.reply("gpt-4o", "One moment.", tool_calls=TWO_CALLS))
    message = chats.same(ask).choices[0].message
    assert [json.loads(call.function.arguments) for call in message.tool_calls] == [{"city": "Zürich", "days": 5}, {}]
    assert message.content == "One moment."


def test_a_conversation_with_tools_comes_round(chats: Pair) -> None:
    def case(client: Any) -> Any:
        asked = ask(client).choices[0].message
        result: Any = {"role": "tool", "tool_call_id": asked.tool_calls[0].id, "content": "sunny"}
        # The message object itself goes back in, as the SDK's documentation shows it.
        history = [*QUESTION, asked, result]
        return client.chat.completions.create(model="gpt-4o", messages=history, tools=[WEATHER])

    assert chats.same(case).choices[0].message.content.endswith("the tool said sunny")


def test_arguments_stream_in_the_same_fragments(chats: Pair) -> None:
    chats.prepare(lambda gateway: gateway.script.reply("gpt-4o", tool_calls=TWO_CALLS))
    chunks = chats.same(lambda client: list(ask(client, stream=True)))
    deltas = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    first = "".join(delta.function.arguments for delta in deltas if delta.index == 0)
    assert json.loads(first) == {"city": "Zürich", "days": 5}
    assert {delta.index for delta in deltas} == {0, 1}
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_the_stream_helper_parses_arguments_of_a_pydantic_tool(chats: Pair) -> None:
    tool = openai.pydantic_function_tool(GetWeather)

    def case(client: Any) -> Any:
        with client.chat.completions.stream(
            model="gpt-4o", messages=QUESTION, tools=[tool], tool_choice="required"
        ) as stream:
            events = [event.type for event in stream]
            return events, stream.get_final_completion()

    events, final = chats.same(case)
    assert "tool_calls.function.arguments.done" in events
    parsed = final.choices[0].message.tool_calls[0].function.parsed_arguments
    assert (type(parsed), parsed.days) == (GetWeather, 5)


def test_parse_fills_parsed_arguments(chats: Pair) -> None:
    tool = openai.pydantic_function_tool(GetWeather, name="forecast")
    final = chats.same(lambda client: client.chat.completions.parse(model="gpt-4o", messages=QUESTION, tools=[tool]))
    (call,) = final.choices[0].message.tool_calls
    assert call.function.name == "forecast"
    assert type(call.function.parsed_arguments) is GetWeather


@pytest.mark.parametrize("stream", [False, True])
def test_the_older_functions_work(chats: Pair, stream: bool) -> None:
    def case(client: Any) -> Any:
        reply = client.chat.completions.create(
            model="gpt-4o",
            messages=QUESTION,
            functions=[WEATHER["function"]],
            function_call={"name": "get_weather"},
            stream=stream,
        )
        return list(reply) if stream else reply

    got = chats.same(case)
    if stream:
        calls = [chunk.choices[0].delta.function_call for chunk in got]
        arguments = "".join(call.arguments for call in calls if call)
    else:
        assert got.choices[0].finish_reason == "function_call"
        arguments = got.choices[0].message.function_call.arguments
    assert json.loads(arguments)["days"] == 5
