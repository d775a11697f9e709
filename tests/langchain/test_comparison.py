"""`compare_with`: one input, several models at once, each a result; in chains, streamed, batched, left."""

import asyncio
import pickle
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from pydantic import BaseModel

from aisa_integrations import ChatAisa, Comparison, Result, track
from aisa_integrations.errors import AuthenticationError, ConfigurationError, InsufficientCreditsError
from aisa_integrations.langchain.errors import UnfitAnswerError
from aisa_integrations.local import LocalGateway
from tests.comparison.test_failures import comparing
from tests.lifecycle.test_leaving import interrupted_in
from tests.lifecycle.watching import no_noise

from .conftest import Way

MODELS = ["gpt-4o", "gpt-4.1", "gemini-2.5-flash"]
PROMPT = ChatPromptTemplate.from_messages([("user", "Say hello to {name}")])

MakeChat = Callable[..., ChatAisa]


class Person(BaseModel):
    """Somebody."""

    name: str


@pytest.fixture
def chat(make_chat: MakeChat) -> ChatAisa:
    return make_chat(model=MODELS[0], max_retries=0)


def found(way: Way, runnable: Any, said: Any, **options: Any) -> Comparison:
    """The comparison, put together where its results are streamed."""
    if not way.streams:
        comparison = way.ask(runnable, said, **options)
    else:
        results = way.chunks(runnable, said, **options)
        comparison = results[0]
        for result in results[1:]:
            comparison = comparison + result
    assert isinstance(comparison, Comparison)
    return comparison


def test_each_answer_is_a_result(chat: ChatAisa, way: Way, gateway: LocalGateway) -> None:
    gateway.script.set_style(MODELS[0], latency=0.2)  # the first to be asked is the last to come
    gateway.script.set_style(MODELS[2], usage="tokens", reasoning="reasoning_content")
    with track() as spend:
        comparison = found(way, chat.compare_with(*MODELS[1:]), "Hello")
    assert list(comparison) == MODELS
    assert sorted(request.json["model"] for request in gateway.requests) == sorted(MODELS)
    for model, result in comparison.items():
        assert isinstance(result, Result)
        assert (result.model, result.served_by, result.ok, result.error) == (model, model, True, None)
        assert result.response == f"Simulated reply from {model}: you said Hello"
        assert result.finish_reason == "stop"
        assert [attempt.status for attempt in result.attempts] == [200]
        assert isinstance(result.output, AIMessage)  # type: ignore[attr-defined]
        assert result.message is not None
        assert result.message["content"] == result.response
    estimated = comparison[MODELS[2]]
    assert estimated.message is not None
    assert estimated.message["reasoning_content"].startswith("Simulated reasoning")
    assert [comparison[model].usage.cost_kind for model in MODELS] == ["billed", "billed", "estimated"]
    assert comparison.spend.cost == spend.cost == sum(r.cost for r in comparison.values() if r.cost) > Decimal(0)
    assert comparison.spend.calls == spend.calls == 3
    assert comparison.to_dict()[MODELS[0]]["latency_s"] >= 0.2


def test_a_model_that_fails_is_a_result_too(chat: ChatAisa, way: Way, gateway: LocalGateway) -> None:
    gateway.script.fail(MODELS[1], "model_gated")
    comparison = found(way, chat.compare_with(*MODELS[1:]), "Hello")
    assert [result.model for result in comparison.answered] == [MODELS[0], MODELS[2]]
    failed = comparison[MODELS[1]]
    assert isinstance(failed.error, InsufficientCreditsError)
    assert (failed.response, failed.cost, failed.output) == ("", None, None)  # type: ignore[attr-defined]
    assert [attempt.status for attempt in failed.attempts] == [402]
    assert failed.latency > 0


def test_that_all_fail_is_no_error_of_the_comparison(chat: ChatAisa, way: Way, gateway: LocalGateway) -> None:
    gateway.script.fail("*", "bad_key")
    comparison = found(way, chat.compare_with("gpt-4.1"), "Hello")
    assert all(isinstance(result.error, AuthenticationError) for result in comparison.values())
    assert not comparison.answered


def test_each_is_asked_alone(make_chat: MakeChat, way: Way, gateway: LocalGateway) -> None:
    gateway.script.fail("gpt-4o", "server_error")
    chat = make_chat(model="gpt-4o", max_retries=0).fallback_to("o3")
    comparison = found(way, chat.compare_with("gpt-4.1"), "Hello")
    assert [result.ok for result in comparison.values()] == [False, True]
    assert {request.json["model"] for request in gateway.requests} == {"gpt-4o", "gpt-4.1"}


