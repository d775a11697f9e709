"""How many requests go out: never more than the policy's number, and another round only where it may help."""

import asyncio
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from aisa_integrations import AisaError, AsyncGatewayClient, InsufficientCreditsError
from aisa_integrations.local import FAULTS, LocalGateway
from aisa_integrations.transport.network import NetworkOptions
from tests.faults.cases import SILENT
from tests.faults.faces import FACES, GATEWAY, MESSAGES, Face
from tests.faults.table import end_of

CASES = [
    (fault.name, stream)
    for fault in FAULTS.values()
    for stream in (False, True)
    if fault.fits(surface="chat", stream=stream)
]


@asynccontextmanager
async def clients(gateway: LocalGateway, tls: ssl.SSLContext, **settings: Any) -> AsyncIterator[Any]:
    """A client for faults that say something, and one whose timeout those that don't run into."""
    network = NetworkOptions(verify=tls)
    async with (
        AsyncGatewayClient(gateway.api_key, base_url=gateway.url, network=network, **settings) as patient,
        AsyncGatewayClient(gateway.api_key, base_url=gateway.url, network=network, timeout=0.8, **settings) as hasty,
    ):
        yield lambda fault: hasty if fault in SILENT else patient


def _model(fault: str, stream: bool) -> str:
    return f"{fault}-{'stream' if stream else 'plain'}"


async def _ended(client: AsyncGatewayClient, model: str, stream: bool) -> str | None:
    body = {"model": model, "messages": MESSAGES}
    try:
        if stream:
            async for _ in client.stream(body):
                pass
        else:
            await client.chat(body)
    except AisaError as error:
        return type(error).__name__
    return None


async def _all_at_once(gateway: LocalGateway, tls: ssl.SSLContext, times: int | None) -> dict[str, str | None]:
    calls: dict[str, Awaitable[str | None]] = {}
    async with clients(gateway, tls, max_retries=1) as client_for:
        for fault, stream in CASES:
            model = _model(fault, stream)
            waits = {"retry_after": 0} if fault == "retry_after" else {}
            slow: dict[str, Any] = {"seconds": 0.02} if fault.startswith("slow") else {"every": 0.02}
            gateway.script.fail(model, fault, times=times, reset_in=0, **slow, **waits)
            calls[model] = _ended(client_for(fault), model, stream)
        return dict(zip(calls, await asyncio.gather(*calls.values()), strict=True))


@pytest.mark.parametrize("times", [None, 1], ids=["for good", "once"])
async def test_one_retry_is_one_more_request_where_it_may_help(
    gateway: LocalGateway, tls: ssl.SSLContext, times: int | None
) -> None:
    ended = await _all_at_once(gateway, tls, times)
    sent = Counter(request.model for request in gateway.requests)
    for fault, stream in CASES:
        model, end = _model(fault, stream), end_of(fault, stream=stream)
        if end is None:
            assert (ended[model], sent[model]) == (None, 2 if model == "usage_rejected-stream" else 1)
        elif not end.again:
            assert (model, ended[model], sent[model]) == (model, end.error.__name__, 1)
        else:
            error = None if times == 1 else end.error.__name__
            assert (model, ended[model], sent[model]) == (model, error, 2)


@pytest.mark.parametrize("face", FACES, ids=str)
def test_rounds_go_over_the_whole_chain(gateway: LocalGateway, tls: ssl.SSLContext, face: Face) -> None:
    gateway.script.fail("first-model", "upstream_unavailable", retry_after=0)
    gateway.script.fail("second-model", "upstream_unavailable", retry_after=0)
    seen = face.ask(gateway, tls, stream=True, max_retries=2, fallbacks=["second-model"])
    assert seen.error is not None
    assert [request.model for request in gateway.requests] == ["first-model", "second-model"] * 3
    assert [cause for _, _, cause in seen.attempts] == ["server_error"] * 6


@pytest.mark.parametrize("face", FACES, ids=str)
def test_another_round_leaves_out_who_failed_for_good(gateway: LocalGateway, tls: ssl.SSLContext, face: Face) -> None:
    gateway.script.fail("first-model", "model_gated")
    gateway.script.fail("second-model", "rate_limited", retry_after=0, times=1)
    seen = face.ask(gateway, tls, stream=False, max_retries=1, fallbacks=["second-model"])
    assert seen.error is None
    assert seen.served_by == "second-model"
    assert [request.model for request in gateway.requests] == ["first-model", "second-model", "second-model"]


@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_model_is_asked_again_no_earlier_than_it_said(gateway: LocalGateway, tls: ssl.SSLContext, face: Face) -> None:
    gateway.script.fail("first-model", "rate_limited", retry_after=0.5, times=1)
    gateway.script.fail("second-model", "rate_limited", retry_after=0, times=1)
    seen = face.ask(gateway, tls, stream=False, max_retries=1, fallbacks=["second-model"])
    # Who answers sooner is asked sooner, whatever the order of the chain.
    assert seen.served_by == "second-model"
    assert [request.model for request in gateway.requests] == ["first-model", "second-model", "second-model"]
    gateway.clear()
    gateway.script.fail("first-model", "rate_limited", retry_after=0.3, times=1)
    assert face.ask(gateway, tls, stream=False, max_retries=1).error is None
    before, after = [request.at for request in gateway.requests]
    assert after - before >= 0.3


@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_wait_beyond_the_deadline_is_not_begun(gateway: LocalGateway, tls: ssl.SSLContext, face: Face) -> None:
    gateway.script.fail("first-model", "retry_after", retry_after=10_000)
    seen = face.ask(gateway, tls, stream=False, max_retries=2)
    assert seen.error is not None
    assert "10000 s" in str(seen.error)
    assert len(gateway.requests) == 1


@pytest.mark.parametrize("face", FACES, ids=str)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_spent_key_is_waited_for_and_the_same_model_asked(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, stream: bool
) -> None:
    gateway.script.fail("first-model", "key_spent", retry_after=0, times=1)
    seen = face.ask(gateway, tls, stream=stream, max_retries=1, fallbacks=["second-model"])
    assert seen.served_by == "first-model"
    assert seen.attempts == [("first-model", 429, "key_rate_limit"), ("first-model", 200, None)]
    assert [request.model for request in gateway.requests] == ["first-model", "first-model"]


def test_the_reset_of_a_spent_key_is_waited_for(gateway: LocalGateway, tls: ssl.SSLContext) -> None:
    gateway.script.fail("first-model", "key_spent", reset_in=0, times=1)
    began = time.time()
    seen = GATEWAY.ask(gateway, tls, stream=False, max_retries=1, fallbacks=["second-model"])
    assert seen.served_by == "first-model"
    assert time.time() >= int(began) + 1


def test_402_is_raised_when_every_model_refuses_and_names_the_wallet(
    gateway: LocalGateway, tls: ssl.SSLContext
) -> None:
    gateway.script.fail("first-model", "model_gated")
    gateway.script.fail("second-model", "wallet_empty")
    for face in FACES:
        seen = face.ask(gateway, tls, stream=False, max_retries=2, fallbacks=["second-model"])
        assert "wallet" in str(seen.error)
        assert (
            getattr(seen.error, "status_code", None) == 402
            or isinstance(seen.error, InsufficientCreditsError)
            or (getattr(seen.error, "code", None) == 402)
        )
    assert len(gateway.requests) == 2 * len(FACES)
