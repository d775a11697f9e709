"""Keys and money: who is let in, what a call costs, and that the reply says exactly that."""

import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import httpx2
import pytest

from aisa_integrations.local import DEFAULT_PRICE, LocalGateway
from tests.local.conftest import Ask, chat_body, gemini_body, gemini_path
from tests.local.events import events


def exact(text: str) -> dict:
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def test_the_bill_in_the_reply_is_the_account_to_the_last_digit(gateway: LocalGateway, chat: Ask) -> None:
    total = Decimal(0)
    for model in ("gpt-4o", "qwen-flash", "no-such-price"):
        usage = exact(chat(model).text)["usage"]
        price = gateway.account.price(model)
        assert usage["cost"] == price.of(int(usage["prompt_tokens"]), int(usage["completion_tokens"]))
        total += usage["cost"]
        assert usage["credits_remaining"] == gateway.account.balance
    assert gateway.account.price("no-such-price") == DEFAULT_PRICE
    assert gateway.account.spent == total == sum(gateway.account.by_model().values())
    assert gateway.account.balance == Decimal(100) - total


def test_streams_and_gemini_are_billed_alike(gateway: LocalGateway, http: httpx2.Client, chat: Ask) -> None:
    chunks = [json.dumps(e) for e in events(chat(stream=True, stream_options={"include_usage": True}).text)]
    assert '"cost"' in chunks[-2]
    top = exact(http.post(gemini_path(), json=gemini_body()).text)
    gateway.script.set_style("*", gemini_usage="metadata")
    inside = exact(http.post(gemini_path(), json=gemini_body()).text)
    assert top["usage"]["cost"] == inside["usageMetadata"]["cost"] == gateway.account.calls[-1].cost
    assert "usage" not in inside
    assert [(call.surface, call.stream, call.status) for call in gateway.account.calls] == [
        ("chat", True, 200),
        ("gemini", False, 200),
        ("gemini", False, 200),
    ]


@pytest.mark.parametrize(("usage", "fields"), [("full", 5), ("tokens", 3), ("none", 0)])
def test_usage_can_be_left_out_of_replies_but_not_of_the_account(usage, fields: int) -> None:
    with LocalGateway(usage=usage) as gateway:
        headers = {"authorization": f"Bearer {gateway.api_key}"}
        reply = httpx2.post(f"{gateway.url}/v1/chat/completions", json=chat_body(), headers=headers).json()
        assert len(reply.get("usage", {})) == fields
        assert gateway.account.spent > 0


def test_a_cut_stream_is_billed_for_what_was_delivered(gateway: LocalGateway, chat: Ask) -> None:
    chat(stream=True)
    whole = gateway.account.calls[0]
    gateway.script.fail("*", "silent_end_after_content", chunks=2)
    chat(stream=True)
    gateway.script.fail("*", "silent_end_before_content")
    chat(stream=True)
    cut, nothing = gateway.account.calls[1:]
    assert 0 < cut.completion_tokens < whole.completion_tokens
    assert cut.prompt_tokens == whole.prompt_tokens
    assert 0 < cut.cost < whole.cost
    assert nothing.cost == 0


def test_refused_calls_cost_nothing_and_are_noted(gateway: LocalGateway, chat: Ask) -> None:
    gateway.script.fail("gpt-4o", "server_error")
    assert chat().status_code == 500
    (call,) = gateway.account.calls
    assert (call.status, call.cost) == (500, Decimal(0))


def test_an_empty_wallet_is_402_until_it_is_filled() -> None:
    with LocalGateway(balance=Decimal("0.00001")) as gateway:
        headers = {"authorization": f"Bearer {gateway.api_key}"}
        with httpx2.Client(base_url=gateway.url, headers=headers) as http:
            statuses = [http.post("/v1/chat/completions", json=chat_body()).status_code for _ in range(2)]
            assert statuses == [200, 402]
            assert gateway.account.balance < 0
            gateway.account.balance = Decimal(1)
            assert http.post("/v1/chat/completions", json=chat_body()).status_code == 200


def test_the_balance_route(gateway: LocalGateway, http: httpx2.Client, chat: Ask) -> None:
    chat()
    body = http.get("/v1/credits/balance").json()
    left = int(gateway.account.balance * 1_000_000)
    assert body["currency"] == "USD"
    assert body["account_balance_micros_usd"] == body["available_balance_micros_usd"] == left
    assert body["api_key"] == {
        "unlimited": True,
        "remaining_micros_usd": left,
        "used_micros_usd": int(gateway.account.spent * 1_000_000),
    }
    assert body["as_of"].endswith("Z")


def test_a_price_can_move(gateway: LocalGateway, chat: Ask) -> None:
    gateway.account.set_price("gpt-4o", Decimal(1000), Decimal(0))
    usage = exact(chat().text)["usage"]
    assert usage["cost"] == usage["prompt_tokens"] / 1000


def test_many_threads_add_up(gateway: LocalGateway) -> None:
    headers = {"authorization": f"Bearer {gateway.api_key}"}
    with httpx2.Client(base_url=gateway.url, headers=headers) as http, ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: http.post("/v1/chat/completions", json=chat_body()).text, range(40)))
    assert sum(exact(reply)["usage"]["cost"] for reply in replies) == gateway.account.spent
    assert len(gateway.requests) == 40


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({}, "", 402),
        ({"x-goog-api-key": "KEY"}, "", 402),
        ({}, "?key=KEY", 402),
        ({"authorization": "Basic KEY"}, "", 402),
        ({"authorization": "Bearer"}, "", 402),
        ({"authorization": "Bearer sk-aisa-wrong"}, "", 401),
        ({"authorization": "Bearer KEY"}, "", 200),
    ],
)
@pytest.mark.parametrize("path", ["/v1/models", gemini_path()])
def test_only_a_bearer_key_opens(gateway: LocalGateway, path: str, headers, query: str, status: int) -> None:
    real = {name: value.replace("KEY", gateway.api_key) for name, value in headers.items()}
    url = gateway.url + path + query.replace("KEY", gateway.api_key)
    reply = httpx2.post(url, json=gemini_body(), headers=real) if ":" in path else httpx2.get(url, headers=real)
    assert reply.status_code == status
    if status == 402:
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.headers["www-authenticate"].startswith("Payment")
    if status == 401:
        assert reply.json()["error"]["code"] == "invalid_api_key"


def test_a_gateway_without_a_key() -> None:
    with LocalGateway(require_key=False) as gateway:
        assert httpx2.post(f"{gateway.url}/v1/chat/completions", json=chat_body()).status_code == 200
