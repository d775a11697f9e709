"""How a call is made: copies with other options, raw and streamed responses, the low level, timeouts."""

import json
from typing import Any

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletion

from aisa_integrations import ConfigurationError, openai_client
from aisa_integrations.local import LocalGateway
from tests.sdk.pair import Pair

HELLO: list[Any] = [{"role": "user", "content": "hello"}]
BODY: dict[str, Any] = {"model": "gpt-4o", "messages": HELLO}


def ask(client: Any, **settings: Any) -> Any:
    return client.chat.completions.create(model="gpt-4o", messages=HELLO, **settings)


# ---- copies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["with_options", "copy"])
def test_a_copy_sends_its_own_key_and_headers_and_the_first_keeps_its_own(chats: Pair, method: str) -> None:
    options = {"api_key": "sk-aisa-other", "default_headers": {"x-team": "blue"}, "default_query": {"v": "2"}}

    def case(client: Any) -> Any:
        with pytest.raises(openai.AuthenticationError):
            ask(getattr(client, method)(**options))
        return ask(client)

    chats.same(case)
    for gateway in (chats.our_gateway, chats.stock_gateway):
        copied, own = gateway.requests
        assert (copied.header("authorization"), copied.header("x-team")) == ("Bearer sk-aisa-other", "blue")
        assert (own.header("authorization"), own.header("x-team")) == (f"Bearer {gateway.api_key}", None)


def test_a_copy_is_of_the_same_class_and_keeps_what_was_not_changed(chats: Pair) -> None:
    def case(client: Any) -> Any:
        copied = client.with_options(default_headers={"x-team": "blue"}).with_options(timeout=7)
        ask(copied)
        return copied.timeout

    assert chats.same(case) == 7
    assert chats.our_gateway.requests[-1].header("x-team") == "blue"


def test_a_copy_with_max_retries_makes_exactly_so_many_more_requests(chats: Pair) -> None:
    chats.our_gateway.script.fail("gpt-4o", "server_error", retry_after=0)
    with pytest.raises(openai.InternalServerError):
        ask(chats.ours.with_options(max_retries=2))
    assert len(chats.our_gateway.requests) == 3
    with pytest.raises(openai.InternalServerError):
        ask(chats.ours)
    assert len(chats.our_gateway.requests) == 4


