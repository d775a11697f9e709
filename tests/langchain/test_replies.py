"""What comes back: reasoning in every form, blocks, tool calls in pieces, unknown fields, tokens and money."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.messages import AIMessageChunk
from langchain_core.messages.content import KNOWN_BLOCK_TYPES

from aisa_integrations import ChatAisa, Policy, track
from aisa_integrations.gateway_client import Reply
from aisa_integrations.langchain.replies import ChunkReader, chat_result
from aisa_integrations.local import LocalGateway
from aisa_integrations.usage import Exchange, Usage

from .conftest import MODEL, Way

MakeChat = Callable[..., ChatAisa]
FORMS = ("reasoning_content", "reasoning", "think")


# ---- reasoning and blocks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("output_version", [None, "v1"])
def test_reasoning_is_a_block_of_its_own(
    make_chat: MakeChat, way: Way, gateway: LocalGateway, form: str, output_version: str | None
) -> None:
    gateway.script.set_style("*", reasoning=form)
    gateway.script.reply("*", "The answer", reasoning="A thought")
    answer = way.ask(make_chat(output_version=output_version), "Hello")
    blocks = [{key: value for key, value in block.items() if key != "index"} for block in answer.content_blocks]
    assert blocks == [{"type": "reasoning", "reasoning": "A thought"}, {"type": "text", "text": "The answer"}]
    assert answer.text == "The answer"
    assert answer.additional_kwargs["reasoning_content"] == "A thought"


@pytest.mark.parametrize("write_size", [1, 7])
def test_a_thought_within_the_text_is_told_apart_however_it_is_cut(
    chat: ChatAisa, gateway: LocalGateway, write_size: int
) -> None:
    gateway.script.set_style("*", reasoning="think", write_size=write_size)
    pieces = list(chat.stream("Hello"))
    assert "".join(piece.text for piece in pieces).startswith("Simulated reply")
    assert "<" not in "".join(piece.additional_kwargs.get("reasoning_content", "") for piece in pieces)


@pytest.mark.parametrize(
    "pieces", [["<thi", "nk>a", "</", "think>\nb"], ["<think>a</think>b"], list("<think>a</think>b")]
)
def test_tags_in_pieces(pieces: list[str]) -> None:
    reader = ChunkReader()
    chunks = [chunk for piece in pieces if (chunk := reader.read(event(content=piece)))]
    chunks.append(reader.finish(()))
    assert "".join(chunk.text for chunk in chunks) == "b"
    thoughts = [chunk.message.additional_kwargs.get("reasoning_content", "") for chunk in chunks]
    assert "".join(thoughts) == "a"


@pytest.mark.parametrize("text", ["a < b", "<thin", "<", "  <b>bold</b>", "say <think>this</think>", "<think", ""])
def test_what_only_looks_like_a_thought_is_text(text: str) -> None:
    assert said_of(text).content == text
    reader = ChunkReader()
    chunks = [chunk for sign in text if (chunk := reader.read(event(content=sign)))]
    assert "".join(chunk.text for chunk in [*chunks, reader.finish(())]) == text


def test_what_is_held_back_at_a_seam_is_told() -> None:
    reader = ChunkReader()
    assert reader.read(event(content="<th")) is None
    chunk = reader.read({**event(content="<think>a</think>b"), "aisa_seam": {"from": "x", "to": "y", "after": 3}})
    assert chunk is not None
    assert (chunk.text, chunk.message.additional_kwargs["reasoning_content"]) == ("<thb", "a")


def test_a_thought_that_never_ends_is_one() -> None:
    message = said_of("<think>on and on")
    assert (message.content, message.additional_kwargs) == ("", {"reasoning_content": "on and on"})


def test_content_in_parts_is_kept_and_shown_as_blocks(chat: ChatAisa) -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}
    message = said_of([thinking, {"type": "text", "text": "Well"}, {"type": "reference", "ids": [1]}])
    assert message.content[0] == thinking
    assert message.content_blocks == [
        {"type": "reasoning", "reasoning": "Hm"},
        {"type": "text", "text": "Well"},
        {"type": "non_standard", "value": {"type": "reference", "ids": [1]}},
    ]
    assert message.text == "Well"


@pytest.mark.skipif("refusal" not in KNOWN_BLOCK_TYPES, reason="langchain-core knows refusals from 1.7.5 on")
def test_a_refusal_is_a_block(way: Way) -> None:
    message = chat_result(reply({"content": None, "refusal": "No."})).generations[0].message
    assert message.content_blocks == [{"type": "refusal", "refusal": "No."}]


def test_v1_streams_tell_tool_calls_from_text(make_chat: MakeChat, stream_way: Way, gateway: LocalGateway) -> None:
    calls = [{"name": "add", "arguments": {"a": 1}}, {"name": "add", "arguments": {"a": 2}}]
    gateway.script.reply("*", "Let me see.", tool_calls=calls, reasoning="Hm")
    answer = stream_way.ask(make_chat(output_version="v1").bind_tools([add]), "Hello")
    assert [block["type"] for block in answer.content] == ["reasoning", "text", "tool_call", "tool_call"]
    assert [call["args"] for call in answer.tool_calls] == [{"a": 1}, {"a": 2}]


def add(a: int) -> int:
    """Add one."""
    return a + 1


# ---- tool calls -----------------------------------------------------------------------------------------------------


def test_tool_calls_come_whole_and_in_pieces(chat: ChatAisa, way: Way, gateway: LocalGateway) -> None:
    calls = [{"name": "add", "arguments": {"a": 1}, "id": "x"}, {"name": "add", "arguments": {}, "id": "y"}]
    gateway.script.reply(MODEL, tool_calls=calls)
    answer = way.ask(chat.bind_tools([add]), "Hello")
    assert answer.tool_calls == [
        {"name": "add", "args": {"a": 1}, "id": "x", "type": "tool_call"},
        {"name": "add", "args": {}, "id": "y", "type": "tool_call"},
    ]
    assert answer.response_metadata["finish_reason"] == "tool_calls"


def test_arguments_that_are_no_json_are_kept_as_invalid(chat: ChatAisa, gateway: LocalGateway) -> None:
    gateway.script.reply(MODEL, tool_calls=[{"name": "add", "arguments": "{a: 1", "id": "x"}])
    answer = chat.bind_tools([add]).invoke("Hello")
    (invalid,) = answer.invalid_tool_calls
    assert (invalid["name"], invalid["args"], invalid["id"]) == ("add", "{a: 1", "x")
    assert "no JSON" in (invalid["error"] or "")
    assert answer.tool_calls == []


def fragments(*told: dict[str, Any]) -> AIMessageChunk:
    reader = ChunkReader()
    chunks = [reader.read(event(tool_calls=[each])) for each in told]
    whole = None
    for chunk in [*chunks, reader.finish(())]:
        assert chunk is not None
        message = chunk.message
        assert isinstance(message, AIMessageChunk)
        whole = message if whole is None else whole + message
    assert whole is not None
    return whole


@pytest.mark.parametrize(
    "told",
    [
        [{"index": 0, "id": "x", "function": {"name": "add", "arguments": '{"a"'}},
         {"index": 0, "function": {"arguments": ": 1}"}}],
        # The id and the name again with each piece.
        [{"index": 0, "id": "x", "function": {"name": "add", "arguments": '{"a"'}},
         {"index": 0, "id": "x", "function": {"name": "add", "arguments": ": 1}"}}],
        # Empty ones with each piece but the first.
        [{"index": 0, "id": "x", "function": {"name": "add", "arguments": None}},
         {"index": 0, "id": "", "function": {"name": "", "arguments": '{"a": 1}'}}],
        # No index.
        [{"id": "x", "function": {"name": "add", "arguments": '{"a"'}}, {"function": {"arguments": ": 1}"}}],
        # Arguments that are an object already.
        [{"index": 0, "id": "x", "function": {"name": "add", "arguments": {"a": 1}}}],
    ],
)  # fmt: skip
def test_a_call_in_pieces_is_put_together(told: list[dict[str, Any]]) -> None:
    assert fragments(*told).tool_calls == [{"name": "add", "args": {"a": 1}, "id": "x", "type": "tool_call"}]


@pytest.mark.parametrize("arguments", [None, "", "null", "{}"])
def test_a_call_without_arguments(arguments: str | None) -> None:
    told = {"index": 0, "id": "x", "function": {"name": "add", "arguments": arguments}}
    whole: Any = chat_result(reply({"content": None, "tool_calls": [told]})).generations[0].message
    expected = [{"name": "add", "args": {}, "id": "x", "type": "tool_call"}]
    assert whole.tool_calls == fragments(told).tool_calls == expected


def test_calls_without_index_or_id_are_told_apart() -> None:
    calls = fragments(
        {"function": {"name": "add", "arguments": '{"a": 1}'}}, {"function": {"name": "add", "arguments": '{"a": 2}'}}
    ).tool_calls
    assert [call["args"] for call in calls] == [{"a": 1}, {"a": 2}]
    first, second = (call["id"] for call in calls)
    assert first
    assert second not in (None, "", first)


# ---- what nobody knows is kept --------------------------------------------------------------------------------------


def event(**delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


def reply(message: dict[str, Any], **rest: Any) -> Reply:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop", "odd_of_choice": 1}
    return Reply({"model": MODEL, "choices": [choice], **rest}, Exchange(MODEL, MODEL))


def said_of(content: Any) -> Any:
    return chat_result(reply({"content": content})).generations[0].message


def test_unknown_fields_of_a_reply_are_kept() -> None:
    message = (
        chat_result(reply({"content": "Hi", "annotations": [{"type": "url"}]}, citations=["a"])).generations[0].message
    )
    assert message.additional_kwargs == {"annotations": [{"type": "url"}]}
    assert message.response_metadata["citations"] == ["a"]
    assert message.response_metadata["odd_of_choice"] == 1


def test_unknown_fields_of_a_stream_are_gathered_on_its_last_chunk() -> None:
    reader = ChunkReader()
    odd = {"text": "a", "items": [1], "flag": True, "score": 0.5, "nested": {"id": "n", "words": "x"}}
    more = {"text": "b", "items": [2], "flag": False, "score": 1, "nested": {"id": "n", "words": "y"}}
    assert reader.read({**event(content="Hi", odd=odd), "citations": ["a"], "provider": "p"}) is not None
    assert reader.read({**event(odd=more), "provider": "p"}) is None
    message = reader.finish(()).message
    assert message.additional_kwargs["odd"] == {
        "text": "ab",
        "items": [1, 2],
        "flag": False,
        "score": 1,
        "nested": {"id": "n", "words": "xy"},
    }
    assert message.response_metadata["citations"] == ["a"]
    assert message.response_metadata["provider"] == "p"


def test_log_probabilities_are_told(way: Way) -> None:
    told = {"content": [{"token": "Hi", "logprob": -0.1}], "refusal": None}
    whole = reply({"content": "Hi"})
    whole["choices"][0]["logprobs"] = told
    assert chat_result(whole).generations[0].message.response_metadata["logprobs"] == told
    reader, pieces = ChunkReader(), []
    for _ in range(2):
        said = event(content="Hi")
        said["choices"][0]["logprobs"] = told
        pieces.append(reader.read(said).message)  # type: ignore[union-attr]
    assert len((pieces[0] + pieces[1]).response_metadata["logprobs"]["content"]) == 2


# ---- tokens and money -----------------------------------------------------------------------------------------------


def test_usage_has_whole_numbers_with_their_details(chat: ChatAisa, way: Way, gateway: LocalGateway) -> None:
    gateway.script.set_style("*", details=True, reasoning="reasoning_content")
    usage = way.ask(chat, "Hello").usage_metadata
    assert usage["output_token_details"]["reasoning"] > 0
    assert usage["input_token_details"] == {"cache_read": usage["input_tokens"] // 2, "audio": 0}
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


def test_what_was_not_billed_is_said_to_be_estimated(chat: ChatAisa, way: Way, gateway: LocalGateway) -> None:
    gateway.script.set_style("*", usage="tokens")
    told = way.ask(chat, "Hello").response_metadata
    assert told["cost"] > 0
    assert (told["cost_kind"], told["credits_remaining"]) == ("estimated", None)


def test_what_is_not_known_is_none(chat: ChatAisa, way: Way, gateway: LocalGateway) -> None:
    gateway.script.set_style("*", usage="none")
    answer = way.ask(chat, "Hello")
    assert answer.usage_metadata is None
    assert (answer.response_metadata["cost"], answer.response_metadata["cost_kind"]) == (None, None)


@pytest.mark.parametrize("usage_on", ["asked", "own", "last"])
def test_usage_is_found_wherever_a_stream_tells_it(
    chat: ChatAisa, stream_way: Way, gateway: LocalGateway, usage_on: str
) -> None:
    gateway.script.set_style("*", usage_on=usage_on)
    answer = stream_way.ask(chat, "Hello")
    assert answer.usage_metadata["output_tokens"] > 0
    assert answer.response_metadata["token_usage"]["cost"] == answer.response_metadata["cost"]


def test_a_gateway_that_refuses_to_tell_usage_answers_all_the_same(
    chat: ChatAisa, stream_way: Way, gateway: LocalGateway
) -> None:
    gateway.script.fail("*", "usage_rejected")
    answer = stream_way.ask(chat, "Hello")
    assert answer.text
    assert answer.usage_metadata is None


def test_tokens_can_be_left_out_of_a_stream(make_chat: MakeChat, stream_way: Way) -> None:
    answer = stream_way.ask(make_chat(stream_usage=False), "Hello")
    assert answer.usage_metadata is None
    assert answer.response_metadata["cost"] > 0
    assert stream_way.ask(make_chat(), "Hello", stream_usage=False).usage_metadata is None


def test_an_answer_of_the_own_cache_says_what_it_saved(make_chat: MakeChat, way: Way) -> None:
    from aisa_integrations import Cache

    chat = make_chat(policy=Policy(cache=Cache()), temperature=0)
    first, again = way.ask(chat, "Hello"), way.ask(chat, "Hello")
    assert "cached" not in first.response_metadata
    told = again.response_metadata
    assert (told["cost"], told["cached"], told["saved"]) == (0, True, first.response_metadata["cost"])


def test_an_answer_of_langchains_cache_costs_nothing_again(make_chat: MakeChat, way: Way) -> None:
    from langchain_core.caches import InMemoryCache

    whole = Way(False, way.is_async)  # langchain's cache keeps no streams
    chat = make_chat(cache=InMemoryCache())
    with track() as spend, get_usage_metadata_callback() as counted:
        first, *others = [whole.ask(chat, "Hello") for _ in range(3)]
    paid = first.response_metadata["cost"]
    for told in [again.response_metadata for again in others]:
        assert (told["cost"], told["cost_kind"], told["cached"], told["saved"]) == (0, "billed", True, paid)
        assert (told["served_by"], told["attempts"]) == (MODEL, [])
    assert "cached" not in first.response_metadata
    assert (spend.calls, float(spend.cost)) == (1, paid)
    assert counted.usage_metadata[MODEL]["input_tokens"] == 3 * first.usage_metadata["input_tokens"]
    kept = chat.escalate_to("gpt-4o").invoke("Hello").response_metadata
    assert (kept["cost"], kept["escalation"]["billed"]) == (0, 0)


def test_a_stream_that_another_model_went_on_with_tells_what_is_known(
    make_chat: MakeChat, stream_way: Way, gateway: LocalGateway
) -> None:
    gateway.script.fail("gpt-4o", "cut_after_content")
    chat = make_chat(model="gpt-4o", fallbacks=[MODEL], policy=Policy(on_break="continue"))
    answer = stream_way.ask(chat, "Hello")
    told = answer.response_metadata
    (seam,) = told["aisa_seam"]
    assert (seam["from"], seam["to"]) == ("gpt-4o", MODEL)
    assert answer.text[: seam["after"]] == "Simulated reply"[: seam["after"]]
    assert told["served_by"] == MODEL
    assert [(attempt["model"], attempt["cause"]) for attempt in told["attempts"]] == [
        ("gpt-4o", "interrupted"),
        (MODEL, None),
    ]
    # The bill of the first part never came: the whole is not known.
    assert (told["cost"], answer.usage_metadata) == (None, None)


def test_amounts_are_plain_numbers() -> None:
    whole = reply({"content": "Hi"})
    usage = Usage(1, 2, 3, cost=Decimal("0.0001"), cost_kind="billed")
    whole.exchange = Exchange(MODEL, MODEL, usage=usage)
    message: Any = chat_result(whole).generations[0].message
    assert message.response_metadata["cost"] == 0.0001
    assert type(message.response_metadata["cost"]) is float
    assert all(type(count) is int for count in message.usage_metadata.values())


@pytest.mark.parametrize(
    "told",
    [
        # All of them at index 0.
        [{"index": 0, "id": "x", "function": {"name": "add", "arguments": '{"a"'}},
         {"index": 0, "function": {"arguments": ": 1}"}},
         {"index": 0, "id": "y", "function": {"name": "sub", "arguments": '{"b"'}},
         {"index": 0, "function": {"arguments": ": 2}"}}],
        # The same, by turns.
        [{"index": 0, "id": "x", "function": {"name": "add", "arguments": '{"a"'}},
         {"index": 0, "id": "y", "function": {"name": "sub", "arguments": '{"b"'}},
         {"index": 0, "id": "x", "function": {"arguments": ": 1}"}},
         {"index": 0, "id": "y", "function": {"arguments": ": 2}"}}],
        # One without an index.
        [{"index": 1, "id": "x", "function": {"name": "add", "arguments": '{"a": 1}'}},
         {"id": "y", "function": {"name": "sub", "arguments": '{"b": 2}'}}],
        # By turns, as it should be.
        [{"index": 0, "id": "x", "function": {"name": "add", "arguments": ""}},
         {"index": 1, "id": "y", "function": {"name": "sub", "arguments": ""}},
         {"index": 0, "function": {"arguments": '{"a": 1}'}},
         {"index": 1, "function": {"arguments": '{"b": 2}'}}],
        [{"id": "x", "function": {"name": "add", "arguments": '{"a"'}},
         {"id": "y", "function": {"name": "sub", "arguments": '{"b": 2}'}},
         {"id": "x", "function": {"arguments": ": 1}"}}],
    ],
)  # fmt: skip
def test_parallel_calls_of_a_stream_are_told_apart(told: list[dict[str, Any]]) -> None:
    calls = [(call["name"], call["args"], call["id"]) for call in fragments(*told).tool_calls]
    assert calls == [("add", {"a": 1}, "x"), ("sub", {"b": 2}, "y")]


def test_reasoning_in_two_forms_at_once_is_read_alike_whole_and_streamed() -> None:
    said = {"reasoning_content": "First. ", "content": "<think>Then.</think>Hi"}
    whole, reader = chat_result(reply(said)).generations[0].message, ChunkReader()
    first, then = (reader.read(event(**{name: text})) for name, text in said.items())
    assert first is not None
    assert then is not None
    for message in (whole, first.message + then.message):
        assert (message.text, message.additional_kwargs) == ("Hi", {"reasoning_content": "First. Then."})


def test_several_answers_come_in_their_order() -> None:
    choices = [{"index": index, "message": {"content": text}} for index, text in ((1, "second"), (0, "first"))]
    result = chat_result(Reply({"choices": choices}, Exchange(MODEL, MODEL)))
    assert [one.text for one in result.generations] == ["first", "second"]
    assert "cost" in result.generations[0].message.response_metadata
