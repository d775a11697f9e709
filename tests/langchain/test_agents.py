"""LangGraph's agents on the chat model, on one whose first model always fails, and on what is made of several models.

The gateway is the local one, and what the models say is scripted: that the loop, its streams and its memory work is
shown here, and not that a model chooses its tools well.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel

from aisa_integrations import ChatAisa, track
from aisa_integrations.errors import InsufficientCreditsError
from aisa_integrations.local import LocalGateway

MODEL, BROKEN = "gpt-4.1", "gpt-4o"
QUESTION = {"messages": [("user", "What is the weather in Paris?")]}

MakeChat = Callable[..., ChatAisa]


def get_weather(city: str) -> str:
    """Say what the weather is like in a city."""
    return f"It is sunny in {city}."


class Forecast(BaseModel):
    """What the weather will be like."""

    city: str
    degrees: int


@pytest.fixture(params=["well", "failing first"])
def chat(request: pytest.FixtureRequest, make_chat: MakeChat, gateway: LocalGateway) -> ChatAisa:
    """A model that answers, and one that has a fallback and needs it."""
    gateway.script.fail(BROKEN, "server_error")
    return make_chat(model=MODEL) if request.param == "well" else make_chat(model=BROKEN).fallback_to(MODEL)


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def is_async(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def run(agent: Any, is_async: bool, said: Any = QUESTION, **options: Any) -> list[Any]:
    """The messages of the conversation at its end."""
    state = asyncio.run(agent.ainvoke(said, **options)) if is_async else agent.invoke(said, **options)
    messages: list[Any] = state["messages"]
    return messages


def streamed(agent: Any, is_async: bool, **options: Any) -> list[Any]:
    """The messages and pieces of messages as they come."""

    async def collect() -> list[Any]:
        return [piece async for piece, _ in agent.astream(QUESTION, stream_mode="messages", **options)]

    if is_async:
        return asyncio.run(collect())
    return [piece for piece, _ in agent.stream(QUESTION, stream_mode="messages", **options)]


def test_the_loop_calls_a_tool_and_answers(chat: ChatAisa, is_async: bool, gateway: LocalGateway) -> None:
    gateway.script.reply(MODEL, tool_calls=[{"name": "get_weather", "arguments": {"city": "Paris"}}], times=1)
    with track() as spend:
        human, call, result, answer = run(create_agent(chat, tools=[get_weather]), is_async)
    assert human.text == "What is the weather in Paris?"
    assert [(each["name"], each["args"]) for each in call.tool_calls] == [("get_weather", {"city": "Paris"})]
    assert isinstance(result, ToolMessage)
    assert result.text == "It is sunny in Paris."
    assert answer.text == f"Simulated reply from {MODEL}: the tool said It is sunny in Paris."
    assert {message.response_metadata["served_by"] for message in (call, answer)} == {MODEL}
    assert spend.calls == 2
    assert float(spend.cost) == pytest.approx(call.response_metadata["cost"] + answer.response_metadata["cost"])
    sent = gateway.requests[-1].json["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool"]
    assert sent[1]["tool_calls"][0]["id"] == sent[2]["tool_call_id"]


def test_several_tools_are_called_at_once(chat: ChatAisa, is_async: bool, gateway: LocalGateway) -> None:
    cities = ["Paris", "Rome"]
    calls = [{"id": f"call_{city}", "name": "get_weather", "arguments": {"city": city}} for city in cities]
    gateway.script.reply(MODEL, tool_calls=calls, times=1)
    messages = run(create_agent(chat, tools=[get_weather]), is_async)
    assert [m.text for m in messages if isinstance(m, ToolMessage)] == [f"It is sunny in {city}." for city in cities]
    assert messages[-1].text.startswith("Simulated reply")


def test_what_streams_adds_up_to_the_same(chat: ChatAisa, is_async: bool, gateway: LocalGateway) -> None:
    gateway.script.reply(MODEL, tool_calls=[{"name": "get_weather", "arguments": {"city": "Paris"}}], times=1)
    pieces = streamed(create_agent(chat, tools=[get_weather]), is_async)
    by_message: dict[str, list[Any]] = {}
    for piece in pieces:
        by_message.setdefault(str(piece.id), []).append(piece)
    call, result, answer = by_message.values()
    assert len(call) > 2
    assert len(answer) > 5
    assert all(isinstance(piece, AIMessageChunk) for piece in (*call, *answer))
    assert (call[0] + call[1:]).tool_calls[0]["args"] == {"city": "Paris"}
    assert result[0].text == "It is sunny in Paris."
    whole = answer[0] + answer[1:]
    assert whole.text == f"Simulated reply from {MODEL}: the tool said It is sunny in Paris."
    assert whole.response_metadata["served_by"] == MODEL
    assert whole.usage_metadata["output_tokens"] > 0
    assert all(request.json["stream"] for request in gateway.requests)


def test_a_checkpointer_remembers_a_thread_and_no_other(chat: ChatAisa, is_async: bool, gateway: LocalGateway) -> None:
    agent = create_agent(chat, tools=[get_weather], checkpointer=InMemorySaver())

    def ask(text: str, thread: str) -> list[Any]:
        config = {"configurable": {"thread_id": thread}}
        return run(agent, is_async, {"messages": [("user", text)]}, config=config)

    assert len(ask("What is the weather in Paris?", "one")) == 4
    assert len(ask("And in Rome?", "one")) == 8
    said = [message["content"] for message in gateway.requests[-1].json["messages"] if message["role"] == "user"]
    assert said == ["What is the weather in Paris?", "And in Rome?"]
    assert len(ask("And in Oslo?", "two")) == 4


@pytest.mark.parametrize("strategy", [ToolStrategy, ProviderStrategy])
def test_an_agent_that_answers_in_the_form_of_a_schema(
    chat: ChatAisa, is_async: bool, gateway: LocalGateway, strategy: Any
) -> None:
    forecast = {"city": "Paris", "degrees": 21}
    gateway.script.reply(MODEL, tool_calls=[{"name": "get_weather", "arguments": {"city": "Paris"}}], times=1)
    if strategy is ToolStrategy:
        gateway.script.reply(MODEL, tool_calls=[{"name": "Forecast", "arguments": forecast}])
    else:
        gateway.script.reply(MODEL, json=forecast)
    agent: Any = create_agent(chat, tools=[get_weather], response_format=strategy(Forecast))
    state = asyncio.run(agent.ainvoke(QUESTION)) if is_async else agent.invoke(QUESTION)
    assert state["structured_response"] == Forecast(city="Paris", degrees=21)


def test_an_error_of_the_model_ends_the_run(chat: ChatAisa, is_async: bool, gateway: LocalGateway) -> None:
    gateway.script.fail("*", "wallet_empty")
    gateway.script.fail(BROKEN, "wallet_empty")
    with pytest.raises(InsufficientCreditsError):
        run(create_agent(chat, tools=[get_weather]), is_async)


# ---- on several models -----------------------------------------------------------------------------------------------


def test_an_agent_escalates(make_chat: MakeChat, is_async: bool, gateway: LocalGateway) -> None:
    gateway.script.reply("gpt-4.1-mini", "", times=1)
    chat: Any = make_chat(model="gpt-4.1-mini").escalate_to(MODEL)
    _, call, _, answer = run(create_agent(chat, tools=[get_weather]), is_async)
    assert [stretch["reason"] for stretch in call.response_metadata["escalation"]["path"]] == ["empty", None]
    assert call.response_metadata["served_by"] == MODEL
    assert answer.response_metadata["served_by"] == "gpt-4.1-mini"


def test_an_answer_that_did_not_satisfy_is_not_streamed(
    make_chat: MakeChat, is_async: bool, gateway: LocalGateway
) -> None:
    gateway.script.reply("gpt-4.1-mini", "I am sorry.")
    chat: Any = make_chat(model="gpt-4.1-mini").escalate_to(MODEL, when=lambda message: "sorry" in message.text)
    pieces = streamed(create_agent(chat), is_async)
    assert (
        "".join(piece.text for piece in pieces)
        == f"Simulated reply from {MODEL}: you said {QUESTION['messages'][0][1]}"
    )
    assert len(pieces) > 5


def test_one_that_did_is_streamed_whole(make_chat: MakeChat, is_async: bool) -> None:
    chat: Any = make_chat(model="gpt-4.1-mini").escalate_to(MODEL)
    pieces = streamed(create_agent(chat), is_async)
    said = "".join(piece.text for piece in pieces)
    assert said == f"Simulated reply from gpt-4.1-mini: you said {QUESTION['messages'][0][1]}"


def test_an_agent_in_an_ab_test_keeps_its_model_for_a_thread(make_chat: MakeChat, is_async: bool) -> None:
    test: Any = make_chat(model=BROKEN).ab_test(MODEL, key="thread_id")
    thread = next(name for name in "abcdefgh" if test.arm(name) == MODEL)
    agent = create_agent(test, tools=[get_weather], checkpointer=InMemorySaver())
    messages = run(agent, is_async, config={"configurable": {"thread_id": thread}})
    assert {m.response_metadata["served_by"] for m in messages if isinstance(m, AIMessage)} == {MODEL}
    assert [row.arm for row in test.rows()] == [MODEL, MODEL]
