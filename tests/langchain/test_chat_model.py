"""`ChatAisa` through its face: answers, and what each says of its call."""

from collections.abc import Callable

import pytest
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.messages import AIMessageChunk, HumanMessage, SystemMessage

from aisa_integrations import ChatAisa, track
from aisa_integrations.local import LocalGateway

from .conftest import MODEL, Way


def test_an_answer_and_what_it_says_of_its_call(chat: ChatAisa, way: Way, gateway: LocalGateway) -> None:
    with track() as spend:
        answer = way.ask(chat, [SystemMessage("Be brief."), HumanMessage("Hello")])
    assert answer.content == f"Simulated reply from {MODEL}: you said Hello"
    (exchange,) = spend.exchanges
    told = answer.response_metadata
    assert told["model_provider"] == "aisa"
    assert told["model_name"] == told["served_by"] == MODEL
    assert told["finish_reason"] == "stop"
    assert told["cost"] == float(exchange.usage.cost or 0) > 0
    assert told["cost_kind"] == "billed"
    assert told["credits_remaining"] == float(exchange.usage.credits_remaining or 0) > 0
    assert [(attempt["model"], attempt["status"]) for attempt in told["attempts"]] == [(MODEL, 200)]
    assert told["system_fingerprint"] == "local-simulated"  # a field that nobody here knows
    assert answer.usage_metadata == {
        "input_tokens": exchange.usage.prompt_tokens,
        "output_tokens": exchange.usage.completion_tokens,
        "total_tokens": exchange.usage.total_tokens,
    }
    (request,) = gateway.requests
    assert request.json["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
    ]


def test_what_must_be_said_once_is_on_the_last_chunk_alone(chat: ChatAisa, stream_way: Way) -> None:
    *pieces, last = stream_way.chunks(chat, "Hello")
    assert len(pieces) > 2
    assert all(piece.response_metadata == {"model_provider": "aisa"} for piece in pieces)
    assert all(piece.usage_metadata is None and piece.chunk_position is None for piece in pieces)
    assert isinstance(last, AIMessageChunk)
    assert last.chunk_position == "last"
    assert last.content == ""


def test_langchains_own_count_adds_up_over_calls(chat: ChatAisa, way: Way) -> None:
    with get_usage_metadata_callback() as counted, track() as spend:
        for text in ("one", "two", "three"):
            way.ask(chat, text)
    tokens = [exchange.usage.total_tokens or 0 for exchange in spend.exchanges]
    assert len(tokens) == 3
    assert counted.usage_metadata[MODEL]["total_tokens"] == sum(tokens)


def test_a_fallback_answers_and_says_so(make_chat: Callable[..., ChatAisa], way: Way, gateway: LocalGateway) -> None:
    gateway.script.fail("gpt-4o", "server_error")
    chat = make_chat(model="gpt-4o").fallback_to("gpt-4.1")
    answer = way.ask(chat, "Hello")
    assert isinstance(chat, ChatAisa)
    assert answer.response_metadata["served_by"] == answer.response_metadata["model_name"] == "gpt-4.1"
    attempts = [(each["model"], each["status"]) for each in answer.response_metadata["attempts"]]
    assert attempts[0][0] == "gpt-4o"
    assert attempts[0][1] != 200
    assert attempts[-1] == ("gpt-4.1", 200)


@pytest.mark.parametrize("asked", ["gpt-4o", "gpt-4.1"])
def test_a_call_may_name_another_model(make_chat: Callable[..., ChatAisa], way: Way, asked: str) -> None:
    chat = make_chat(fallbacks=["gpt-4.1", "gpt-4o"])
    assert way.ask(chat, "Hello", model=asked).response_metadata["served_by"] == asked
