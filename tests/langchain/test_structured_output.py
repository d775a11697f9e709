"""Structured output by every method, whole and streamed, in whatever form the answer comes; and when it doesn't."""

import asyncio
import contextlib
import functools
import operator
from typing import Any, TypedDict

import pytest
from langchain_core.exceptions import ModelError, OutputParserException
from pydantic import BaseModel
from pydantic.v1 import BaseModel as BaseModelV1

from aisa_integrations import ChatAisa, ConfigurationError, ContentPolicyError, track
from aisa_integrations.langchain.structured_output import METHODS, SchemaParser
from aisa_integrations.local import LocalGateway

from .conftest import MODEL, Way
from .test_tools import plain


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


class Old(BaseModelV1):
    """Somebody."""

    name: str
    age: int


class Typed(TypedDict):
    """Somebody."""

    name: str
    age: int


SCHEMA: dict[str, Any] = {**Person.model_json_schema(), "title": "Person"}
ZOE: dict[str, Any] = {"name": "Zoë", "age": 3}
KEYS = 'Answer in JSON with the keys "name" and "age".'


def says(
    gateway: LocalGateway, method: str, said: dict[str, Any], name: str = "Person", text: str | None = None
) -> None:
    """Let the model answer as it does where it is asked by this method."""
    if method == "function_calling" and text is None:
        gateway.script.reply(MODEL, tool_calls=[{"name": name, "arguments": said}])
    else:
        gateway.script.reply(MODEL, text, json=said if text is None else None)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("schema", "found"), [(Person, Person(**ZOE)), (Old, Old(**ZOE)), (Typed, ZOE), (SCHEMA, ZOE)], ids=str
)  # fmt: skip
def test_an_answer_in_the_form_of_a_schema(
    chat: ChatAisa, way: Way, gateway: LocalGateway, method: Any, schema: Any, found: Any
) -> None:
    says(gateway, method, ZOE, name=schema["title"] if isinstance(schema, dict) else schema.__name__)
    runnable = chat.with_structured_output(schema, method=method)
    if way.streams:
        *partial, last = way.chunks(runnable, KEYS)
        assert last == found
        assert all(isinstance(each, type(found)) for each in partial)
    else:
        assert way.ask(runnable, KEYS) == found
    sent = gateway.requests[0].json
    if method == "function_calling":
        assert sent["tool_choice"]["function"]["name"] == sent["tools"][0]["function"]["name"]
        assert sent["parallel_tool_calls"] is False
    else:
        assert sent["response_format"]["type"] == ("json_object" if method == "json_mode" else "json_schema")
        assert "tools" not in sent


@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
@pytest.mark.parametrize("strict", [None, True, False])
def test_strict_is_sent_where_it_is_said(chat: ChatAisa, gateway: LocalGateway, method: Any, strict: Any) -> None:
    chat.with_structured_output(Person, method=method, strict=strict).invoke("Hello")
    sent = gateway.requests[0].json
    where = sent["tools"][0]["function"] if method == "function_calling" else sent["response_format"]["json_schema"]
    assert where.get("strict") is strict


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "text",
    [
        '```json\n{"name": "Zoë", "age": 3}\n```',
        'Here:\n```\n{"name": "Zoë", "age": 3}\n```',
        '{"name": "Zoë",\n "age": 3}',
        'Sure!\n```json\n{"name": "Zoë", "age": 3}\n```\nAnything else?',
        '```\nno JSON\n```\n```json\n{"name": "Zoë", "age": 3}\n```',
        '\ufeff{"name": "Zoë", "age": 3}',
    ],
)
def test_json_in_a_fence_or_in_prose_is_read(
    chat: ChatAisa, way: Way, gateway: LocalGateway, method: Any, text: str
) -> None:
    says(gateway, method, {}, text=text)
    found = way.chunks(chat.with_structured_output(Person, method=method), KEYS) if way.streams else [
        way.ask(chat.with_structured_output(Person, method=method), KEYS)
    ]  # fmt: skip
    assert found[-1] == Person(**ZOE)


@pytest.mark.parametrize(
    "text", ["null", "[1, 2]", '"Zoë"', '```json\n{"name": "Zoë", "age"', "```json\n{} or {}\n```"]
)
@pytest.mark.parametrize("schema", [Person, Old, Typed])
def test_json_that_is_no_object_or_not_whole_is_no_answer(
    chat: ChatAisa, way: Way, gateway: LocalGateway, schema: Any, text: str
) -> None:
    says(gateway, "json_schema", {}, text=text)
    with pytest.raises(OutputParserException, match=r"does not fit|is no JSON"):
        way.ask(chat.with_structured_output(schema, method="json_schema"), KEYS)


