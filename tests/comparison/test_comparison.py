"""What a comparison is: results by model in the order that was asked, each with what its call said."""

import copy
import pickle
from dataclasses import FrozenInstanceError, fields
from decimal import Decimal
from typing import Any

import pytest

from aisa_integrations import (
    AllModelsFailedError,
    Budget,
    BudgetExceededError,
    Cache,
    ConfigurationError,
    Fallback,
    GatewayError,
    MissingKeyError,
    ModelNotFoundError,
    Policy,
    Result,
    track,
)
from aisa_integrations.local import LocalGateway
from tests.comparison.conftest import Ask
from tests.lifecycle.watching import Connects

A, B, C = "gpt-4o", "gpt-4.1", "claude-haiku-4-5-20251001"
FIELDS = [
    *("model", "ok", "response", "message", "latency", "ttft", "usage", "cost", "finish_reason", "served_by"),
    *("attempts", "error"),
]
either = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])


@either
def test_results_stand_in_the_order_that_was_asked(ask: Ask, gateway: LocalGateway, stream: bool) -> None:
    gateway.script.set_style(A, latency=0.15)
    gateway.script.set_style(B, latency=0.05)
    arrived: list[str] = []
    found = ask([A, B, C], stream=stream, on_result=lambda result: arrived.append(result.model))
    assert list(found) == [A, B, C]
    assert [result.model for result in found.values()] == [A, B, C]
    assert sorted(arrived) == sorted([A, B, C])
    assert arrived[-1] == A
    assert (len(found), B in found, "no-such" in found) == (3, True, False)
    assert [found.get(name) for name in (C, "no-such")] == [found[C], None]


@either
def test_a_result_says_what_its_call_said(ask: Ask, gateway: LocalGateway, stream: bool) -> None:
    found = ask([A, B], stream=stream)
    bills = {call.model: call.cost for call in gateway.account.calls}
    for name, result in found.items():
        assert result.ok
        assert result.error is None
        assert result.response == f"Simulated reply from {name}: you said Say hello to Zoë, 你好"
        assert result.message == {"role": "assistant", "content": result.response}
        assert result.finish_reason == "stop"
        assert result.served_by == name
        assert [(attempt.model, attempt.status) for attempt in result.attempts] == [(name, 200)]
        assert (result.cost, result.usage.cost, result.usage.cost_kind) == (bills[name], bills[name], "billed")
        assert result.usage.completion_tokens
        assert 0 < (result.ttft or 0) <= result.latency
    assert found.spend.cost == gateway.account.spent


@either
def test_what_is_said_beside_text_is_in_the_message(ask: Ask, gateway: LocalGateway, stream: bool) -> None:
    gateway.script.reply(A, "Four.", reasoning="2 and 2")
    gateway.script.set_style(A, reasoning="reasoning_content")
    gateway.script.reply(B, tool_calls=[{"name": "add", "arguments": {"a": 2, "b": 2}}])
    found = ask([A, B], "2 + 2?", stream=stream)
    assert found[A].response == "Four."
    assert (found[A].message or {})["reasoning_content"] == "2 and 2"
    assert (found[B].response, found[B].finish_reason) == ("", "tool_calls")
    assert found[B].ok
    assert (found[B].message or {})["tool_calls"][0]["function"]["name"] == "add"


@pytest.mark.parametrize(
    "style",
    [
        *({"index": False}, {"finish": False}, {"done": False}, {"finish_with_content": True}, {"error_null": True}),
        *({"null_first": True}, {"usage_on": "last"}, {"usage_on": "never"}, {"comments": True, "space": False}),
    ],
    ids=str,
)
def test_every_form_of_a_stream_is_read(ask: Ask, gateway: LocalGateway, style: dict[str, Any]) -> None:
    gateway.script.set_style("*", **style)
    result = ask([A], "Hello", stream=True)[A]
    assert result.response == f"Simulated reply from {A}: you said Hello"
    assert result.finish_reason == (None if style == {"finish": False} else "stop")
    assert result.message is not None
    assert result.message["content"] == result.response
    assert (result.cost is None) == (style == {"usage_on": "never"})


def test_what_is_asked_goes_out_as_it_was_given(ask: Ask, gateway: LocalGateway) -> None:
    ask([A, B], "Hello", system="Be brief.", temperature=0.5, max_tokens=9, top_p=None, extra_body={"top_k": 3})
    sent = {request.json["model"]: request.json for request in gateway.requests}
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    expected = {"messages": messages, "temperature": 0.5, "max_tokens": 9, "top_k": 3}
    assert sent == {name: {"model": name, **expected} for name in (A, B)}


