"""Per-request options, errors and life of our google-genai client, beside the stock one's."""

from typing import Any

import httpx2
import pytest
from google import genai
from google.genai import errors, types

from aisa_integrations import genai_client
from aisa_integrations.local import FAULTS, LocalGateway
from aisa_integrations.local.fault import Answer
from tests.sdk.pair import Pair

MODEL = "gemini-2.5-flash"
REFUSALS = sorted(
    name for name, fault in FAULTS.items() if isinstance(fault.play, Answer) and name.startswith("gemini_")
)


def ask(client: Any, **config: Any) -> Any:
    return client.models.generate_content(
        model=MODEL, contents="hello", config=types.GenerateContentConfig(**config) if config else None
    )


def ask_streaming(client: Any, **config: Any) -> Any:
    return list(
        client.models.generate_content_stream(
            model=MODEL, contents="hello", config=types.GenerateContentConfig(**config) if config else None
        )
    )


# ---- options --------------------------------------------------------------------------------------------------------


def test_headers_and_body_of_one_request(geminis: Pair) -> None:
    options = types.HttpOptions(headers={"x-trace": "t-1"}, extra_body={"labels": {"team": "blue"}})
    geminis.same(lambda client: ask(client, http_options=options))
    geminis.same(ask)
    for gateway in (geminis.our_gateway, geminis.stock_gateway):
        first, second = gateway.requests
        assert (first.header("x-trace"), first.json["labels"]) == ("t-1", {"team": "blue"})
        assert (second.header("x-trace"), second.json.get("labels")) == (None, None)


def test_headers_and_body_of_a_client(gateway: LocalGateway) -> None:
    for options in (
        types.HttpOptions(headers={"x-trace": "t-1"}, extra_body={"labels": {"a": "b"}}),
        {"headers": {"x-trace": "t-1"}, "extra_body": {"labels": {"a": "b"}}},
    ):
        client = genai_client(gateway.api_key, base_url=gateway.url, http_options=options)
        ask(client)
        client.close()
        assert gateway.requests[-1].header("x-trace") == "t-1"
        assert gateway.requests[-1].json["labels"] == {"a": "b"}


def test_the_headers_on_the_wire_differ_only_where_the_design_says(geminis: Pair) -> None:
    geminis.same(ask)
    ours, stock = (dict(gateway.requests[-1].headers) for gateway in (geminis.our_gateway, geminis.stock_gateway))
    differing = {name for name in ours.keys() | stock.keys() if ours.get(name) != stock.get(name)}
    # google-genai tells the server its timeout where it has one; ours has.
    assert differing <= {"host", "accept-encoding", "x-server-timeout"}
    assert ours["authorization"] == f"Bearer {geminis.our_gateway.api_key}"


@pytest.mark.parametrize("ask_once", [ask, ask_streaming])
def test_a_timeout_of_one_request_is_in_milliseconds(geminis: Pair, ask_once: Any) -> None:
    geminis.prepare(lambda gateway: gateway.script.fail(MODEL, "hang"))
    for client in (geminis.stock, geminis.ours):
        with pytest.raises(httpx2.TimeoutException):
            ask_once(client, http_options=types.HttpOptions(timeout=50))


def test_the_raw_response_is_there(geminis: Pair) -> None:
    reply = ask(geminis.ours)
    headers = reply.sdk_http_response.headers
    assert headers["x-aisa-served-by"] == MODEL
    assert headers["x-aisa-cost"] == f"{geminis.our_gateway.account.spent:f};billed"
    assert headers["x-aisa-attempts"].startswith(f"{MODEL};status=200;ms=")
    (*_, last) = ask_streaming(geminis.ours)
    assert last.sdk_http_response.headers["x-aisa-served-by"] == MODEL


# ---- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ask_once", [ask, ask_streaming])
@pytest.mark.parametrize("fault", REFUSALS)
def test_a_refusal_raises_the_class_that_stock_raises(geminis: Pair, fault: str, ask_once: Any) -> None:
    geminis.prepare(lambda gateway: gateway.script.fail(MODEL, fault))
    with pytest.raises(errors.APIError) as stock:
        ask_once(geminis.stock)
    with pytest.raises(errors.APIError) as ours:
        ask_once(geminis.ours)
    assert type(ours.value) is type(stock.value)
    assert (ours.value.code, ours.value.status) == (stock.value.code, stock.value.status)
    assert (stock.value.message or "").rstrip(".") in (ours.value.message or "")
    assert ours.value.details["error"]["code"] == stock.value.details["error"]["code"]


def test_a_refusal_on_a_route_of_both_sdks_has_gemini_s_shape(geminis: Pair) -> None:
    for client in (geminis.ours, geminis.stock):
        with pytest.raises(errors.ClientError) as caught:
            client.models.get(model="no-such-model")
        assert caught.value.code == 404
    with pytest.raises(errors.ClientError) as ours:
        geminis.ours.models.get(model="no-such-model")
    assert (ours.value.status, ours.value.details["error"]["code"]) == ("NOT_FOUND", 404)
    assert "no-such-model" in (ours.value.message or "")


def test_a_wrong_argument_is_the_sdk_s_own_error(geminis: Pair) -> None:
    def case(client: Any) -> Any:
        with pytest.raises(ValueError) as caught:
            client.models.generate_content(model=MODEL, contents="x", config={"temprature": 1})
        return str(caught.value)

    assert "temprature" in geminis.same(case)


# ---- life -----------------------------------------------------------------------------------------------------------


def test_a_client_is_used_again_and_again(geminis: Pair) -> None:
    geminis.same(lambda client: [ask(client), ask_streaming(client)[-1], ask(client)])


def test_one_line_is_enough(gateway: LocalGateway) -> None:
    reply = genai_client(gateway.api_key, base_url=gateway.url).models.generate_content(model=MODEL, contents="hello")
    assert reply.text == f"Simulated reply from {MODEL}: you said hello"


@pytest.mark.parametrize("base", ["", "/", "/v1", "/v1/"])
def test_the_base_url_is_the_origin_with_or_without_v1(gateway: LocalGateway, base: str) -> None:
    with genai_client(gateway.api_key, base_url=gateway.url + base) as client:
        ask(client)
    assert gateway.requests[-1].path == f"/v1/models/{MODEL}:generateContent"


def test_both_sides_of_a_client_are_context_managers_of_the_sdk_s_classes(gateway: LocalGateway) -> None:
    with genai_client(gateway.api_key, base_url=gateway.url) as client:
        assert isinstance(client, genai.Client)
        assert isinstance(client.aio, genai.client.AsyncClient)
        assert ask(client).text


async def test_the_async_side_is_a_context_manager(gateway: LocalGateway) -> None:
    async with genai_client(gateway.api_key, base_url=gateway.url).aio as client:
        assert isinstance(client, genai.client.AsyncClient)
        reply = await client.models.generate_content(model=MODEL, contents="hello")
    assert reply.text