def test_results_come_as_they_finish(chat: ChatAisa, stream_way: Way, gateway: LocalGateway) -> None:
    for seconds, model in zip((0.6, 0.3, 0.0), MODELS, strict=True):
        gateway.script.set_style(model, latency=seconds)
    came = stream_way.chunks(chat.compare_with(*MODELS[1:]), "Hello")
    assert [result.model for result in came] == MODELS[::-1]


def test_in_a_chain_what_follows_gets_the_comparison(chat: ChatAisa, way: Way, gateway: LocalGateway) -> None:
    gateway.script.set_style(MODELS[0], latency=0.2)
    seen: list[Any] = []

    def longest(comparison: Comparison) -> str:
        seen.append(comparison)
        return max(comparison.values(), key=lambda result: len(result.response)).model

    chain = PROMPT | chat.compare_with(*MODELS[1:]) | RunnableLambda(longest)
    assert way.ask(chain, {"name": "Zoë"}) == "gemini-2.5-flash"
    assert [type(comparison) for comparison in seen] == [Comparison]
    assert list(seen[0]) == MODELS
    assert all(result.response.endswith("Say hello to Zoë") for result in seen[0].values())


@pytest.mark.parametrize("is_async", [False, True])
def test_a_batch_is_a_comparison_for_each_input(chat: ChatAisa, is_async: bool) -> None:
    several_models = chat.compare_with("gpt-4.1")
    said = ["one", "two", "three"]
    several = asyncio.run(several_models.abatch(said)) if is_async else several_models.batch(said)
    assert [
        [result.response[-len(text) :] for result in each.values()] for text, each in zip(said, several, strict=True)
    ] == [[text, text] for text in said]


def test_tools_carry_over_whether_bound_before_or_after(chat: ChatAisa, way: Way) -> None:
    for several_models in (
        chat.bind_tools([Person], tool_choice="any").compare_with("gpt-4.1"),
        chat.compare_with("gpt-4.1").bind_tools([Person], tool_choice="any"),
    ):
        comparison = found(way, several_models, "Who?")
        for result in comparison.values():
            assert result.message is not None
            (call,) = result.message["tool_calls"]
            assert call["function"]["name"] == "Person"
            assert result.output.tool_calls[0]["args"] == {"name": "Simulated name"}  # type: ignore[attr-defined]


def test_structured_output_is_read_for_each(chat: ChatAisa, way: Way, gateway: LocalGateway) -> None:
    gateway.script.reply("gpt-4.1", "I would rather not say.")
    for several_models in (
        chat.with_structured_output(Person).compare_with("gpt-4.1"),
        chat.compare_with("gpt-4.1").with_structured_output(Person),
    ):
        comparison = found(way, several_models, "Who?")
        good, unfit = comparison.values()
        assert good.output == Person(name="Simulated name")  # type: ignore[attr-defined]
        assert good.response == '{"name":"Simulated name"}'
        assert good.message is None
        # It answered, and was paid; what it said is no answer to what was asked.
        assert isinstance(unfit.error, UnfitAnswerError)
        assert "gpt-4.1" in str(unfit.error.model)
        assert (unfit.ok, unfit.served_by) == (False, "gpt-4.1")
        assert unfit.cost is not None
        assert unfit.usage.completion_tokens


def test_with_the_raw_message_too(chat: ChatAisa, way: Way) -> None:
    several_models = chat.with_structured_output(Person, include_raw=True).compare_with("gpt-4.1")
    for result in found(way, several_models, "Who?").values():
        assert result.output["parsed"] == Person(name="Simulated name")  # type: ignore[attr-defined]
        assert result.message is not None
        assert result.message["tool_calls"]


def test_asked_for_as_streams_the_first_content_is_timed(chat: ChatAisa, way: Way, gateway: LocalGateway) -> None:
    gateway.script.set_style("*", chunk_delay=0.03)
    comparison = found(way, chat.compare_with("gpt-4.1", stream=True), "Hello")
    assert all(request.json["stream"] for request in gateway.requests)
    for result in comparison.values():
        assert result.ttft is not None
        assert result.ttft + 0.03 < result.latency
        assert result.response.endswith("you said Hello")


class Runs(BaseCallbackHandler):
    """What callbacks see: the model of each chat run, and whose child it is."""

    def __init__(self) -> None:
        self.models: list[str] = []
        self.chains: list[Any] = []
        self.parents: set[Any] = set()
        self.ended: list[str] = []

    def on_chain_start(self, serialized: Any, inputs: Any, *, run_id: Any, **kwargs: Any) -> None:
        self.chains.append(run_id)

    def on_chat_model_start(
        self, serialized: Any, messages: Any, *, parent_run_id: Any = None, metadata: Any = None, **kwargs: Any
    ) -> None:
        self.models.append(metadata["ls_model_name"])
        self.parents.add(parent_run_id)

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        self.ended.append("answered")

    def on_llm_error(self, error: Any, **kwargs: Any) -> None:
        self.ended.append(type(error).__name__)