def test_what_the_gateways_own_fences_hold_is_read(chat: ChatAisa, way: Way, gateway: LocalGateway) -> None:
    gateway.script.set_style("*", fenced=True)
    runnable = chat.with_structured_output(Person, method="json_schema")
    found = way.chunks(runnable, "Zoë, 3")[-1] if way.streams else way.ask(runnable, "Zoë, 3")
    assert isinstance(found, Person)


def test_json_mode_goes_without_a_schema(chat: ChatAisa) -> None:
    assert set(chat.with_structured_output(method="json_mode").invoke(KEYS)) == {"name", "age"}


def test_a_response_format_may_be_a_schema(chat: ChatAisa, gateway: LocalGateway) -> None:
    chat.invoke("Hello", response_format=Person)
    assert gateway.requests[0].json["response_format"]["json_schema"]["name"] == "Person"


def test_how_it_was_asked_for_is_told_to_tracing_and_not_to_the_gateway(chat: ChatAisa, gateway: LocalGateway) -> None:
    runnable: Any = chat.with_structured_output(Person, method="json_schema", strict=True)
    told = runnable.first.kwargs["ls_structured_output_format"]
    assert told == {"kwargs": {"method": "json_schema", "strict": True}, "schema": Person}
    runnable.invoke("Hello")
    assert not [name for name in gateway.requests[0].json if name.startswith("ls_")]


# ---- raw ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_the_message_is_given_beside_it(chat: ChatAisa, way: Way, gateway: LocalGateway, method: Any) -> None:
    says(gateway, method, ZOE)
    runnable = chat.with_structured_output(Person, method=method, include_raw=True)
    found = _merged(way.chunks(runnable, KEYS)) if way.streams else way.ask(runnable, KEYS)
    assert set(found) == {"raw", "parsed", "parsing_error"}
    assert found["raw"].response_metadata["served_by"] == MODEL
    assert (found["parsed"], found["parsing_error"]) == (Person(**ZOE), None)


def _merged(chunks: list[Any]) -> Any:
    return functools.reduce(operator.add, chunks)


def test_an_error_of_parsing_is_given_beside_the_message(chat: ChatAisa, gateway: LocalGateway) -> None:
    says(gateway, "json_schema", {}, text="I don't know.")
    found = chat.with_structured_output(Person, method="json_schema", include_raw=True).invoke("Hello")
    assert found["raw"].text == "I don't know."
    assert found["parsed"] is None
    assert isinstance(found["parsing_error"], OutputParserException)


# ---- nothing that fits ----------------------------------------------------------------------------------------------


def failed(way: Way, runnable: Any) -> Exception:
    with pytest.raises(Exception) as caught:
        way.chunks(runnable, KEYS) if way.streams else way.ask(runnable, KEYS)
    return caught.value


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I don't know.", "The answer is no JSON"),
        ('{"name": "Zoë"}', "does not fit Person"),
        ('{"name": "Zoë", "age": ', "The answer is no JSON"),
        ("", "The answer is empty"),
    ],
)
def test_an_answer_that_does_not_fit_is_an_error(
    chat: ChatAisa, way: Way, gateway: LocalGateway, method: Any, text: str, words: str
) -> None:
    gateway.script.reply(MODEL, text)
    error = failed(way, chat.with_structured_output(Person, method=method))
    assert isinstance(error, OutputParserException)
    assert words in str(error)


def test_arguments_that_are_no_json_are_an_error(chat: ChatAisa, gateway: LocalGateway) -> None:
    gateway.script.reply(MODEL, tool_calls=[{"name": "Person", "arguments": "{name"}])
    with pytest.raises(OutputParserException, match="called Person with arguments that are no JSON"):
        chat.with_structured_output(Person).invoke("Hello")


def test_a_refusal_is_an_error_of_both() -> None:
    from langchain_core.messages import AIMessage
    from langchain_core.outputs import ChatGeneration

    message = AIMessage("", additional_kwargs={"refusal": "I can't help with that."})
    with pytest.raises(ContentPolicyError, match="The model declined: I can't help with that") as caught:
        SchemaParser(answer_schema=Person).parse_result([ChatGeneration(message=message)])
    assert isinstance(caught.value, ModelError)
    assert getattr(caught.value, "raw_message", None) is message


