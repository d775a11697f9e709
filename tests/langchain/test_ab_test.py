"""`ab_test`: who is dealt what, the row of each call, streams and failures too, and what is never written down."""

import asyncio
import copy
import logging
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from pydantic import BaseModel

from aisa_integrations import ABSummary, ChatAisa, track
from aisa_integrations.errors import ConfigurationError, InsufficientCreditsError
from aisa_integrations.local import LocalGateway
from tests.lifecycle.test_leaving import interrupted_in
from tests.lifecycle.watching import no_noise

from .conftest import Way

A, B = "gpt-4o", "gpt-4.1"
SECRET = "the prompt nobody may write down"

MakeChat = Callable[..., ChatAisa]


class Person(BaseModel):
    """Somebody."""

    name: str


@pytest.fixture
def chat(make_chat: MakeChat) -> ChatAisa:
    return make_chat(model=A, max_retries=0)


@pytest.mark.parametrize("log", [None, "trial.jsonl", "trial.sqlite"])
def test_each_call_is_dealt_and_has_its_row(
    chat: ChatAisa, way: Way, gateway: LocalGateway, tmp_path: Path, log: str | None
) -> None:
    path = tmp_path / log if log else None
    test = chat.ab_test(B, log=path)
    with track() as spend:
        answers = [way.ask(test, "Hello") for _ in range(10)]
    rows = test.rows()
    asked = [request.json["model"] for request in gateway.requests]
    assert [row.arm for row in rows] == [row.model for row in rows] == asked
    assert asked == [test._split.arm(call) for call in range(10)]
    assert set(asked) == {A, B}
    for row, answer, exchange in zip(rows, answers, spend.exchanges, strict=True):
        assert row.served_by == answer.response_metadata["served_by"] == row.arm
        assert (row.outcome, row.error, row.attempts, row.stream) == ("answered", None, 1, way.streams)
        assert row.latency_s == pytest.approx(exchange.latency)
        assert row.ttft_s == (pytest.approx(exchange.ttft) if way.streams else None)
        assert (row.cost_usd, row.cost_kind) == (exchange.usage.cost, "billed")
        assert row.failed_cost_usd == 0
        assert row.input_tokens == answer.usage_metadata["input_tokens"]
        assert (row.prompt, row.response) == (None, None)
    summary = test.summary()
    assert [(arm.model, arm.calls) for arm in summary.values()] == [(A, asked.count(A)), (B, asked.count(B))]
    assert sum(arm.billed for arm in summary.values()) == spend.billed
    if path is not None:
        assert repr(ABSummary.read(path, arms=[A, B])) == repr(test.read(path, arms=[A, B])) == repr(summary)


def test_a_key_always_gets_the_same_model(chat: ChatAisa, way: Way) -> None:
    test = chat.ab_test(B, seed=3)
    for key in ("ann", "bob", "cat", "dan"):
        for _ in range(2):
            way.ask(test, "Hello", config={"configurable": {"ab_key": key}})
    dealt = [row.arm for row in test.rows()]
    assert dealt == [test.arm(key) for key in ("ann", "bob", "cat", "dan") for _ in range(2)]
    assert set(dealt) == {A, B}


def test_a_thread_of_a_conversation_may_be_the_key(chat: ChatAisa) -> None:
    test = chat.ab_test(B, key="thread_id")
    for thread in (1, "1", 2):
        test.invoke("Hello", config={"configurable": {"thread_id": thread}})
    assert [row.arm for row in test.rows()] == [test.arm("1"), test.arm("1"), test.arm("2")]


def test_an_error_is_written_down_and_raised(chat: ChatAisa, way: Way, gateway: LocalGateway) -> None:
    gateway.script.fail("*", "model_gated", message=f"you said {SECRET}")
    test = chat.ab_test(B, weights=[0, 1])
    with pytest.raises(InsufficientCreditsError):
        way.ask(test, SECRET)
    (row,) = test.rows()
    assert (row.arm, row.outcome, row.served_by, row.cost_usd) == (B, "failed", None, None)
    assert row.error is not None
    assert row.error.startswith("InsufficientCreditsError")
    assert SECRET not in str(row)
    failed = test.summary()[B]
    assert (failed.failed, failed.answered) == (1, 0)


