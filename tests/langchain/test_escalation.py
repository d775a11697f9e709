"""`escalate_to`: a stronger model where an answer does not satisfy; what the reply says of it, and what is raised."""

import asyncio
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.output_parsers import JsonOutputParser, StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from pydantic import BaseModel

from aisa_integrations import ChatAisa, track
from aisa_integrations.errors import ConfigurationError, GatewayError, InsufficientCreditsError
from aisa_integrations.langchain.errors import RefusalError
from aisa_integrations.local import LocalGateway
from tests.lifecycle.test_leaving import interrupted_in
from tests.lifecycle.watching import no_noise

from .conftest import Way

WEAK, STRONG, STRONGEST = "gpt-4.1-mini", "gpt-4.1", "o3"

MakeChat = Callable[..., ChatAisa]


class Person(BaseModel):
    """Somebody."""

    name: str


@pytest.fixture
def chat(make_chat: MakeChat) -> ChatAisa:
    return make_chat(model=WEAK, max_retries=0)


def told(answer: Any) -> dict[str, Any]:
    """What the reply says of its way."""
    report: dict[str, Any] = answer.response_metadata["escalation"]
    return report


def way_of(answer: Any) -> list[tuple[str, str | None]]:
    """Which models were asked, and why the next one was."""
    return [(stretch["model"], stretch["reason"]) for stretch in told(answer)["path"]]


def says_sorry(message: AIMessage) -> bool:
    return "sorry" in message.text.lower()


def check_length(message: AIMessage) -> None:
    if len(message.text) < 10:
        raise ValueError("too short")


UNSATISFYING: list[Any] = [
    pytest.param("empty", {"text": ""}, "empty", id="empty"),
    pytest.param("empty", {"text": " \n"}, "empty", id="blank"),
    pytest.param("length", {"text": "Once upon", "finish_reason": "length"}, "length", id="cut"),
    pytest.param("refusal", {"text": "", "finish_reason": "content_filter"}, "refusal", id="filtered"),
    pytest.param(
        "invalid", {"tool_calls": [{"name": "f", "arguments": "{broken"}]}, "invalid", id="arguments that are no JSON"
    ),
    pytest.param(says_sorry, {"text": "I am sorry."}, "says_sorry", id="predicate"),
    pytest.param(check_length, {"text": "No."}, "ValueError: too short", id="validator"),
    pytest.param(JsonOutputParser(), {"text": "No."}, "OutputParserException: .*", id="parser"),
    pytest.param(Person, {"text": '{"age": 3}'}, "OutputParserException: .*Person.*", id="pydantic class"),
    pytest.param(
        RunnableLambda(lambda message: int(message.text)), {"text": "No."}, "ValueError: invalid.*", id="runnable"
    ),
    pytest.param(["length", says_sorry], {"text": "Sorry!"}, "says_sorry", id="several"),
]
SATISFIES: dict[Any, str] = {"parser": '{"name": "Ann"}', "pydantic class": '{"name": "Ann"}', "runnable": "42"}


@pytest.mark.parametrize(("when", "said", "reason"), UNSATISFYING)
def test_an_answer_that_does_not_satisfy_is_asked_for_of_the_next(
    chat: ChatAisa, way: Way, gateway: LocalGateway, when: Any, said: Any, reason: str, request: Any
) -> None:
    good = next((text for name, text in SATISFIES.items() if f"-{name}" in request.node.name), "Well enough, thanks.")
    gateway.script.reply(WEAK, **said)
    gateway.script.reply(STRONG, good)
    with track() as spend:
        answer = way.ask(chat.escalate_to(STRONG, when=when), "Hello")
    assert answer.text == good
    assert [model for model, _ in way_of(answer)] == [WEAK, STRONG]
    first, last = (why for _, why in way_of(answer))
    assert first is not None
    assert re.fullmatch(reason, first, re.DOTALL)
    assert last is None
    assert told(answer)["satisfied"] is True
    assert told(answer)["billed"] == float(spend.billed) > 0
    assert [stretch["cost_kind"] for stretch in told(answer)["path"]] == ["billed", "billed"]


def test_an_answer_that_satisfies_is_given_and_nobody_else_asked(
    chat: ChatAisa, way: Way, gateway: LocalGateway
) -> None:
    answer = way.ask(chat.escalate_to(STRONG), "Hello")
    assert way_of(answer) == [(WEAK, None)]
    assert told(answer)["satisfied"] is True
    assert answer.response_metadata["served_by"] == WEAK
    assert [request.json["model"] for request in gateway.requests] == [WEAK]