@pytest.mark.parametrize("wrong", [2.5, "2", -1, True])
def test_a_copy_says_which_number_of_retries_cannot_be(chats: Pair, wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_retries"):
        chats.ours.with_options(max_retries=wrong)


# ---- timeouts -------------------------------------------------------------------------------------------------------


PATIENCE: dict[str, Any] = {
    "of the request": lambda client, **settings: ask(client, timeout=0.05, **settings),
    "of a copy": lambda client, **settings: ask(client.with_options(timeout=0.05), **settings),
    "of a copy, by step": lambda client, **settings: ask(
        client.copy(timeout=httpx2.Timeout(0.05, connect=5)), **settings
    ),
}


@pytest.mark.parametrize("timeout", PATIENCE)
@pytest.mark.parametrize("stream", [False, True])
def test_a_timeout_is_the_sdk_s_own_error(chats: Pair, timeout: str, stream: bool) -> None:
    chats.prepare(lambda gateway: gateway.script.fail("gpt-4o", "hang"))

    def case(client: Any) -> Any:
        with pytest.raises(openai.APITimeoutError) as caught:
            PATIENCE[timeout](client, stream=stream)
        return caught.value.message, caught.value.request.url.path

    # Not `same`: on a busy machine the time may be over before the request is on its way, and then nobody has seen it.
    assert case(chats.ours) == case(chats.stock)


# ---- raw and streamed responses -------------------------------------------------------------------------------------


def test_a_raw_response_shows_status_headers_and_body(chats: Pair) -> None:
    def case(client: Any) -> Any:
        raw = client.chat.completions.with_raw_response.create(**BODY)
        assert raw.headers["content-type"] == "application/json"
        assert raw.elapsed.total_seconds() >= 0
        assert raw.http_request.url.path == "/v1/chat/completions"
        return raw.status_code, raw.text, raw.content, raw.retries_taken, raw.method, raw.is_closed, raw.parse()

    status, text, *_, parsed = chats.same(case)
    assert (status, type(parsed)) == (200, ChatCompletion)
    assert parsed.choices[0].message.content in text


@pytest.mark.parametrize("model", ["gpt-4o", "no-such-model"], ids=["answer", "error"])
def test_a_reply_that_was_read_below_the_sdk_stands_as_if_it_had_read_it_itself(chats: Pair, model: str) -> None:
    def case(client: Any) -> Any:
        try:
            reply = client.chat.completions.with_raw_response.create(**{**BODY, "model": model}).http_response
        except openai.NotFoundError as error:
            reply = error.response
        assert reply.elapsed.total_seconds() > 0
        assert reply.num_bytes_downloaded == len(reply.content) == len(b"".join(reply.iter_bytes()))
        return reply.status_code, reply.is_closed, reply.is_stream_consumed, reply.encoding, reply.history

    assert chats.same(case)[1:3] == (True, True)


def test_a_plain_reply_can_be_read_piece_by_piece(gateway: LocalGateway) -> None:
    with openai_client(gateway.api_key, base_url=gateway.url) as client:
        with client.chat.completions.with_streaming_response.create(**BODY) as streamed:
            raw = b"".join(streamed.http_response.iter_raw())
            assert json.loads(raw)["choices"]
            assert streamed.http_response.num_bytes_downloaded == len(raw)
        with client.chat.completions.with_streaming_response.create(**BODY) as streamed:
            assert json.loads("".join(streamed.iter_lines()))["choices"]


def test_every_reply_says_who_served_it_and_what_it_cost(chats: Pair) -> None:
    raw = chats.ours.chat.completions.with_raw_response.create(**BODY)
    assert raw.headers["x-aisa-served-by"] == "gpt-4o"
    assert raw.headers["x-aisa-attempts"].startswith("gpt-4o;status=200;ms=")
    assert raw.headers["x-aisa-cost"] == f"{chats.our_gateway.account.spent:f};billed"
    streamed = chats.ours.chat.completions.with_raw_response.create(**BODY, stream=True)
    assert streamed.headers["x-aisa-served-by"] == "gpt-4o"
    # It can't be known yet.
    assert "x-aisa-cost" not in streamed.headers
    assert list(streamed.parse())


def test_a_raw_response_of_a_stream_parses_to_a_stream(chats: Pair) -> None:
    def case(client: Any) -> Any:
        raw = client.chat.completions.with_raw_response.create(**BODY, stream=True)
        return raw.status_code, list(raw.parse())

    assert chats.same(case)[1][-1].choices[0].finish_reason == "stop"


@pytest.mark.parametrize("read", ["read", "text", "json", "parse", "iter_bytes", "iter_text", "iter_lines"])
def test_a_streaming_response_is_read_in_every_way(chats: Pair, read: str) -> None:
    def case(client: Any) -> Any:
        with client.chat.completions.with_streaming_response.create(**BODY) as response:
            assert response.status_code == 200
            got = getattr(response, read)()
            joiner: Any = b"" if read == "iter_bytes" else ""
            return joiner.join(got) if read.startswith("iter") else got

    assert "Simulated reply" in str(chats.same(case))


def test_a_streaming_response_of_a_stream_has_the_sdk_s_lines(chats: Pair) -> None:
    def case(client: Any) -> Any:
        with client.chat.completions.with_streaming_response.create(**BODY, stream=True) as response:
            return [line for line in response.iter_lines() if line]

    lines = chats.same(case)
    assert lines[-1] == "data: [DONE]"


# ---- the low level --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cast_to", [ChatCompletion, object, dict[str, Any], str])
def test_a_low_level_post(chats: Pair, cast_to: Any) -> None:
    got = chats.same(lambda client: client.post("/chat/completions", cast_to=cast_to, body=BODY))
    assert isinstance(got, ChatCompletion) if cast_to is ChatCompletion else got


def test_a_low_level_response(chats: Pair) -> None:
    def case(client: Any) -> Any:
        response = client.post("/chat/completions", cast_to=httpx2.Response, body=BODY)
        return response.status_code, response.json()

    assert chats.same(case)[1]["object"] == "chat.completion"


def test_a_low_level_get_with_options(chats: Pair) -> None:
    options: Any = {"params": {"a": "b"}, "headers": {"x-trace": "t"}}
    got = chats.same(lambda client: client.get("/credits/balance", cast_to=object, options=options))
    assert got["currency"] == "USD"
    request = chats.our_gateway.requests[-1]
    assert (request.query, request.header("x-trace")) == ("a=b", "t")
