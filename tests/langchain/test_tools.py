"""Tools: in every form they come in, forced or free, and never dropped by what is made of the model."""

from typing import Any, TypedDict

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableBinding
from langchain_core.tools import tool
from pydantic import BaseModel, Field

from aisa_integrations import ChatAisa, ConfigurationError
from aisa_integrations.langchain.binding import BoundChatAisa
from aisa_integrations.local import LocalGateway

from .conftest import Way


def plain(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
def decorated(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Pydantic(BaseModel):
    """Add two numbers."""

    a: int = Field(description="the first")
    b: int


class Typed(TypedDict):
    """Add two numbers."""

    a: int
    b: int


SCHEMA: dict[str, Any] = {
    "title": "Schema",
    "description": "Add two numbers.",
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
}
WIRE = {"type": "function", "function": {"name": "wire", "description": "Add.", "parameters": SCHEMA}}
FORMS: dict[str, Any] = {
    "plain": plain,
    "decorated": decorated,
    "Pydantic": Pydantic,
    "Typed": Typed,
    "Schema": SCHEMA,
    "wire": WIRE,
}


@pytest.mark.parametrize("name", FORMS)
def test_a_tool_in_any_form(chat: ChatAisa, way: Way, gateway: LocalGateway, name: str) -> None:
    bound = chat.bind_tools([FORMS[name]])
    assert isinstance(bound, RunnableBinding)
    (call,) = way.ask(bound, "Add 2 and 3").tool_calls
    assert call["name"] == name
    assert set(call["args"]) == {"a", "b"}
    (offered,) = gateway.requests[0].json["tools"]
    assert offered["type"] == "function"
    assert offered["function"]["name"] == name
    assert set(offered["function"]["parameters"]["properties"]) == {"a", "b"}


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (None, None),
        (False, None),
        ("any", "required"),
        ("required", "required"),
        (True, "required"),
        ({"type": "any"}, "required"),
        ({"type": "auto"}, "auto"),
        ({"type": "tool", "name": "plain"}, {"type": "function", "function": {"name": "plain"}}),
        ("auto", "auto"),
        ("none", "none"),
        ("plain", {"type": "function", "function": {"name": "plain"}}),
        ({"type": "function", "function": {"name": "plain"}}, {"type": "function", "function": {"name": "plain"}}),
    ],
)
def test_which_tool_must_be_called(chat: ChatAisa, gateway: LocalGateway, choice: Any, sent: Any) -> None:
    answer = chat.bind_tools([decorated, plain], tool_choice=choice).invoke("Add 2 and 3")
    assert gateway.requests[0].json.get("tool_choice") == sent
    assert bool(answer.tool_calls) == (choice != "none")
    if isinstance(sent, dict):
        assert answer.tool_calls[0]["name"] == "plain"


def test_no_tools_are_none(chat: ChatAisa, gateway: LocalGateway) -> None:
    chat.bind_tools([]).invoke("Hello")
    assert "tools" not in gateway.requests[0].json


def test_a_tool_that_is_not_there_can_not_be_chosen(chat: ChatAisa) -> None:
    with pytest.raises(ConfigurationError, match=r"names no tool that is offered: plain\. Did you mean 'plain'\?"):
        chat.bind_tools([plain], tool_choice="plane")


def test_strict_and_parallel_are_sent(chat: ChatAisa, gateway: LocalGateway) -> None:
    chat.bind_tools([plain], strict=True, parallel_tool_calls=False, temperature=0).invoke("Add 2 and 3")
    sent = gateway.requests[0].json
    assert sent["tools"][0]["function"]["strict"] is True
    assert (sent["parallel_tool_calls"], sent["temperature"]) == (False, 0)


def test_a_conversation_with_tools(chat: ChatAisa, way: Way, gateway: LocalGateway) -> None:
    bound = chat.bind_tools([plain])
    said: list[Any] = [HumanMessage("Add 2 and 3")]
    said.append(way.ask(bound, said))
    (call,) = said[-1].tool_calls
    said.append(ToolMessage("5", tool_call_id=call["id"]))
    answer = way.ask(bound, said)
    assert "the tool said 5" in answer.text
    assert answer.tool_calls == []
    roles = [message["role"] for message in gateway.requests[-1].json["messages"]]
    assert roles == ["user", "assistant", "tool"]


# ---- what is made of it keeps them ----------------------------------------------------------------------------------


def names_sent(gateway: LocalGateway) -> list[str]:
    return [offered["function"]["name"] for offered in gateway.requests[-1].json["tools"]]


def test_tools_are_added_and_options_kept(chat: ChatAisa, gateway: LocalGateway) -> None:
    chat.bind(temperature=0).bind_tools([plain]).bind_tools([decorated], tool_choice="plain").invoke("Hello")
    assert names_sent(gateway) == ["plain", "decorated"]
    sent = gateway.requests[-1].json
    assert (sent["temperature"], sent["tool_choice"]["function"]["name"]) == (0, "plain")


def test_a_config_is_kept_too(chat: ChatAisa, gateway: LocalGateway) -> None:
    heard: list[list[str]] = []

    class Tags(BaseCallbackHandler):
        def on_chat_model_start(self, serialized: Any, messages: Any, *, tags: Any = None, **told: Any) -> None:
            heard.append(tags)

    bound = chat.with_config(tags=["mine"], callbacks=[Tags()]).bind_tools([plain]).fallback_to("gpt-4o")
    bound.invoke("Hello")
    assert names_sent(gateway) == ["plain"]
    assert heard == [["mine"]]


def test_a_later_tool_of_the_same_name_stays(chat: ChatAisa, gateway: LocalGateway) -> None:
    other = {"name": "plain", "description": "Another.", "parameters": SCHEMA}
    chat.bind_tools([plain]).bind_tools([other]).invoke("Hello")
    assert names_sent(gateway) == ["plain"]
    assert gateway.requests[-1].json["tools"][0]["function"]["description"] == "Another."


def test_a_fallback_is_offered_the_same_tools(chat: ChatAisa, way: Way, gateway: LocalGateway) -> None:
    gateway.script.fail(chat.model, "server_error")
    for bound in (chat.bind_tools([plain]).fallback_to("gpt-4o"), chat.fallback_to("gpt-4o").bind_tools([plain])):
        assert isinstance(bound, BoundChatAisa)
        answer = way.ask(bound, "Add 2 and 3")
        assert answer.response_metadata["served_by"] == "gpt-4o"
        assert answer.tool_calls[0]["name"] == "plain"
        assert names_sent(gateway) == ["plain"]


def test_a_bound_model_explains_itself_with_what_is_bound(chat: ChatAisa) -> None:
    bound = chat.bind(model="aisa/auto").bind_tools([plain])
    decision = bound.explain("Hello")
    assert decision.route == "aisa/auto"
    assert decision.chain


def test_a_call_that_came_back_as_prose_is_an_answer(chat: ChatAisa, gateway: LocalGateway) -> None:
    gateway.script.set_style("*", tool_prose=True)
    answer: AIMessage = chat.bind_tools([plain]).invoke("Add 2 and 3")
    assert answer.tool_calls == []
    assert answer.text.startswith("I would call plain")