def test_several_steps_each_by_its_own_judge(chat: ChatAisa, way: Way, gateway: LocalGateway) -> None:
    gateway.script.reply(WEAK, "")
    gateway.script.reply(STRONG, "I am sorry.")
    climbing = chat.escalate_to(STRONG).escalate_to(STRONGEST, when=says_sorry)
    answer = way.ask(climbing, "Hello")
    assert way_of(answer) == [(WEAK, "empty"), (STRONG, "says_sorry"), (STRONGEST, None)]
    assert answer.response_metadata["served_by"] == STRONGEST


def test_the_last_answer_is_given_and_the_report_says_that_it_did_not_satisfy(
    chat: ChatAisa, way: Way, gateway: LocalGateway
) -> None:
    gateway.script.reply("*", "I am sorry.")
    answer = way.ask(chat.escalate_to(STRONG, when=says_sorry), "Hello")
    assert answer.text == "I am sorry."
    assert way_of(answer) == [(WEAK, "says_sorry"), (STRONG, "says_sorry")]
    assert told(answer)["satisfied"] is False


def test_what_it_cost_keeps_billed_estimated_and_unknown_apart(chat: ChatAisa, way: Way, gateway: LocalGateway) -> None:
    gateway.script.reply(WEAK, "")
    gateway.script.reply(STRONG, "")
    gateway.script.set_style(STRONG, usage="tokens")
    gateway.script.set_style(STRONGEST, usage="none")
    with track() as spend:
        answer = way.ask(chat.escalate_to(STRONG).escalate_to(STRONGEST), "Hello")
    report = told(answer)
    assert (report["billed"], report["estimated"]) == (float(spend.billed), float(spend.estimated))
    assert report["billed"] > 0
    assert report["estimated"] > 0
    assert report["unknown"] == spend.unknown == 1
    assert [stretch["cost_kind"] for stretch in report["path"]] == ["billed", "estimated", None]
    assert report["path"][-1]["cost"] is None


@pytest.mark.parametrize(("fault", "model"), [("model_gated", WEAK), ("server_error", STRONG)])
def test_an_error_is_raised_and_is_no_reason_to_go_on(
    chat: ChatAisa, way: Way, gateway: LocalGateway, fault: str, model: str
) -> None:
    gateway.script.reply(WEAK, "")
    gateway.script.fail(model, fault)
    expected = InsufficientCreditsError if model == WEAK else GatewayError
    with pytest.raises(expected):
        way.ask(chat.escalate_to(STRONG), "Hello")
    assert [request.json["model"] for request in gateway.requests] == [WEAK, STRONG][: 1 + (model == STRONG)]


def test_a_stream_that_breaks_is_an_error(chat: ChatAisa, stream_way: Way, gateway: LocalGateway) -> None:
    gateway.script.fail(WEAK, "cut_after_content")
    with pytest.raises(Exception, match=r"broke|cut|ended"):
        stream_way.ask(chat.escalate_to(STRONG), "Hello")
    assert {request.json["model"] for request in gateway.requests} == {WEAK}


def test_a_fallback_is_for_errors(chat: ChatAisa, way: Way, gateway: LocalGateway) -> None:
    gateway.script.fail(WEAK, "server_error")
    answer = way.ask(chat.fallback_to(STRONG).escalate_to(STRONG), "Hello")
    assert way_of(answer) == [(WEAK, None)]
    assert told(answer)["path"][0]["served_by"] == STRONG


def test_a_judge_whose_own_call_fails_is_no_judge_of_the_answer(
    chat: ChatAisa, way: Way, gateway: LocalGateway, make_chat: MakeChat
) -> None:
    gateway.script.fail("gpt-4o", "model_gated")
    judge = make_chat(model="gpt-4o", max_retries=0) | StrOutputParser()
    with pytest.raises(InsufficientCreditsError):
        way.ask(chat.escalate_to(STRONG, when=RunnableLambda(lambda m: m.text) | judge), "Hello")


def test_a_function_that_asks_a_model_is_in_the_bill(
    chat: ChatAisa, make_chat: MakeChat, way: Way, gateway: LocalGateway
) -> None:
    other = make_chat(model="gpt-4o")
    with track() as spend:
        answer = way.ask(chat.escalate_to(STRONG, when=lambda message: not other.invoke(message.text).text), "Hello")
    assert (told(answer)["satisfied"], spend.calls) == (True, 2)
    assert told(answer)["billed"] == pytest.approx(float(spend.cost))


def test_a_judge_that_asks_a_model_is_in_the_bill(
    chat: ChatAisa, way: Way, gateway: LocalGateway, make_chat: MakeChat
) -> None:
    def demand_yes(message: AIMessage) -> None:
        if message.text != "yes":
            raise ValueError("the judge said no")

    gateway.script.reply("gpt-4o", "no", times=1)
    gateway.script.reply("gpt-4o", "yes")
    judge = RunnableLambda(lambda m: m.text) | make_chat(model="gpt-4o") | RunnableLambda(demand_yes)
    with track() as spend:
        answer = way.ask(chat.escalate_to(STRONG, when=judge), "Hello")
    assert way_of(answer) == [(WEAK, "ValueError: the judge said no"), (STRONG, None)]
    assert spend.calls == 4
    assert told(answer)["billed"] == float(spend.billed)


