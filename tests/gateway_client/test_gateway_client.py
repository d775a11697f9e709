"""The contract of `GatewayClient` and `AsyncGatewayClient`: dict in, dict out, each case once in sync and in async."""

import copy
import math
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aisa_integrations import (
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ConnectionFailedError,
    GatewayClient,
    MissingKeyError,
    Policy,
)
from aisa_integrations.local import LocalGateway
from tests.gateway_client.ways import MODEL, NETWORK, all_of, body, said, waited

ROOT = Path(__file__).parents[2]

# ---- calls ----------------------------------------------------------------------------------------------------------


async def test_chat_takes_a_dict_and_gives_the_gateways_dict(client: Any, gateway: LocalGateway) -> None:
    asked = body(temperature=0.5, an_unknown_field={"kept": [1, None]})
    before = copy.deepcopy(asked)
    reply = await waited(client.chat(asked))
    assert asked == before
    assert isinstance(reply, dict)
    assert reply["object"] == "chat.completion"
    assert "Zoë, 你好" in reply["choices"][0]["message"]["content"]
    assert reply["usage"]["cost"] > 0
    assert [request.json for request in gateway.requests] == [before]


async def test_a_reply_has_the_record_of_its_call_beside_it(client: Any, gateway: LocalGateway) -> None:
    reply = await waited(client.chat(body()))
    exchange = reply.exchange
    assert (exchange.model, exchange.served_by, exchange.error) == (MODEL, MODEL, None)
    assert [(attempt.model, attempt.status) for attempt in exchange.attempts] == [(MODEL, 200)]
    assert exchange.usage.cost == gateway.account.spent
    assert "exchange" not in reply
    for twin in (copy.copy(reply), copy.deepcopy(reply), pickle.loads(pickle.dumps(reply))):
        assert (twin, twin.exchange) == (reply, exchange)


async def test_a_stream_gives_events_as_dicts_and_sets_stream_itself(client: Any, gateway: LocalGateway) -> None:
    asked = body()
    events = await all_of(client.stream(asked))
    assert asked == body()
    assert all(type(event) is dict and event["object"] == "chat.completion.chunk" for event in events)
    assert all(event["choices"] for event in events)  # usage was asked for by the library, not by the caller
    assert said(events).endswith("Zoë, 你好")
    assert events[-1]["choices"][0]["finish_reason"] == "stop"
    (request,) = gateway.requests
    assert request.json == {**body(), "stream": True, "stream_options": {"include_usage": True}}


async def test_whoever_asks_for_usage_in_a_stream_gets_it(client: Any) -> None:
    events = await all_of(client.stream(body(stream_options={"include_usage": True})))
    assert events[-1]["choices"] == []
    assert events[-1]["usage"]["cost"] > 0


@pytest.mark.parametrize("given", [True, False, None])
async def test_a_stream_field_in_the_body_changes_nothing(client: Any, gateway: LocalGateway, given: Any) -> None:
    asked = body(stream=given)
    reply = await waited(client.chat(asked))
    assert reply["object"] == "chat.completion"
    assert said(await all_of(client.stream(asked)))
    assert asked == body(stream=given)
    assert [request.stream for request in gateway.requests] == [False, True]
    assert "stream" not in gateway.requests[0].json


async def test_models_and_balance(client: Any, gateway: LocalGateway) -> None:
    models = await waited(client.models())
    assert MODEL in {model["id"] for model in models}
    assert all(isinstance(model, dict) for model in models)
    balance = await waited(client.balance())
    assert balance["available_balance_micros_usd"] == gateway.account.balance * 1_000_000
    assert [request.path for request in gateway.requests] == ["/v1/models", "/v1/credits/balance"]
    assert [request.body for request in gateway.requests] == [b"", b""]