# ---- beside tools ---------------------------------------------------------------------------------------------------


def test_beside_tools_the_model_may_answer_or_call(chat: ChatAisa, way: Way, gateway: LocalGateway) -> None:
    for runnable in (
        chat.bind_tools([plain]).with_structured_output(Person, include_raw=True),
        chat.with_structured_output(Person, tools=[plain], include_raw=True),
    ):
        gateway.script.reply(MODEL, json=ZOE, times=1)
        gateway.script.reply(MODEL, tool_calls=[{"name": "plain", "arguments": {"a": 1, "b": 2}}], times=1)
        first = _merged(way.chunks(runnable, "Hello")) if way.streams else way.ask(runnable, "Hello")
        again = _merged(way.chunks(runnable, "Hello")) if way.streams else way.ask(runnable, "Hello")
        assert first["parsed"] == Person(**ZOE)
        assert again["raw"].tool_calls[0]["name"] == "plain"
        assert again["parsed"] is None
        sent = gateway.requests[-1].json
        assert (sent["response_format"]["type"], len(sent["tools"])) == ("json_schema", 1)
        assert "tool_choice" not in sent


def test_a_call_in_place_of_an_answer_is_an_error_that_says_so(chat: ChatAisa, gateway: LocalGateway) -> None:
    gateway.script.reply(MODEL, tool_calls=[{"name": "plain", "arguments": {"a": 1, "b": 2}}])
    with pytest.raises(OutputParserException, match="called plain in place of a structured answer"):
        chat.bind_tools([plain]).with_structured_output(Person).invoke("Hello")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda chat: chat.bind_tools([plain]).with_structured_output(Person, method="function_calling"),
         "plain would never be called"),
        (lambda chat: chat.bind_tools([plain], tool_choice="any").with_structured_output(Person),
         "forces the call of a tool"),
        (lambda chat: chat.with_structured_output(Person).bind_tools([plain]), "comes before with_structured_output"),
        (lambda chat: chat.with_structured_output(Person, include_raw=True).bind_tools([plain]), "comes before"),
        (lambda chat: chat.with_structured_output(Person, method="magic"), "method is one of function_calling"),
        (lambda chat: chat.with_structured_output(), "needs a schema"),
        (lambda chat: chat.with_structured_output(Person, method="json_mode", strict=True), "nothing in json_mode"),
    ],
)  # fmt: skip
def test_what_can_not_go_together_is_said(chat: ChatAisa, make: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        make(chat)


def test_what_was_bound_is_kept(chat: ChatAisa, gateway: LocalGateway) -> None:
    chat.bind(temperature=0).with_structured_output(Person, seed=7).invoke("Hello")
    assert (gateway.requests[0].json["temperature"], gateway.requests[0].json["seed"]) == (0, 7)


def test_a_fallback_answers_in_the_same_form(chat: ChatAisa, way: Way, gateway: LocalGateway) -> None:
    gateway.script.fail(MODEL, "server_error")
    for runnable in (
        chat.fallback_to("gpt-4o").with_structured_output(Person),
        chat.with_structured_output(Person).fallback_to("gpt-4o"),
    ):
        found = way.chunks(runnable, "Hello")[-1] if way.streams else way.ask(runnable, "Hello")
        assert isinstance(found, Person)
        assert gateway.requests[-1].model == "gpt-4o"


@pytest.mark.parametrize("include_raw", [False, True])
def test_a_stream_that_is_left_ends_the_answer(
    chat: ChatAisa, stream_way: Way, gateway: LocalGateway, include_raw: bool
) -> None:
    gateway.script.set_style("*", chunk_delay=0.05)
    gateway.script.reply(MODEL, json={"name": "Zoë " * 100, "age": 3})
    runnable = chat.with_structured_output(method="json_mode", include_raw=include_raw)

    async def leave() -> None:
        async with contextlib.aclosing(runnable.astream(KEYS)) as live:  # type: ignore[type-var]
            await anext(live)

    with track() as spend:
        if stream_way.is_async:
            asyncio.run(leave())
        else:
            with contextlib.closing(runnable.stream(KEYS)) as live:  # type: ignore[type-var]
                next(live)
    assert gateway.wait(disconnects=1)
    assert (spend.calls, spend.unknown) == (1, 1)