# ---- streams ---------------------------------------------------------------------------------------------------------


def test_a_stream_is_of_the_answer_that_is_given(chat: ChatAisa, stream_way: Way, gateway: LocalGateway) -> None:
    gateway.script.reply(WEAK, "I am sorry.")
    *pieces, report = stream_way.chunks(chat.escalate_to(STRONG, when=says_sorry), "Hello")
    assert "".join(piece.text for piece in pieces) == f"Simulated reply from {STRONG}: you said Hello"
    assert len(pieces) > 3
    assert all("escalation" not in piece.response_metadata for piece in pieces)
    assert isinstance(report, AIMessageChunk)
    assert list(report.response_metadata) == ["escalation"]


def test_the_last_model_streams_as_it_comes(chat: ChatAisa, stream_way: Way, gateway: LocalGateway) -> None:
    """Its stream breaks: what had come was given before."""
    gateway.script.reply(WEAK, "")
    gateway.script.fail(STRONG, "cut_after_content")
    came: list[str] = []
    climbing = chat.escalate_to(STRONG)

    async def read() -> None:
        async for chunk in climbing.astream("Hello"):
            came.append(chunk.text)

    def read_plainly() -> None:
        for chunk in climbing.stream("Hello"):
            came.append(chunk.text)

    with pytest.raises(Exception, match=r"broke|cut|ended"):
        asyncio.run(read()) if stream_way.is_async else read_plainly()
    assert "".join(came).startswith("Simulated")


# ---- with tools, structured, in chains -------------------------------------------------------------------------------


def test_tools_carry_over(chat: ChatAisa, way: Way, gateway: LocalGateway) -> None:
    gateway.script.reply(WEAK, "", times=2)
    for climbing in (
        chat.bind_tools([Person], tool_choice="any").escalate_to(STRONG),
        chat.escalate_to(STRONG).bind_tools([Person], tool_choice="any"),
    ):
        answer = way.ask(climbing, "Who?")
        assert answer.tool_calls[0]["args"] == {"name": "Simulated name"}
        assert way_of(answer) == [(WEAK, "empty"), (STRONG, None)]


@pytest.mark.parametrize("said", ["I don't know.", '{"age": 3}'])
def test_structured_output_that_can_not_be_read(chat: ChatAisa, way: Way, gateway: LocalGateway, said: str) -> None:
    gateway.script.reply(WEAK, said)
    for climbing in (
        chat.with_structured_output(Person).escalate_to(STRONG),
        chat.escalate_to(STRONG).with_structured_output(Person),
    ):
        assert way.ask(climbing, "Who?") == Person(name="Simulated name")


def test_structured_output_with_the_message_tells_the_way(chat: ChatAisa, way: Way, gateway: LocalGateway) -> None:
    gateway.script.reply(WEAK, "I don't know.")
    climbing = chat.with_structured_output(Person, include_raw=True).escalate_to(STRONG)
    if way.streams:
        pieces = way.chunks(climbing, "Who?")
        whole = pieces[0]
        for piece in pieces[1:]:
            whole = whole + piece
    else:
        whole = way.ask(climbing, "Who?")
    assert whole["parsed"] == Person(name="Simulated name")
    (_, reason), last = way_of(whole["raw"])
    assert reason is not None
    assert reason.startswith("invalid")
    assert last == (STRONG, None)


def test_structured_output_that_no_model_gives_is_an_error(chat: ChatAisa, way: Way, gateway: LocalGateway) -> None:
    gateway.script.reply("*", "I don't know.")
    with pytest.raises(ValueError, match="no JSON"):
        way.ask(chat.with_structured_output(Person).escalate_to(STRONG), "Who?")


def test_what_is_no_reason_is_raised(chat: ChatAisa, way: Way, gateway: LocalGateway) -> None:
    gateway.script.reply(WEAK, "I don't know.")
    with pytest.raises(ValueError, match="no JSON"):
        way.ask(chat.with_structured_output(Person).escalate_to(STRONG, when="refusal"), "Who?")


def test_in_a_chain(chat: ChatAisa, way: Way, gateway: LocalGateway) -> None:
    gateway.script.reply(WEAK, "")
    prompt = ChatPromptTemplate.from_messages([("user", "Say hello to {name}")])
    chain = prompt | chat.escalate_to(STRONG) | StrOutputParser()
    said = "".join(way.chunks(chain, {"name": "Zoë"})) if way.streams else way.ask(chain, {"name": "Zoë"})
    assert said == f"Simulated reply from {STRONG}: you said Say hello to Zoë"