def test_messages_are_taken_too(ask: Ask, gateway: LocalGateway) -> None:
    messages = (
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": "?"},
    )
    ask(iter([A, B]), messages)
    assert [request.json["messages"] for request in gateway.requests] == [list(messages)] * 2


# ---- alone, or with fallbacks ---------------------------------------------------------------------------------------


@either
def test_each_model_is_asked_alone_whatever_the_policy_says(ask: Ask, gateway: LocalGateway, stream: bool) -> None:
    gateway.script.fail(A, "server_error")
    found = ask([A, B], stream=stream, policy=Policy(fallbacks=[C]))
    assert isinstance(found[A].error, GatewayError)
    assert found[B].ok
    assert sorted(request.model for request in gateway.requests if request.model) == sorted([A, B])


@pytest.mark.parametrize("fallback", [C, Fallback(C, max_cost_usd="1.5")], ids=["id", "capped"])
@either
def test_fallbacks_that_were_named_here_are_asked(ask: Ask, gateway: LocalGateway, fallback: Any, stream: bool) -> None:
    gateway.script.fail(A, "server_error")
    found = ask([A, B], stream=stream, fallbacks=[fallback], max_tokens=50)
    assert [(result.ok, result.served_by) for result in found.values()] == [(True, C), (True, B)]
    assert [attempt.model for attempt in found[A].attempts] == [A, C]
    assert f"by {C}" in repr(found)
    assert found.to_dicts()[0]["served_by"] == C
    assert all("models" not in request.json for request in gateway.requests)


def test_a_cap_holds_for_a_fallback(ask: Ask, gateway: LocalGateway) -> None:
    gateway.script.fail(A, "server_error")
    found = ask([A], fallbacks=[Fallback(C, max_cost_usd="0.0000001")], max_tokens=50)
    assert isinstance(found[A].error, AllModelsFailedError | GatewayError)
    assert [request.model for request in gateway.requests] == [A]


def test_a_stream_that_another_model_went_on_with_has_no_whole_bill(ask: Ask, gateway: LocalGateway) -> None:
    gateway.script.fail(A, "cut_after_content")
    found = ask([A], stream=True, fallbacks=[B], policy=Policy(on_break="continue"))
    result = found[A]
    assert (result.ok, result.served_by, result.cost) == (True, B, None)
    assert [(attempt.model, attempt.cause) for attempt in result.attempts] == [(A, "interrupted"), (B, None)]
    assert (found.spend.calls, found.spend.unknown, found.spend.billed) == (2, 1, gateway.account.by_model()[B])


def test_a_route_says_who_answered(ask: Ask) -> None:
    found = ask(["aisa/cheap", "aisa/no-such-route"])
    assert found["aisa/cheap"].served_by not in (None, "aisa/cheap")
    assert isinstance(found["aisa/no-such-route"].error, ModelNotFoundError)


# ---- money ----------------------------------------------------------------------------------------------------------


@either
def test_a_block_counts_a_comparison(ask: Ask, gateway: LocalGateway, stream: bool) -> None:
    gateway.script.fail(C, "server_error")
    with track() as spend:
        found = ask([A, B, C], stream=stream)
    assert (spend.calls, spend.cost, spend.unknown, spend.unattributed) == (3, gateway.account.spent, 0, 0)
    again = found.spend
    assert (again.calls, again.billed, again.estimated, again.unknown) == (3, spend.billed, spend.estimated, 0)
    assert again.by_model.keys() == spend.by_model.keys() == {A, B}


@either
def test_billed_estimated_and_unknown_stay_apart(ask: Ask, gateway: LocalGateway, stream: bool) -> None:
    gateway.script.set_style(B, usage="tokens")
    gateway.script.set_style(C, usage="none")
    found = ask([A, B, C], stream=stream)
    assert [result.usage.cost_kind for result in found.values()] == ["billed", "estimated", None]
    assert [result.cost is None for result in found.values()] == [False, False, True]
    spend = found.spend
    assert (spend.billed, spend.estimated, spend.unknown) == (found[A].cost, found[B].cost, 1)
    assert "billed and $" in repr(found)
    assert "1 of unknown cost" in repr(found)


def test_a_budget_refuses_one_model_and_lets_another_be_asked(ask: Ask, gateway: LocalGateway) -> None:
    found = ask([A, "claude-opus-4-1"], max_tokens=1_000, policy=Policy(budget=Budget("0.02")))
    assert found[A].ok
    assert isinstance(found["claude-opus-4-1"].error, BudgetExceededError)
    assert [request.model for request in gateway.requests] == [A]


