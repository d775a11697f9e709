"""Function calling through our google-genai client and the stock one, by hand and automatic."""

from typing import Any

import pytest
from google.genai import types

from tests.sdk.pair import Pair

MODEL = "gemini-2.5-flash"
FIND: Any = {
    "name": "find",
    "description": "Find places",
    "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}, "size": {"type": "INTEGER"}}},
}


def find_weather(city: str, days: int = 3) -> dict[str, str]:
    """The weather in a city.

    Args:
        city: its name.
        days: how many.
    """
    return {"weather": f"sunny in {city} for {days} days"}


def forced(*names: str) -> types.ToolConfig:
    mode = types.FunctionCallingConfigMode.ANY
    calling = types.FunctionCallingConfig(mode=mode, allowed_function_names=list(names) or None)
    return types.ToolConfig(function_calling_config=calling)


@pytest.mark.parametrize("tool_config", [None, forced(), forced("find")], ids=["auto", "any", "named"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_declared_function_is_called(geminis: Pair, tool_config: Any, stream: bool) -> None:
    tool = types.Tool(function_declarations=[FIND])
    config = types.GenerateContentConfig(tools=[tool], tool_config=tool_config)

    def case(client: Any) -> Any:
        if stream:
            return list(client.models.generate_content_stream(model=MODEL, contents="7 of them", config=config))
        return [client.models.generate_content(model=MODEL, contents="7 of them", config=config)]

    (call,) = geminis.same(case)[0].function_calls
    assert (call.name, call.args) == ("find", {"city": "Simulated city", "size": 7})


def test_a_function_response_comes_round(geminis: Pair) -> None:
    config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[FIND])])

    def case(client: Any) -> Any:
        asked = client.models.generate_content(model=MODEL, contents="7 of them", config=config)
        found = types.Part.from_function_response(name="find", response={"found": "Bern"})
        history = ["7 of them", asked.candidates[0].content, types.Content(role="user", parts=[found])]
        return client.models.generate_content(model=MODEL, contents=history, config=config)

    assert "Bern" in geminis.same(case).text


def test_a_python_function_is_called_automatically(geminis: Pair) -> None:
    config = types.GenerateContentConfig(tools=[find_weather])
    reply = geminis.same(
        lambda client: client.models.generate_content(model=MODEL, contents="5 days in 'Bern'", config=config)
    )
    assert "sunny in Simulated city for 5 days" in reply.text
    assert len(reply.automatic_function_calling_history) == 3
    # Each of the two calls is a call of the policy, and is billed as one.
    assert len(geminis.our_gateway.requests) == len(geminis.our_gateway.account.calls) == 2


def test_a_python_function_is_called_automatically_while_streaming(geminis: Pair) -> None:
    config = types.GenerateContentConfig(tools=[find_weather])
    chunks = geminis.same(
        lambda client: list(client.models.generate_content_stream(model=MODEL, contents="5 days", config=config))
    )
    assert "sunny" in "".join(chunk.text or "" for chunk in chunks)


def test_a_chat_calls_functions_automatically(geminis: Pair) -> None:
    def case(client: Any) -> Any:
        chat = client.chats.create(model=MODEL, config=types.GenerateContentConfig(tools=[find_weather]))
        return chat.send_message("5 days"), len(chat.get_history())

    reply, length = geminis.same(case)
    assert "sunny" in reply.text
    assert length == 4


def test_automatic_calling_can_be_switched_off(geminis: Pair) -> None:
    off = types.AutomaticFunctionCallingConfig(disable=True)
    config = types.GenerateContentConfig(tools=[find_weather], automatic_function_calling=off)
    reply = geminis.same(lambda client: client.models.generate_content(model=MODEL, contents="5 days", config=config))
    assert reply.function_calls[0].name == "find_weather"
    assert len(geminis.our_gateway.requests) == 1


@pytest.mark.parametrize("way", ["async"])
def test_an_async_python_function_is_awaited(geminis: Pair) -> None:
    async def find_tide(city: str) -> str:
        """The tide at a city."""
        return f"high at {city}"

    config = types.GenerateContentConfig(tools=[find_tide])
    reply = geminis.same(lambda client: client.models.generate_content(model=MODEL, contents="tide", config=config))
    assert "high at Simulated city" in reply.text