def test_a_chat_of_its_own_may_be_the_next(
    chat: ChatAisa, way: Way, gateway: LocalGateway, make_chat: MakeChat
) -> None:
    gateway.script.reply(WEAK, "")
    answer = way.ask(chat.escalate_to(make_chat(model=STRONG, temperature=0.1)), "Hello")
    assert way_of(answer) == [(WEAK, "empty"), (STRONG, None)]
    assert gateway.requests[-1].json["temperature"] == 0.1
    assert "temperature" not in gateway.requests[0].json


def test_a_cached_message_stays_as_it_is(make_chat: MakeChat, gateway: LocalGateway) -> None:
    chat = make_chat(model=WEAK, cache=InMemoryCache())
    first, second = (chat.escalate_to(STRONG).invoke("Hello") for _ in range(2))
    assert len(gateway.requests) == 1
    assert told(first)["billed"] > 0
    assert told(second)["billed"] == 0
    assert "escalation" not in chat.invoke("Hello").response_metadata


# ---- what is said of it ----------------------------------------------------------------------------------------------


def test_the_log_says_that_another_model_is_asked_and_not_a_word_of_the_answer(
    chat: ChatAisa, way: Way, gateway: LocalGateway, caplog: pytest.LogCaptureFixture
) -> None:
    def demand(message: AIMessage) -> None:
        raise ValueError(f"I don't like {message.text!r}")

    gateway.script.reply(WEAK, "a secret")
    with caplog.at_level(logging.INFO, logger="aisa_integrations"):
        way.ask(chat.escalate_to(STRONG, when=demand), "Hello")
    assert f"the answer of {WEAK} does not satisfy (ValueError); asking {STRONG}" in caplog.text
    assert "a secret" not in caplog.text


@pytest.mark.parametrize(
    ("when", "complaint"),
    [
        ("sorry", "none of empty, refusal"),
        ([], "names nothing"),
        (3, "not 3"),
        (dict, "not <class 'dict'>"),
    ],
)
def test_a_judge_that_can_not_be_one(chat: ChatAisa, when: Any, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        chat.escalate_to(STRONG, when=when)


def test_a_judge_that_answers_neither_yes_nor_no(chat: ChatAisa, way: Way) -> None:
    with pytest.raises(ConfigurationError, match="returned a Match"):
        way.ask(chat.escalate_to(STRONG, when=lambda m: re.search("Simulated", m.text)), "Hello")


def test_an_async_judge_goes_in_as_a_runnable(chat: ChatAisa, gateway: LocalGateway) -> None:
    async def demand(message: AIMessage) -> None:
        await asyncio.sleep(0)
        if WEAK in message.text:
            raise ValueError("weak")

    with pytest.raises(ConfigurationError, match="RunnableLambda"):
        chat.escalate_to(STRONG, when=demand)
    answer = asyncio.run(chat.escalate_to(STRONG, when=RunnableLambda(demand)).ainvoke("Hello"))
    assert way_of(answer) == [(WEAK, "ValueError: weak"), (STRONG, None)]


def test_a_model_that_is_asked_already(chat: ChatAisa) -> None:
    with pytest.raises(ConfigurationError, match="asked already"):
        chat.escalate_to(WEAK)
    with pytest.raises(ConfigurationError, match="id of a model or a ChatAisa"):
        chat.escalate_to(3)  # type: ignore[arg-type]


def test_a_refusal_of_a_structured_model_is_one_of_the_reasons(chat: ChatAisa, way: Way, gateway: LocalGateway) -> None:
    """The scripted gateway has no refusal of its own, so that the parser is shown one."""
    from langchain_core.messages import HumanMessage

    from aisa_integrations.langchain.judging import unread

    refused = RefusalError("The model declined: no", raw_message=HumanMessage("no"))
    assert unread(refused, ("refusal",)) == "refusal"
    with pytest.raises(RefusalError):
        unread(refused, ("invalid",))


# ---- leaving ---------------------------------------------------------------------------------------------------------


def test_ctrl_c_asks_nobody_else(chat: ChatAisa, gateway: LocalGateway) -> None:
    gateway.script.fail(WEAK, "hang")
    with no_noise(), pytest.raises(KeyboardInterrupt), interrupted_in(0.3):
        chat.escalate_to(STRONG, when=lambda m: True).invoke("Hello")
    assert gateway.wait(disconnects=1)
    assert len(gateway.requests) == 1


def test_a_cancelled_task_asks_nobody_else(chat: ChatAisa, gateway: LocalGateway) -> None:
    gateway.script.fail(WEAK, "hang")

    async def leave() -> None:
        task = asyncio.create_task(chat.escalate_to(STRONG, when=lambda m: True).ainvoke("Hello"))
        await asyncio.to_thread(gateway.wait, requests=1, idle=False)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(leave())
    assert gateway.wait(disconnects=1)
    assert len(gateway.requests) == 1