def test_a_comparison_and_its_runnable_can_be_copied_and_pickled(chat: ChatAisa, gateway: LocalGateway) -> None:
    several = chat.compare_with("gpt-4.1").bind_tools([Person])
    written = pickle.dumps(several)
    assert gateway.api_key.encode() not in written
    found = pickle.loads(written).invoke("Who?")
    again = pickle.loads(pickle.dumps(found))
    assert again.to_dict() == found.to_dict()
    assert "output=" not in repr(found["gpt-4.1"])


def test_callbacks_see_each_call_as_a_run_inside_the_comparison(
    chat: ChatAisa, way: Way, gateway: LocalGateway
) -> None:
    gateway.script.fail("gpt-4.1", "model_gated")
    runs = Runs()
    found(way, chat.compare_with("gpt-4.1"), "Hello", config={"callbacks": [runs]})
    assert sorted(runs.models) == ["gpt-4.1", "gpt-4o"]
    assert sorted(runs.ended) == ["InsufficientCreditsError", "answered"]
    assert runs.parents == set(runs.chains)
    assert len(runs.chains) == 1


def test_an_answer_from_langchains_cache_costs_nothing(make_chat: MakeChat, way: Way, gateway: LocalGateway) -> None:
    both = make_chat(model="gpt-4o", cache=InMemoryCache()).compare_with("gpt-4.1")
    first, second = (found(way, both, "Hello") for _ in range(2))
    assert len(gateway.requests) == 2
    assert first.spend.cost > 0
    assert second.spend.cost == 0
    for before, after in zip(first.values(), second.values(), strict=True):
        assert after.cost == 0
        assert (after.attempts, after.served_by) == ((), before.served_by)
        assert (after.response, after.usage.total_tokens) == (before.response, before.usage.total_tokens)


def test_what_cannot_be_compared_is_said_before_anything_is_sent(chat: ChatAisa, gateway: LocalGateway) -> None:
    for models in ((), ("",), ("gpt-4o",), (3,)):
        with pytest.raises(ConfigurationError):
            chat.compare_with(*models)
    for option in ("model", "fallbacks"):
        named: dict[str, Any] = {option: "o3"}
        with pytest.raises(ConfigurationError, match=f"{option}=… names a model"):
            chat.compare_with("gpt-4.1").invoke("Hello", **named)
    assert gateway.requests == []


def test_what_is_wrong_with_the_program_is_raised(chat: ChatAisa, way: Way) -> None:
    broken: Any = chat.compare_with("gpt-4.1")
    with pytest.raises(ValueError, match="Invalid input type"):
        found(way, broken, 3.5)


# ---- leaving ---------------------------------------------------------------------------------------------------------


def test_a_stream_that_is_left_ends_the_other_calls(chat: ChatAisa, stream_way: Way, gateway: LocalGateway) -> None:
    gateway.script.set_style("gpt-4.1", latency=20)
    both = chat.compare_with("gpt-4.1")

    def plain() -> str:
        results = both.stream("Hello")
        first: str = next(results).model
        assert gateway.wait(requests=2, idle=False)  # a slow machine's second call may not have begun
        results.close()  # type: ignore[attr-defined]
        return first

    async def from_a_loop() -> str:
        results = both.astream("Hello")
        first: str = (await anext(results)).model
        assert await asyncio.to_thread(gateway.wait, requests=2, idle=False)
        await results.aclose()  # type: ignore[attr-defined]
        return first

    assert (asyncio.run(from_a_loop()) if stream_way.is_async else plain()) == "gpt-4o"
    assert gateway.wait(disconnects=1)
    assert comparing() == []


def test_a_cancelled_comparison_ends_every_call(chat: ChatAisa, gateway: LocalGateway) -> None:
    gateway.script.set_style("*", latency=20)

    async def leave() -> None:
        task = asyncio.create_task(chat.compare_with("gpt-4.1").ainvoke("Hello"))
        await asyncio.to_thread(gateway.wait, requests=2, idle=False)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(leave())
    assert gateway.wait(disconnects=2)


def test_ctrl_c_ends_every_call(chat: ChatAisa, gateway: LocalGateway) -> None:
    gateway.script.fail("*", "hang")
    with no_noise(), pytest.raises(KeyboardInterrupt), interrupted_in(0.3):
        (PROMPT | chat.compare_with("gpt-4.1")).invoke({"name": "Zoë"})
    assert comparing() == []
    assert gateway.wait(disconnects=2)
    assert len(gateway.requests) == 2
