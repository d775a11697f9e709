"""A model whose time has passed is tried out by one caller; the others stay with the fallback until that one knows."""

import asyncio
import ssl
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from aisa_integrations import AsyncGatewayClient, Budget, Cache, Policy, state
from aisa_integrations.cooldown import Cooldown
from aisa_integrations.local import LocalGateway
from aisa_integrations.transport.network import NetworkOptions
from tests.faults.faces import FACES, GATEWAY, MESSAGES, Face, Seen

A, B = "first-model", "second-model"
EVERY_FACE = pytest.mark.parametrize("face", FACES, ids=str)


def cooled(gateway: LocalGateway, tls: ssl.SSLContext, *, seconds: float = 0.4, **settings: Any) -> Policy:
    """A policy whose first model is cooling; how long it does is where its waits end, too."""
    shared = Policy(fallbacks=[B], max_retries=0, cooldown=Cooldown(seconds=seconds), **settings)
    gateway.script.fail(A, "rate_limited", times=1)
    assert GATEWAY.ask(gateway, tls, stream=False, policy=shared).served_by == B
    gateway.clear()
    return shared


def wait_until_ready(shared: Policy) -> None:
    [cooling] = state(shared).cooling
    time.sleep(cooling.seconds_left)


def at_once(count: int, call: Callable[[], Seen]) -> list[Seen]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: call(), range(count)))


@EVERY_FACE
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_one_caller_tries_it_out(gateway: LocalGateway, tls: ssl.SSLContext, face: Face, stream: bool) -> None:
    shared = cooled(gateway, tls)
    wait_until_ready(shared)
    gateway.script.set_style(A, latency=0.25)
    seen = at_once(5, lambda: face.ask(gateway, tls, stream=stream, policy=shared))
    assert Counter(one.served_by for one in seen) == {A: 1, B: 4}
    gateway.clear()
    assert face.ask(gateway, tls, stream=stream, policy=shared).served_by == A
    assert state(shared).cooling == ()


@EVERY_FACE
def test_one_that_fails_again_is_left_alone_again(gateway: LocalGateway, tls: ssl.SSLContext, face: Face) -> None:
    shared = cooled(gateway, tls)
    wait_until_ready(shared)
    gateway.script.fail(A, "server_error", times=1)
    assert face.ask(gateway, tls, stream=True, policy=shared).served_by == B
    [cooling] = state(shared).cooling
    assert 0 < cooling.seconds_left <= 0.4
    assert face.ask(gateway, tls, stream=True, policy=shared).attempts == [(B, 200, None)]


def test_a_lone_model_is_asked_by_all_of_them(gateway: LocalGateway, tls: ssl.SSLContext) -> None:
    shared = cooled(gateway, tls)
    wait_until_ready(shared)
    gateway.script.set_style(A, latency=0.2)
    seen = at_once(3, lambda: GATEWAY.ask(gateway, tls, stream=False, policy=shared, fallbacks=[]))
    assert [one.served_by for one in seen] == [A] * 3


def test_one_that_never_says_how_it_went_is_not_waited_for(gateway: LocalGateway, tls: ssl.SSLContext) -> None:
    shared = cooled(gateway, tls, seconds=0.2)
    wait_until_ready(shared)
    gateway.script.fail(A, "hang", times=1)
    with ThreadPoolExecutor(1) as pool:
        silent = pool.submit(lambda: GATEWAY.ask(gateway, tls, stream=False, policy=shared, timeout=1.0))
        assert gateway.wait(requests=1, idle=False)
        time.sleep(0.25)
        assert GATEWAY.ask(gateway, tls, stream=False, policy=shared).served_by == A
        assert silent.result().served_by == B


# ---- who learned nothing leaves it to the next ----------------------------------------------------------------------


def still_to_be_tried(gateway: LocalGateway, tls: ssl.SSLContext, shared: Policy) -> bool:
    gateway.script.clear()
    return GATEWAY.ask(gateway, tls, stream=False, policy=shared).served_by == A


