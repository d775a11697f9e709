"""Ctrl-C and cancellation leave a comparison at once: every request is closed, none is made any more."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from aisa_integrations import AsyncGatewayClient, GatewayClient, Policy, acompare, compare, track
from aisa_integrations.local import LocalGateway
from aisa_integrations.transport.network import NetworkOptions
from tests.clients.proxy import ForwardProxy
from tests.clients.tls import behind_tls, make_certificate
from tests.comparison.test_failures import comparing
from tests.lifecycle.test_leaving import LEAVINGS, interrupted_in
from tests.lifecycle.watching import descriptors, eventually, no_noise

MODELS = ["gpt-4o", "gpt-4.1", "claude-haiku-4-5-20251001"]
MOMENTS = [
    pytest.param("hang", False, id="plain calls"),
    pytest.param("hang", True, id="opening streams"),
    pytest.param("hang_before_content", True, id="waiting for content"),
    pytest.param("hang_after_content", True, id="reading streams"),
    pytest.param("comment_trickle_after_content", True, id="reading comments"),
]
EAGER: dict[str, Any] = {"max_retries": 5, "fallbacks": ["second", "third"]}


def settings(gateway: LocalGateway) -> dict[str, Any]:
    return {"api_key": gateway.api_key, "base_url": gateway.url}


@pytest.mark.parametrize(("fault", "stream"), MOMENTS)
def test_ctrl_c_closes_every_call_at_once(gateway: LocalGateway, fault: str, stream: bool) -> None:
    gateway.script.fail("*", fault)
    with no_noise(), track() as spend:
        with pytest.raises(KeyboardInterrupt) as caught, interrupted_in(0.3):
            compare(MODELS, "Hello", stream=stream, **EAGER, **settings(gateway))
        assert caught.type is KeyboardInterrupt
        # Settled before the interrupt goes on, and each was under way at the same time as the others.
        assert (spend.calls, spend.unknown, float(spend.cost)) == (3, 3, 0)
        assert comparing() == []
        assert gateway.wait(disconnects=3)
        assert len(gateway.requests) == 3


@pytest.mark.parametrize(("fault", "stream"), MOMENTS)
def test_ctrl_c_leaves_other_calls_of_the_client_alone(gateway: LocalGateway, fault: str, stream: bool) -> None:
    """Their connections are of the same pool, and have served other calls before."""
    for name in MODELS:
        gateway.script.fail(name, fault, after=1)
    gateway.script.fail("other", "slow_first_byte", seconds=0.8)
    with GatewayClient(**settings(gateway), max_retries=0) as client:
        assert len(compare(MODELS, "Hello", stream=stream, client=client).answered) == 3
        replies: list[Any] = []
        body = {"model": "other", "messages": [{"role": "user", "content": "Hello"}]}
        other = threading.Thread(target=lambda: replies.append(client.chat(body)))
        other.start()
        gateway.wait(requests=4, idle=False)
        with no_noise(), pytest.raises(KeyboardInterrupt), interrupted_in(0.3):
            compare(MODELS, "Hello", stream=stream, client=client)
        other.join()
        assert [reply["model"] for reply in replies] == ["other"]
        assert gateway.wait(disconnects=3)
        gateway.script.clear()
        assert len(compare(MODELS, "Hello", stream=stream, client=client).answered) == 3
    assert len(gateway.requests) == 3 + 1 + 3 + 3


def test_ctrl_c_is_no_break_that_is_gone_on_from(gateway: LocalGateway) -> None:
    gateway.script.fail("*", "hang_after_content")
    policy = Policy(on_break="continue")
    with no_noise(), pytest.raises(KeyboardInterrupt), interrupted_in(0.3):
        compare(MODELS, "Hello", stream=True, policy=policy, **EAGER, **settings(gateway))
    assert comparing() == []
    assert gateway.wait(disconnects=3)
    assert len(gateway.requests) == 3


def test_ctrl_c_between_two_rounds(gateway: LocalGateway) -> None:
    gateway.script.fail("*", "retry_after", retry_after=30)
    with no_noise(), track() as spend, pytest.raises(KeyboardInterrupt), interrupted_in(0.3):
        compare(MODELS, "Hello", max_retries=5, **settings(gateway))
    assert comparing() == []
    assert len(gateway.requests) == 3
    # Nothing was under way, and a refusal costs nothing.
    assert (spend.calls, spend.unknown) == (3, 0)


def test_ctrl_c_while_some_wait_for_a_connection(gateway: LocalGateway) -> None:
    gateway.script.fail("*", "hang")
    network = NetworkOptions(limits=httpx2.Limits(max_connections=1))
    with GatewayClient(**settings(gateway), **EAGER, network=network) as client:
        with no_noise(), pytest.raises(KeyboardInterrupt), interrupted_in(0.3):
            compare(MODELS, "Hello", client=client)
        assert comparing() == []
        assert gateway.wait(disconnects=1)
        assert len(gateway.requests) == 1
        gateway.script.clear()
        assert len(compare(MODELS, "Hello", client=client).answered) == 3


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("through", ["tls", "a proxy", "a tunnel"])
def test_ctrl_c_whatever_the_connections_are_wrapped_in(
    through: str, stream: bool, gateway: LocalGateway, tmp_path: Path
) -> None:
    gateway.script.fail("*", "hang_after_content" if stream else "hang")
    with contextlib.ExitStack() as stack:
        secure = None if through == "a proxy" else make_certificate(tmp_path)
        url = gateway.url if secure is None else stack.enter_context(behind_tls(gateway, secure))
        proxy = None if through == "tls" else stack.enter_context(ForwardProxy()).url
        network = NetworkOptions(verify=True if secure is None else secure.trusted(), proxy=proxy)
        with no_noise(), pytest.raises(KeyboardInterrupt), interrupted_in(0.6):
            compare(MODELS, "Hello", stream=stream, api_key=gateway.api_key, base_url=url, network=network, **EAGER)
        assert comparing() == []
        assert gateway.wait(disconnects=3)
        assert len(gateway.requests) == 3


def test_ctrl_c_while_connections_are_made(gateway: LocalGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that comes about after the caller has left is not used."""
    from httpcore2._backends.sync import SyncBackend

    go_on = threading.Event()
    connect: Callable[..., Any] = SyncBackend.connect_tcp

    def late(backend: Any, *args: Any, **more: Any) -> Any:
        go_on.wait(10)
        return connect(backend, *args, **more)

    monkeypatch.setattr(SyncBackend, "connect_tcp", late)
    with no_noise():
        with pytest.raises(KeyboardInterrupt), interrupted_in(0.3):
            compare(MODELS, "Hello", **EAGER, **settings(gateway))
        assert len(comparing()) == 3
        go_on.set()
        assert eventually(lambda: not comparing())
    assert gateway.requests == []


