"""Errors are the SDK's own: class, status, code, request, response and body."""

from typing import Any

import openai
import pytest

from aisa_integrations.local import FAULTS
from aisa_integrations.local.fault import Answer
from tests.sdk.pair import Pair

HELLO: list[Any] = [{"role": "user", "content": "hello"}]
REFUSALS = sorted(
    name
    for name, fault in FAULTS.items()
    if isinstance(fault.play, Answer) and fault.status >= 400 and "chat" in fault.tags and fault.when is None
)
# What the contract ("What a failure means") calls by its own name: a model that is not there, in three disguises.
RENAMED: dict[str, Any] = {"no_channels": openai.NotFoundError, "model_not_found_500": openai.NotFoundError}


def ask(client: Any, **settings: Any) -> None:
    # Where it is no stream, this goes over the reply's fields.
    list(client.chat.completions.create(model="gpt-4o", messages=HELLO, **settings))


def failure(client: Any, **settings: Any) -> Any:
    with pytest.raises(openai.OpenAIError) as caught:
        ask(client, **settings)
    return caught.value


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("fault", REFUSALS)
def test_a_refusal_raises_the_class_that_stock_raises(chats: Pair, fault: str, stream: bool) -> None:
    chats.prepare(lambda gateway: gateway.script.fail("gpt-4o", fault))
    stock, ours = failure(chats.stock, stream=stream), failure(chats.ours, stream=stream)
    expected: Any = RENAMED.get(fault, type(stock))
    assert type(ours) is expected
    assert ours.status_code == (404 if fault in RENAMED else stock.status_code)
    assert ours.response.status_code == ours.status_code
    assert ours.response.headers["x-should-retry"] == "false"
    assert ours.request.url.path == stock.request.url.path
    # What the gateway said stays; what it left unsaid has our word in it.
    assert (stock.type, stock.param) == (None, None) or (ours.type, ours.param) == (stock.type, stock.param)
    assert stock.code in (None, "", ours.code)
    said = stock.body["message"] if isinstance(stock.body, dict) and "message" in stock.body else ""
    assert said.rstrip(".") in ours.message
    assert ours.body["message"] in ours.message


def test_the_body_of_an_error_keeps_what_the_gateway_said(chats: Pair) -> None:
    chats.our_gateway.script.fail("gpt-4o", "upstream_rate_limit")
    error = failure(chats.ours)
    assert (error.code, error.type) == ("upstream_rate_limit", "rate_limit_error")
    assert error.request_id == error.body["request_id"] != ""
    assert error.response.json() == {"error": error.body}
    assert type(error) is openai.RateLimitError


def test_the_request_id_of_a_header_is_where_stock_has_it(chats: Pair) -> None:
    chats.prepare(lambda gateway: gateway.script.fail("gpt-4o", "server_error", headers={"x-request-id": "req-7"}))
    assert failure(chats.ours).request_id == failure(chats.stock).request_id == "req-7"


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("fault", ["connection_reset", "connection_closed"])
def test_a_lost_connection_is_the_sdk_s_own_error(chats: Pair, fault: str, stream: bool) -> None:
    chats.prepare(lambda gateway: gateway.script.fail("gpt-4o", fault))
    stock, ours = failure(chats.stock, stream=stream), failure(chats.ours, stream=stream)
    assert type(ours) is type(stock) is openai.APIConnectionError
    assert str(ours) == str(stock)
    assert type(ours.__cause__) is type(stock.__cause__)


def test_an_error_event_in_a_stream_raises_the_class_that_stock_raises(chats: Pair) -> None:
    chats.prepare(lambda gateway: gateway.script.fail("gpt-4o", "error_event_after_content"))
    stock, ours = failure(chats.stock, stream=True), failure(chats.ours, stream=True)
    assert stock.body["message"] in ours.body["message"]
    assert ours.body["partial"].startswith("Simulated")
    assert type(ours) is type(stock) is openai.APIError


def test_a_wrong_argument_is_the_sdk_s_own_error(chats: Pair) -> None:
    def case(client: Any) -> Any:
        with pytest.raises(TypeError) as caught:
            client.chat.completions.create(messages=HELLO)
        return str(caught.value)

    assert "model" in chats.same(case)