async def test_the_wire_holds_the_bearer_and_nothing_of_other_vendors(
    client: Any, gateway: LocalGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Leak: yes")
    monkeypatch.setenv("GEMINI_API_KEY", "leak")
    await waited(client.chat(body()))
    await all_of(client.stream(body()))
    await waited(client.models())
    for request in gateway.requests:
        headers = dict(request.headers)
        assert headers.pop("authorization") == f"Bearer {gateway.api_key}"
        assert headers.pop("user-agent") == "aisa-integrations"
        assert set(headers) <= {"host", "accept", "content-type", "content-length", "accept-encoding", "connection"}


async def test_fallbacks_of_the_client_and_of_one_call(kind: Any, gateway: LocalGateway) -> None:
    gateway.script.fail(MODEL, "server_error")
    client = kind(gateway.api_key, base_url=gateway.url, fallbacks=["gpt-4o-mini"], max_retries=0, network=NETWORK)
    reply = await waited(client.chat(body()))
    assert (reply["model"], reply.exchange.served_by) == ("gpt-4o-mini", "gpt-4o-mini")
    reply = await waited(client.chat(body(models=[MODEL, "gpt-4.1"])))
    assert reply.exchange.served_by == "gpt-4.1"
    assert all("models" not in request.json for request in gateway.requests)
    await waited(client.close())


# ---- errors ---------------------------------------------------------------------------------------------------------


async def test_errors_are_of_our_own_tree(client: Any, gateway: LocalGateway) -> None:
    gateway.script.fail("*", "invalid_api_key", times=1)
    with pytest.raises(AuthenticationError) as caught:
        await waited(client.chat(body()))
    error = caught.value
    assert (error.status, error.code, error.model) == (401, "invalid_api_key", MODEL)
    assert [(attempt.model, attempt.status) for attempt in error.attempts] == [(MODEL, 401)]
    with pytest.raises(BadRequestError, match="model"):
        await waited(client.chat({"messages": []}))
    gateway.script.fail("/v1/models", "bad_key")
    with pytest.raises(AuthenticationError):
        await waited(client.models())


async def test_a_gateway_that_is_not_there(kind: Any) -> None:
    client = kind("key", base_url="http://127.0.0.1:9", max_retries=0, network=NETWORK)
    for call in (client.chat, lambda asked: all_of(client.stream(asked)), lambda _: client.balance()):
        with pytest.raises(ConnectionFailedError):
            await waited(call(body()))
    await waited(client.close())


@pytest.mark.parametrize(
    "wrong",
    [
        {"policy": {"max_retries": 1}},
        {"timeout": -1},
        {"timeout": "10"},
        {"max_retries": -1},
        {"max_retries": True},
        {"fallbacks": "gpt-4o"},
        {"fallbacks": [None]},
        {"base_url": "ftp://127.0.0.1"},
        {"base_url": "http://gateway.example"},
        {"network": {"verify": False}},
    ],
    ids=str,
)
def test_a_wrong_argument_is_an_error(kind: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        kind("key", **{"base_url": "http://127.0.0.1:9", **wrong})


def test_an_unknown_argument_is_an_error(kind: Any) -> None:
    with pytest.raises(TypeError):
        kind("key", base_url="http://127.0.0.1:9", retries=3)


def test_no_key_is_an_error_that_says_the_way_out(kind: Any) -> None:
    with pytest.raises(MissingKeyError, match="AISA_API_KEY"):
        kind(base_url="http://127.0.0.1:9")


@pytest.mark.parametrize(
    "wrong", [None, [], "text", {"messages": {1, 2}}, {"messages": "\ud800"}, {"x": math.nan}], ids=repr
)
async def test_a_wrong_body_is_an_error_before_anything_is_sent(client: Any, gateway: LocalGateway, wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="body"):
        await waited(client.chat(wrong))
    with pytest.raises(ConfigurationError, match="body"):
        await all_of(client.stream(wrong))
    assert gateway.requests == []


# ---- the client itself ----------------------------------------------------------------------------------------------


async def test_a_client_is_a_context_manager_and_may_be_used_again(kind: Any, gateway: LocalGateway) -> None:
    client = kind(gateway.api_key, base_url=f"{gateway.url}/v1", network=NETWORK)
    if kind is GatewayClient:
        with client as entered:
            entered.chat(body())
    else:
        async with client as entered:
            await entered.chat(body())
    assert entered is client
    assert (await waited(client.chat(body())))["choices"]
    await waited(client.close())
    await waited(client.close())


def test_the_key_is_in_no_repr(kind: Any, canary_key: str) -> None:
    client = kind(canary_key, base_url="http://127.0.0.1:9", policy=Policy(max_retries=1))
    shown = f"{client!r} {vars(client)!r}"
    assert canary_key not in shown
    assert "127.0.0.1:9" in repr(client)


def test_no_vendors_sdk_is_loaded_by_a_call(gateway: LocalGateway) -> None:
    code = (
        "import asyncio, sys\n"
        "from aisa_integrations import AsyncGatewayClient, GatewayClient\n"
        f"options = dict(api_key={gateway.api_key!r}, base_url={gateway.url!r})\n"
        f"body = {body()!r}\n"
        "with GatewayClient(**options) as client:\n"
        "    client.chat(body); list(client.stream(body)); client.models(); client.balance()\n"
        "async def main():\n"
        "    async with AsyncGatewayClient(**options) as client:\n"
        "        await client.chat(body); [event async for event in client.stream(body)]\n"
        "asyncio.run(main())\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    loaded = set(run.stdout.split())
    assert {"openai", "google", "langchain_core", "pydantic", "starlette", "uvicorn"} & loaded == set()
    assert len(gateway.requests) == 6