@pytest.mark.parametrize("leave", LEAVINGS, ids=lambda leave: leave.__name__)
@pytest.mark.parametrize(("fault", "stream"), MOMENTS)
def test_cancellation(leave: Callable[..., Any], fault: str, stream: bool, gateway: LocalGateway) -> None:
    gateway.script.fail("*", fault)

    async def left_and_used_again() -> None:
        async with AsyncGatewayClient(**settings(gateway), **EAGER) as client:
            with track() as spend:
                with pytest.raises(LEAVINGS[leave]) as caught:
                    await leave(acompare(MODELS, "Hello", stream=stream, client=client), gateway)
                assert caught.type is LEAVINGS[leave]
                assert await asyncio.to_thread(gateway.wait, disconnects=3)
            assert (spend.calls, spend.unknown, float(spend.cost)) == (3, 3, 0)
            assert len(gateway.requests) == 3
            gateway.script.clear()
            assert len((await acompare(MODELS, "Hello", client=client)).answered) == 3

    with no_noise():
        asyncio.run(left_and_used_again())


def test_many_comparisons_leave_nothing_open(gateway: LocalGateway) -> None:
    gateway.script.fail(MODELS[1], "connection_reset")

    def once() -> None:
        compare(MODELS, "Hello", max_retries=0, **settings(gateway))
        asyncio.run(acompare(MODELS, "Hello", max_retries=0, stream=True, **settings(gateway)))

    once()
    before = descriptors()
    with no_noise():
        for _ in range(10):
            once()
    # The gateway closes its ends of them a little later.
    assert eventually(lambda: descriptors() <= before)
    assert comparing() == []