def test_a_stream_that_breaks_is_a_failure_of_its_model(chat: ChatAisa, stream_way: Way, gateway: LocalGateway) -> None:
    gateway.script.fail(B, "cut_after_content")
    test = chat.ab_test(B, weights={A: 0, B: 1})
    with pytest.raises(Exception, match=r"broke|cut|ended"):
        stream_way.chunks(test, "Hello")
    (row,) = test.rows()
    assert (row.outcome, row.attempts, row.failed_cost_usd) == ("failed", 1, None)
    assert test.summary()[B].unknown == 1


def test_a_fallback_answers_for_its_model_and_the_row_says_so(chat: ChatAisa, way: Way, gateway: LocalGateway) -> None:
    gateway.script.fail(A, "server_error")
    test = chat.fallback_to(B).ab_test("o3", weights=[1, 0])
    way.ask(test, "Hello")
    (row,) = test.rows()
    assert (row.arm, row.served_by, row.outcome, row.attempts) == (A, B, "answered", 2)
    assert test.summary()[A].elsewhere == 1


def test_nothing_that_was_said_is_written_down_unless_it_is_asked_for(
    chat: ChatAisa, way: Way, gateway: LocalGateway, tmp_path: Path
) -> None:
    for texts in (False, True):
        for name in (f"trial-{texts}.jsonl", f"trial-{texts}.sqlite"):
            test = chat.ab_test(B, log=tmp_path / name, texts=texts)
            way.ask(test, SECRET)
            written = b"".join(path.read_bytes() for path in tmp_path.glob(f"{name}*"))
            assert (SECRET.encode() in written) is texts
            assert (b"Simulated reply" in written) is texts
            assert gateway.api_key.encode() not in written
            (row,) = test.rows()
            assert ((row.prompt, row.response) == (None, None)) is not texts
            if texts:
                assert row.prompt == SECRET
                assert row.response == f"Simulated reply from {row.arm}: you said {SECRET}"


def test_the_text_of_an_error_is_kept_where_texts_are(chat: ChatAisa, way: Way, gateway: LocalGateway) -> None:
    gateway.script.fail("*", "model_gated")
    test = chat.ab_test(B, texts=True)
    with pytest.raises(InsufficientCreditsError) as caught:
        way.ask(test, "Hello")
    assert test.rows()[0].response == str(caught.value)


def test_in_a_chain_with_a_prompt_and_a_parser(chat: ChatAisa, way: Way) -> None:
    test = chat.ab_test(B, texts=True)
    chain = ChatPromptTemplate.from_messages([("user", "Say hello to {name}")]) | test | StrOutputParser()
    said = "".join(way.chunks(chain, {"name": "Zoë"})) if way.streams else way.ask(chain, {"name": "Zoë"})
    (row,) = test.rows()
    assert said == row.response == f"Simulated reply from {row.arm}: you said Say hello to Zoë"
    assert row.prompt == "Human: Say hello to Zoë"


def test_chunks_come_as_they_come(chat: ChatAisa, stream_way: Way, gateway: LocalGateway) -> None:
    pieces = stream_way.chunks(chat.ab_test(B), "Hello")
    assert len(pieces) > 3


def test_a_call_made_while_a_stream_is_read_is_not_in_its_row(chat: ChatAisa, stream_way: Way) -> None:
    test = chat.ab_test(B)

    def plainly() -> None:
        for number, _ in enumerate(test.stream("Hello")):
            if number == 1:
                chat.invoke("Something else")

    async def from_a_loop() -> None:
        number = 0
        async for _ in test.astream("Hello"):
            number += 1
            if number == 2:
                await chat.ainvoke("Something else")

    with track() as spend:
        asyncio.run(from_a_loop()) if stream_way.is_async else plainly()
    (row,) = test.rows()
    assert spend.calls == 2
    assert row.attempts == 1
    assert row.cost_usd is not None
    assert row.cost_usd < spend.cost


def test_tools_and_structured_output_carry_over(chat: ChatAisa, way: Way) -> None:
    for test in (chat.with_structured_output(Person).ab_test(B), chat.ab_test(B).with_structured_output(Person)):
        assert way.ask(test, "Who?") == Person(name="Simulated name")
        assert len(test.rows()) == 1
    for test in (chat.bind_tools([Person]).ab_test(B), chat.ab_test(B).bind_tools([Person])):
        assert way.ask(test, "Who?", tool_choice="required").tool_calls