def test_a_cached_answer_costs_nothing_and_says_what_it_saved(ask: Ask, gateway: LocalGateway) -> None:
    policy = Policy(cache=Cache())
    first = ask([A, B], policy=policy)
    second = ask([A, B], policy=policy)
    assert len(gateway.requests) == 2
    assert [result.cost for result in second.values()] == [Decimal(0)] * 2
    assert second.spend.saved == first.spend.cost == gateway.account.spent
    assert [result.response for result in second.values()] == [result.response for result in first.values()]


# ---- wrong arguments ------------------------------------------------------------------------------------------------

WRONG: dict[str, dict[str, Any]] = {
    "a text of models": {"models": "gpt-4o"},
    "no models": {"models": []},
    "no iterable": {"models": 3},
    "twice": {"models": [A, B, A]},
    "an empty id": {"models": [A, " "]},
    "not an id": {"models": [A, None]},
    "an empty text": {"messages": " "},
    "no messages": {"messages": []},
    "one message": {"messages": {"role": "user", "content": "Hello"}},
    "not messages": {"messages": [["user", "Hello"]]},
    "bytes": {"messages": b"Hello"},
    "not JSON": {"messages": [{"role": "user", "content": {1, 2}}]},
    "half a character": {"messages": "\ud800"},
    "no number": {"temperature": float("nan")},
    "two systems": {"system": "Be brief.", "messages": [{"role": "system", "content": "Be long."}]},
    "no text": {"system": 3},
    "a slip": {"temprature": 1},
    "of a policy": {"budget": 3},
    "a model": {"extra_body": {"model": C}},
    "other models": {"extra_body": {"models": [C]}},
    "no dict": {"extra_body": [1]},
    "no function": {"on_result": "print"},
    "fallbacks": {"fallbacks": C},
    "timeout": {"timeout": -1},
    "policy": {"policy": {"max_retries": 1}},
    "client": {"client": "gpt-4o"},
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_argument_is_an_error_before_anything_is_sent(ask: Ask, gateway: LocalGateway, wrong: str) -> None:
    arguments = {"models": [A, B], "messages": "Hello", **WRONG[wrong]}
    with pytest.raises(ConfigurationError) as caught:
        ask(arguments.pop("models"), arguments.pop("messages"), **arguments)
    assert str(caught.value)
    assert gateway.requests == []


@pytest.mark.parametrize(
    ("option", "hint"),
    [
        ("temprature", "Did you mean temperature=…?"),
        ("deadline", "policy=Policy(deadline=…)"),
        ("fallback", "fallbacks=…"),
        ("top_k", "extra_body={'top_k': …}"),
    ],
)
def test_an_unknown_option_says_the_way_out(ask: Ask, option: str, hint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ask([A], **{option: 1})
    assert hint in str(caught.value)


def test_no_key_is_an_error(ask: Ask) -> None:
    with pytest.raises(MissingKeyError):
        ask([A], api_key="")


# ---- a client of one's own ------------------------------------------------------------------------------------------


def test_a_client_of_ones_own_asks_and_stays_open(
    ask: Ask, way: str, client: Any, gateway: LocalGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    connects = Connects(monkeypatch)
    for _ in range(2):
        assert len(ask([A, B], client=client).answered) == 2
    assert len(gateway.requests) == 4
    # Its connections serve the second comparison too, and are closed by its owner. An async one's end with their loop.
    if way == "sync":
        assert connects.count <= 2
        client.close()


@pytest.mark.parametrize(
    "more", [{"api_key": "k"}, {"base_url": "http://127.0.0.1:9"}, {"timeout": None}, {"policy": Policy()}], ids=str
)
def test_settings_beside_a_client_are_refused(ask: Ask, client: Any, more: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(more))):
        ask([A], client=client, **more)


# ---- values ---------------------------------------------------------------------------------------------------------


def test_a_result_is_a_frozen_value_with_the_promised_fields(ask: Ask) -> None:
    result = ask([A])[A]
    assert [field.name for field in fields(Result)] == FIELDS
    assert not hasattr(result, "__dict__")
    with pytest.raises(FrozenInstanceError):
        result.model = B  # type: ignore[misc]


def test_a_comparison_can_be_copied_and_pickled(ask: Ask, gateway: LocalGateway) -> None:
    gateway.script.fail(B, "unknown_model")
    found = ask([A, B])
    for twin in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found)):
        assert list(twin) == [A, B]
        assert twin[A] == found[A]
        assert type(twin[B].error) is ModelNotFoundError
        assert str(twin[B].error) == str(found[B].error)
        assert (twin.spend.cost, repr(twin)) == (found.spend.cost, repr(found))
