"""What langchain puts around a chat model: cache, limits, callbacks, events, batches, chains, profiles, counting."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler, get_usage_metadata_callback
from langchain_core.messages import AIMessageChunk, HumanMessage, SystemMessage, trim_messages
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import LLMResult
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.rate_limiters import InMemoryRateLimiter

from aisa_integrations import ChatAisa, ConfigurationError, Policy, Routes, state, track
from aisa_integrations.local import LocalGateway

from .conftest import MODEL, Way

MakeChat = Callable[..., ChatAisa]


class Heard(BaseCallbackHandler):
    """Keep what a handler is told."""

    def __init__(self) -> None:
        self.started: list[dict[str, Any]] = []
        self.tokens: list[str] = []
        self.ended: list[LLMResult] = []
        self.failed: list[BaseException] = []

    def on_chat_model_start(self, serialized: dict[str, Any], messages: Any, **told: Any) -> None:
        self.started.append({**told["invocation_params"], "metadata": told["metadata"]})

    def on_llm_new_token(self, token: Any, **told: Any) -> None:
        self.tokens.append(token)

    def on_llm_end(self, response: LLMResult, **told: Any) -> None:
        self.ended.append(response)

    def on_llm_error(self, error: BaseException, **told: Any) -> None:
        self.failed.append(error)


def test_a_handler_hears_each_piece_once(chat: ChatAisa, way: Way) -> None:
    heard = Heard()
    answer = way.ask(chat, "Hello", config={"callbacks": [heard]})
    (started,), (ended,) = heard.started, heard.ended
    assert (started["model"], started["metadata"]["ls_provider"]) == (MODEL, "aisa")
    assert ended.generations[0][0].text == answer.text
    assert "".join(heard.tokens) == (answer.text if way.streams else "")


def test_a_call_that_is_made_to_stream_is_told_piece_by_piece(make_chat: MakeChat, gateway: LocalGateway) -> None:
    heard = Heard()
    answer = make_chat(streaming=True).invoke("Hello", config={"callbacks": [heard]})
    assert gateway.requests[0].json["stream"] is True
    assert "".join(heard.tokens) == answer.text
    assert answer.usage_metadata is not None


def test_streaming_can_be_switched_off(make_chat: MakeChat, stream_way: Way, gateway: LocalGateway) -> None:
    for settings in ({"streaming": False}, {"disable_streaming": True}):
        (only,) = stream_way.chunks(make_chat(**settings), "Hello")
        assert only.text
        assert "stream" not in gateway.requests[-1].json


def test_a_private_stream_tells_its_run_manager(chat: ChatAisa) -> None:
    told: list[str] = []

    class Manager:
        def on_llm_new_token(self, token: str, **more: Any) -> None:
            told.append(token)

    chunks = list(chat._stream([HumanMessage("Hello")], run_manager=Manager()))  # type: ignore[arg-type]
    assert "".join(told) == "".join(chunk.text for chunk in chunks)


def test_a_handler_hears_of_a_failure(make_chat: MakeChat, way: Way, gateway: LocalGateway) -> None:
    gateway.script.fail(MODEL, "server_error")
    heard = Heard()
    chat = make_chat(max_retries=0)
    with pytest.raises(Exception, match=MODEL) as caught:
        way.ask(chat, "Hello", config={"callbacks": [heard]})
    assert heard.failed == [caught.value]


def test_an_async_handler_is_awaited(chat: ChatAisa) -> None:
    class Slow(AsyncCallbackHandler):
        tokens = 0

        async def on_llm_new_token(self, token: Any, **told: Any) -> None:
            await asyncio.sleep(0)
            self.tokens += 1

    async def listen() -> int:
        slow = Slow()
        async for _ in chat.astream("Hello", config={"callbacks": [slow]}):
            pass
        return slow.tokens

    assert asyncio.run(listen()) > 2


def test_events_of_a_chain(chat: ChatAisa) -> None:
    async def collect() -> list[Any]:
        chain = ChatPromptTemplate.from_messages([("user", "{said}")]) | chat | StrOutputParser()
        return [event async for event in chain.astream_events({"said": "Hello"}, version="v2")]

    events = asyncio.run(collect())
    pieces = [event["data"]["chunk"].text for event in events if event["event"] == "on_chat_model_stream"]
    (end,) = [event["data"]["output"] for event in events if event["event"] == "on_chat_model_end"]
    assert "".join(pieces) == end.text
    assert end.response_metadata["served_by"] == MODEL


@pytest.mark.parametrize("output_version", [None, "v1"])
def test_events_by_blocks_tell_reasoning_text_and_calls_apart(
    make_chat: MakeChat, gateway: LocalGateway, output_version: str | None
) -> None:
    def add(a: int) -> int:
        """Add one."""
        return a + 1

    calls = [{"name": "add", "arguments": {"a": number}} for number in (1, 2)]
    gateway.script.reply(MODEL, "Let me see.", reasoning="Hm", tool_calls=calls)
    stream = make_chat(output_version=output_version).bind_tools([add]).stream_events("Hello", version="v3")
    begun = [event["index"] for event in stream if event["event"] == "content-block-start"]
    answer = stream.output
    assert begun == [0, 1, 2, 3]
    assert [block["type"] for block in answer.content_blocks] == ["reasoning", "text", "tool_call", "tool_call"]
    assert [call["args"] for call in answer.tool_calls] == [{"a": 1}, {"a": 2}]
    assert answer.response_metadata["served_by"] == MODEL
    assert answer.usage_metadata is not None


def test_langchains_cache_answers_without_a_call(make_chat: MakeChat, way: Way, gateway: LocalGateway) -> None:
    cache = InMemoryCache()
    whole = Way(False, way.is_async)  # langchain's cache keeps no streams
    chat = make_chat(cache=cache)
    first, again = whole.ask(chat, "Hello"), whole.ask(chat, "Hello")
    assert (first.content, len(gateway.requests)) == (again.content, 1)
    for other in (make_chat(cache=cache, temperature=0.5), make_chat(cache=cache, model="gpt-4o")):
        whole.ask(other, "Hello")
    assert len(gateway.requests) == 3


def test_a_rate_limiter_is_asked_for_each_call(make_chat: MakeChat, way: Way) -> None:
    class Counting(InMemoryRateLimiter):
        asked = 0

        def acquire(self, *, blocking: bool = True) -> bool:
            self.asked += 1
            return True

        async def aacquire(self, *, blocking: bool = True) -> bool:
            return self.acquire()

    limiter = Counting()
    chat = make_chat(rate_limiter=limiter)
    way.ask(chat, "Hello")
    way.ask(chat, "Hello")
    assert limiter.asked == 2


def test_a_batch_keeps_its_order_and_adds_up(chat: ChatAisa) -> None:
    asked = [f"number {number}" for number in range(12)]
    with get_usage_metadata_callback() as counted, track() as spend:
        answers = chat.batch(list(asked), config={"max_concurrency": 4})
        asyncio.run(chat.abatch(list(asked)))
    assert [answer.text.rpartition("you said ")[2] for answer in answers] == asked
    total = sum(exchange.usage.total_tokens or 0 for exchange in spend.exchanges)
    assert (spend.calls, counted.usage_metadata[MODEL]["total_tokens"]) == (24, total)


def test_chunks_add_up_to_the_whole_answer(chat: ChatAisa, stream_way: Way) -> None:
    whole = chat.invoke("Hello")
    pieces = stream_way.chunks(chat, "Hello")
    added = pieces[0]
    for piece in pieces[1:]:
        added = added + piece
    assert isinstance(added, AIMessageChunk)
    assert (added.content, added.usage_metadata) == (whole.content, whole.usage_metadata)
    changing = {"attempts", "created", "credits_remaining", "id", "token_usage"}
    told, expected = ({k: v for k, v in m.response_metadata.items() if k not in changing} for m in (added, whole))
    assert told == expected


def test_no_two_chunks_share_what_can_be_changed(chat: ChatAisa) -> None:
    first, second, *_ = chat.stream("Hello there")
    first.additional_kwargs["mine"] = first.response_metadata["mine"] = 1
    first.tool_call_chunks.append({"name": "x", "args": "", "id": "1", "index": 0, "type": "tool_call_chunk"})
    assert "mine" not in {*second.additional_kwargs, *second.response_metadata}
    assert second.tool_call_chunks == []
    assert not [chunk for chunk in chat.stream("Hello there") if "mine" in chunk.response_metadata]


# ---- routes, profiles, counting -------------------------------------------------------------------------------------


def test_a_route_is_a_model(make_chat: MakeChat, way: Way, gateway: LocalGateway) -> None:
    chat = make_chat(model="aisa/auto")
    decision = chat.explain("Hello")
    assert not gateway.requests
    answer = way.ask(chat, "Hello")
    assert answer.response_metadata["served_by"] == decision.choice
    assert chat.profile is None


def test_an_own_route_and_its_filters(make_chat: MakeChat, gateway: LocalGateway) -> None:
    chat = make_chat(model="aisa/mine", policy=Policy(routes=Routes({"mine": ["gpt-4o", "gpt-4.1"]}), deny=["gpt-4o"]))
    assert chat.explain([HumanMessage("Hello")]).chain == ("gpt-4.1",)
    assert chat.invoke("Hello").response_metadata["served_by"] == "gpt-4.1"


def test_explain_names_the_fallbacks_in_their_order(make_chat: MakeChat) -> None:
    chat = make_chat(model="gpt-4o", policy=Policy(fallbacks=["gpt-4.1"]))
    assert chat.explain("Hello").chain == ("gpt-4o", "gpt-4.1")
    assert chat.fallback_to("gpt-5-mini", "gpt-5-nano").explain("Hello").chain == (
        "gpt-4o", "gpt-4.1", "gpt-5-mini", "gpt-5-nano",
    )  # fmt: skip
    assert make_chat(model="gpt-4o", fallbacks=[], policy=Policy(fallbacks=["gpt-4.1"])).explain("Hello").chain == (
        "gpt-4o",
    )


def test_a_fallback_may_have_a_cap(make_chat: MakeChat, gateway: LocalGateway) -> None:
    from aisa_integrations import Fallback

    gateway.script.fail("gpt-4o", "server_error")
    chat = make_chat(model="gpt-4o", max_retries=0).fallback_to(Fallback("gpt-5", max_cost_usd="0.0000001"), "gpt-4.1")
    assert chat.invoke("Hello").response_metadata["served_by"] == "gpt-4.1"
    assert [request.model for request in gateway.requests] == ["gpt-4o", "gpt-4.1"]


def test_a_fallback_of_one_call(chat: ChatAisa, way: Way, gateway: LocalGateway) -> None:
    gateway.script.fail(MODEL, "server_error")
    assert way.ask(chat, "Hello", fallbacks=["gpt-4o"]).response_metadata["served_by"] == "gpt-4o"
    with pytest.raises(ConfigurationError, match="fallbacks is a list"):
        way.ask(chat, "Hello", fallbacks="gpt-4o")


def test_how_its_policy_stands_can_be_looked_at(make_chat: MakeChat, gateway: LocalGateway) -> None:
    gateway.script.fail("gpt-4o", "rate_limited")
    chat = make_chat(model="gpt-4o", fallbacks=["gpt-4.1"], max_retries=0)
    chat.invoke("Hello")
    for one in (chat, chat.bind(temperature=0), chat.fallback_to("gpt-5")):
        assert [cooling.model for cooling in state(one).cooling] == ["gpt-4o"]


def test_what_the_catalogue_knows_is_the_profile(make_chat: MakeChat) -> None:
    profile = make_chat(model="gpt-4o").profile
    assert profile is not None
    assert (profile["max_input_tokens"], profile["image_inputs"], profile["tool_calling"]) == (128_000, True, True)
    assert make_chat(model="no-such-model").profile is None
    unknown = make_chat(model="gpt-5-mini").profile
    assert unknown is not None
    assert "tool_calling" not in unknown  # not known is not no
    other = make_chat(model="gpt-4o")._for_model("gpt-4o-mini", alone=True).profile
    assert other is not None
    assert other["name"] == "gpt-4o-mini"
    own = make_chat(model="gpt-4o", profile={"max_input_tokens": 7}).profile
    assert own == {"max_input_tokens": 7}


def test_tokens_are_counted_without_a_call(chat: ChatAisa, gateway: LocalGateway) -> None:
    few, many = chat.get_num_tokens("Hello"), chat.get_num_tokens("Hello " * 100)
    assert 0 < few < many
    said = [SystemMessage("Be brief."), HumanMessage("Hello " * 400), HumanMessage("And now?")]
    kept = trim_messages(said, max_tokens=400, token_counter=chat, include_system=True)
    assert [message.content for message in kept] == ["Be brief.", "And now?"]
    assert not gateway.requests