def test_an_answer_from_langchains_cache_cost_nothing(make_chat: MakeChat, gateway: LocalGateway) -> None:
    test = make_chat(model=A, cache=InMemoryCache()).ab_test(B, weights=[1, 0])
    for _ in range(2):
        test.invoke("Hello")
    first, second = test.rows()
    assert len(gateway.requests) == 1
    assert (first.cached, second.cached) == (False, True)
    assert second.cost_usd == 0
    assert (second.attempts, second.served_by) == (0, A)
    assert second.output_tokens == first.output_tokens


def test_what_goes_before_the_gateway_is_a_failure_without_a_request(chat: ChatAisa, way: Way) -> None:
    test = chat.ab_test(B)
    with pytest.raises(ConfigurationError, match="no_such_option"):
        way.ask(test, "Hello", no_such_option=1)
    (row,) = test.rows()
    assert (row.outcome, row.attempts) == ("failed", 0)
    assert row.failed_cost_usd == 0


def test_a_batch_has_a_row_for_each(chat: ChatAisa) -> None:
    test = chat.ab_test(B)
    test.batch(["one", "two", "three"])
    asyncio.run(test.abatch(["four", "five"]))
    assert len(test.rows()) == 5


@pytest.mark.parametrize("log", ["trial.jsonl", "trial.sqlite"])
def test_a_row_that_can_not_be_written_is_told_and_the_answer_given(
    chat: ChatAisa, way: Way, tmp_path: Path, log: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "folder"
    test = chat.ab_test(B, log=folder / log)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    folder.touch()
    with caplog.at_level(logging.WARNING, logger="aisa_integrations"):
        assert "Hello" in way.ask(test, "Hello").text
    assert test.unwritten == 1
    assert "is not in the log of the A/B test" in caplog.text


@pytest.mark.parametrize("log", [None, "trial.jsonl", "trial.sqlite"])
def test_copies_and_pickles_write_to_the_same_file_without_the_key(
    chat: ChatAisa, gateway: LocalGateway, tmp_path: Path, log: str | None
) -> None:
    test = chat.ab_test(B, log=tmp_path / log if log else None)
    written = pickle.dumps(test)
    assert gateway.api_key.encode() not in written
    for other in (copy.copy(test), pickle.loads(written)):
        other.invoke("Hello")
    assert len(test.rows()) == (2 if log else 1)  # memory is each process's own


# ---- leaving ---------------------------------------------------------------------------------------------------------


def test_a_stream_that_is_left_is_no_failure_of_its_model(
    chat: ChatAisa, stream_way: Way, gateway: LocalGateway
) -> None:
    gateway.script.set_style("*", chunk_delay=0.2)
    test = chat.ab_test(B)

    def plainly() -> None:
        chunks: Any = test.stream("Hello")
        next(chunks)
        chunks.close()

    async def from_a_loop() -> None:
        chunks: Any = test.astream("Hello")
        await anext(chunks)
        await chunks.aclose()

    asyncio.run(from_a_loop()) if stream_way.is_async else plainly()
    (row,) = test.rows()
    assert (row.outcome, row.error) == ("cancelled", "GeneratorExit")
    assert row.ttft_s is not None
    assert gateway.wait(disconnects=1)
    rate = test.summary()[row.arm].figures["error_rate"]
    assert rate is None


def test_ctrl_c_is_written_down_and_goes_on(chat: ChatAisa, gateway: LocalGateway) -> None:
    gateway.script.fail("*", "hang")
    test = chat.ab_test(B)
    with no_noise(), pytest.raises(KeyboardInterrupt), interrupted_in(0.3):
        test.invoke("Hello")
    assert [(row.outcome, row.error) for row in test.rows()] == [("cancelled", "KeyboardInterrupt")]
    assert gateway.wait(disconnects=1)


@pytest.mark.parametrize("log", [None, "trial.sqlite"])
def test_a_cancelled_task_is_written_down(
    chat: ChatAisa, gateway: LocalGateway, tmp_path: Path, log: str | None
) -> None:
    gateway.script.fail("*", "hang")
    test = chat.ab_test(B, log=tmp_path / log if log else None)

    async def leave() -> None:
        task = asyncio.create_task(test.ainvoke("Hello"))
        await asyncio.to_thread(gateway.wait, requests=1, idle=False)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(leave())
    assert [(row.outcome, row.error) for row in test.rows()] == [("cancelled", "CancelledError")]
    assert gateway.wait(disconnects=1)