@EVERY_FACE
def test_a_request_that_is_refused_says_nothing_of_the_model(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face
) -> None:
    shared = cooled(gateway, tls)
    wait_until_ready(shared)
    gateway.script.fail(A, "invalid_request", times=1)
    assert face.ask(gateway, tls, stream=False, policy=shared).error is not None
    assert still_to_be_tried(gateway, tls, shared)


async def test_a_call_that_is_cancelled_says_nothing_of_the_model(gateway: LocalGateway, tls: ssl.SSLContext) -> None:
    shared = cooled(gateway, tls)
    wait_until_ready(shared)
    gateway.script.fail(A, "hang", times=1)
    client = AsyncGatewayClient(
        gateway.api_key, base_url=gateway.url, policy=shared, network=NetworkOptions(verify=tls)
    )
    call = asyncio.create_task(client.chat({"model": A, "messages": MESSAGES}))
    assert await asyncio.to_thread(gateway.wait, requests=1, idle=False)
    call.cancel()
    await asyncio.wait([call])
    gateway.script.clear()
    assert (await client.chat({"model": A, "messages": MESSAGES})).exchange.served_by == A
    await client.close()


def test_a_fallback_that_was_not_reached_is_still_to_be_tried(gateway: LocalGateway, tls: ssl.SSLContext) -> None:
    shared = cooled(gateway, tls)
    wait_until_ready(shared)
    ahead = GATEWAY.ask(gateway, tls, stream=False, policy=shared, model="third-model", fallbacks=[A])
    assert ahead.served_by == "third-model"
    assert still_to_be_tried(gateway, tls, shared)


def test_what_the_cache_answers_tries_nobody_out(gateway: LocalGateway, tls: ssl.SSLContext, tmp_path: Path) -> None:
    shared = cooled(gateway, tls, cache=Cache(tmp_path / "cache.sqlite3"))
    wait_until_ready(shared)
    assert GATEWAY.ask(gateway, tls, stream=False, policy=shared).attempts == []
    gateway.script.fail(A, "server_error")
    assert GATEWAY.ask(gateway, tls, stream=False, policy=shared, body={"seed": 1}).attempts[0][0] == A


def test_what_the_budget_refuses_tries_nobody_out(gateway: LocalGateway, tls: ssl.SSLContext) -> None:
    shared = cooled(gateway, tls, budget=Budget("0.01", unknown="allow"))
    wait_until_ready(shared)
    dear = {"model": "gpt-4o", "max_tokens": 100_000}
    assert GATEWAY.ask(gateway, tls, stream=False, policy=shared, fallbacks=[], body=dear).error is not None
    assert still_to_be_tried(gateway, tls, shared)


# ---- answers that say nothing any more ------------------------------------------------------------------------------


@EVERY_FACE
def test_an_answer_to_an_earlier_request_does_not_end_a_429(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face
) -> None:
    shared = Policy(fallbacks=[B], max_retries=0)
    gateway.script.fail(A, "slow_first_byte", seconds=0.4, times=1)
    with ThreadPoolExecutor(1) as pool:
        earlier = pool.submit(lambda: face.ask(gateway, tls, stream=False, policy=shared))
        assert gateway.wait(requests=1, idle=False)
        gateway.script.fail(A, "retry_after", retry_after=60, times=1)
        assert GATEWAY.ask(gateway, tls, stream=False, policy=shared).served_by == B
        assert earlier.result().served_by == A
    assert GATEWAY.ask(gateway, tls, stream=False, policy=shared).served_by == B
    assert [cooling.model for cooling in state(shared).cooling] == [A]


def test_a_time_that_was_named_is_not_stretched_by_our_own() -> None:
    cooldown, now = Cooldown(seconds=30), 1000.0
    cooldown.failed("key", A, now, cause="rate_limit", at_once=True, wait=5)
    cooldown.failed("key", A, now, cause="rate_limit", at_once=True, wait=None)
    assert cooldown.outlook("key", [A], now).cooling == {A: (True, now + 5)}
    assert cooldown.outlook("key", [A], now + 6).cooling == {A: (False, now + 30)}
