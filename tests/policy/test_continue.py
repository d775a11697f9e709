"""A stream that breaks after content: on the dict faces the next model may go on from what had come."""

import asyncio
import inspect
import ssl
from typing import Any

import pytest

from aisa_integrations import (
    AsyncGatewayClient,
    Cache,
    GatewayClient,
    InterruptedStreamError,
    Policy,
    track,
)
from aisa_integrations.local import LocalGateway
from aisa_integrations.policy import FailoverEvent
from aisa_integrations.routing import Fallback
from aisa_integrations.transport.network import NetworkOptions
from tests.faults.faces import CHAT_FACES, GENAI_FACES, MESSAGES, told_by

A, B, C = "first-model", "second-model", "third-model"
BREAKS = ["cut_after_content", "error_event_after_content", "silent_end_after_content", "hang_after_content"]
BODY: dict[str, Any] = {"model": A, "messages": MESSAGES}
BEGUN = "Simulated reply"
NETWORK = NetworkOptions(verify=ssl.create_default_context())


class Read:
    """What a stream gave: its events, its error, the records of its calls."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.error: Exception | None = None
        self.exchanges: tuple[Any, ...] = ()

    @property
    def text(self) -> str:
        return "".join(choice["delta"].get("content") or "" for event in self.events for choice in event["choices"])

    @property
    def seams(self) -> list[dict[str, Any]]:
        return [event["aisa_seam"] for event in self.events if "aisa_seam" in event]

    def text_before(self, seam: dict[str, Any]) -> str:
        place = next(place for place, event in enumerate(self.events) if event.get("aisa_seam") is seam)
        before = Read()
        before.events = self.events[:place]
        return before.text


@pytest.fixture(params=[GatewayClient, AsyncGatewayClient])
def read(request: pytest.FixtureRequest, gateway: LocalGateway) -> Any:
    """`read(body, **policy)`: stream one thing with a client of either kind, to its end."""

    def read_stream(body: dict[str, Any] | None = None, *, timeout: float = 0.4, **policy: Any) -> Read:
        settings = {"on_break": "continue", "max_retries": 0, "fallbacks": [B, C], **policy}
        client = request.param(
            gateway.api_key, base_url=gateway.url, timeout=timeout, policy=Policy(**settings), network=NETWORK
        )
        return asyncio.run(_read(client, body or BODY))

    return read_stream


async def _read(client: Any, body: dict[str, Any]) -> Read:
    found, stream = Read(), client.stream(body)
    try:
        if hasattr(stream, "__aiter__"):
            async for event in stream:
                found.events.append(event)
        else:
            found.events.extend(stream)
    except Exception as error:
        found.error = error
    found.exchanges = stream.exchanges
    closed = client.close()
    if inspect.isawaitable(closed):
        await closed
    return found


@pytest.mark.parametrize("fault", BREAKS)
def test_the_next_model_goes_on(gateway: LocalGateway, read: Any, fault: str) -> None:
    gateway.script.fail(A, fault)
    gateway.script.reply(B, " and the rest of it.")
    found = read()
    assert found.error is None
    assert found.text == f"{BEGUN} and the rest of it."
    assert found.seams == [{"from": A, "to": B, "after": len(BEGUN)}]
    assert found.text_before(found.seams[0]) == BEGUN
    assert [(one.served_by, one.error) for one in found.exchanges] == [(A, "interrupted"), (B, None)]
    first, second = (request.json for request in gateway.requests)
    assert first["messages"] == MESSAGES
    assert second["messages"][: len(MESSAGES)] == MESSAGES
    assert second["messages"][len(MESSAGES)] == {"role": "assistant", "content": BEGUN}
    assert second["messages"][-1]["role"] == "user"
    assert {key: value for key, value in second.items() if key not in ("model", "messages")} == {
        key: value for key, value in first.items() if key not in ("model", "messages")
    }


def test_several_breaks(gateway: LocalGateway, read: Any) -> None:
    gateway.script.fail(A, "cut_after_content")
    gateway.script.fail(B, "error_event_after_content")
    gateway.script.reply(B, " goes on but then breaks as well")
    gateway.script.reply(C, " to the end.")
    found = read()
    assert found.error is None
    assert found.text == f"{BEGUN} goes on to the end."
    assert found.seams == [
        {"from": A, "to": B, "after": len(BEGUN)},
        {"from": B, "to": C, "after": len(f"{BEGUN} goes on")},
    ]
    messages = gateway.requests[2].json["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    assert messages[1]["content"] == f"{BEGUN} goes on"


def test_the_seam_names_who_really_goes_on(gateway: LocalGateway, read: Any) -> None:
    gateway.script.fail(A, "cut_after_content")
    gateway.script.fail(B, "upstream_unavailable")
    gateway.script.reply(C, " then.")
    found = read()
    assert found.text == f"{BEGUN} then."
    assert found.seams == [{"from": A, "to": C, "after": len(BEGUN)}]


def test_each_is_told_as_a_failover(gateway: LocalGateway, read: Any) -> None:
    events: list[FailoverEvent] = []
    gateway.script.fail(A, "cut_after_content")
    gateway.script.fail(B, "upstream_unavailable")
    assert read(on_event=events.append).error is None
    assert [(event.model, event.next_model, event.cause) for event in events] == [
        (A, B, "interrupted"), (B, C, "server_error")
    ]  # fmt: skip


# ---- nobody left ----------------------------------------------------------------------------------------------------


def test_the_last_break_raises_with_the_whole_partial(gateway: LocalGateway, read: Any) -> None:
    gateway.script.fail("*", "cut_after_content")
    gateway.script.reply(B, " goes on but breaks")
    gateway.script.reply(C, " to its break, too")
    found = read()
    assert isinstance(found.error, InterruptedStreamError)
    assert found.error.partial == found.text == f"{BEGUN} goes on to its"
    assert found.error.model == A
    assert [attempt.model for attempt in found.error.attempts] == [A, B, C]


@pytest.mark.parametrize("fault", ["upstream_unavailable", "model_gated", "invalid_request", "bad_key", "hang"])
def test_nobody_who_answers_raises_with_the_whole_partial(gateway: LocalGateway, read: Any, fault: str) -> None:
    gateway.script.fail(A, "cut_after_content")
    gateway.script.fail(B, fault)
    gateway.script.fail(C, fault)
    found = read()
    assert isinstance(found.error, InterruptedStreamError)
    assert found.error.partial == found.text == BEGUN
    assert found.error.__cause__ is not None
    assert [attempt.model for attempt in found.error.attempts][:2] == [A, B]
    assert [one.served_by for one in found.exchanges] == [A, None]


def test_a_stream_that_raised_has_ended(gateway: LocalGateway) -> None:
    gateway.script.fail("*", "cut_after_content")
    with GatewayClient(gateway.api_key, base_url=gateway.url, network=NETWORK) as client:
        stream = client.stream(BODY)
        with pytest.raises(InterruptedStreamError) as caught:
            list(stream)
        assert caught.value.partial == BEGUN
        assert list(stream) == []


# ---- what is never gone on from -------------------------------------------------------------------------------------

TOOLS = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {"a": {}}}}}]
NEVER: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "the policy says raise": ({"on_break": "raise"}, {}),
    "tool calls": ({}, {"tools": TOOLS}),
    "functions": ({}, {"functions": [TOOLS[0]["function"]]}),
    "several choices": ({}, {"n": 2}),
    "no other model": ({"fallbacks": []}, {}),
}


@pytest.mark.parametrize("why", NEVER)
def test_what_is_never_gone_on_from(gateway: LocalGateway, read: Any, why: str) -> None:
    policy, body = NEVER[why]
    gateway.script.fail(A, "cut_after_content")
    found = read({**BODY, **body}, **policy)
    assert isinstance(found.error, InterruptedStreamError)
    assert found.seams == []
    assert len(gateway.requests) == 1


def test_text_before_a_tool_call_is_not_gone_on_from(gateway: LocalGateway, read: Any) -> None:
    gateway.script.reply(A, "I will add", tool_calls=[{"name": "add", "arguments": {"a": 1}}])
    gateway.script.fail(A, "cut_after_content", chunks=5)
    found = read({**BODY, "tools": TOOLS})
    assert isinstance(found.error, InterruptedStreamError)
    assert found.error.partial == "I will add"
    assert len(gateway.requests) == 1


@pytest.mark.parametrize("face", [*CHAT_FACES[:2], *GENAI_FACES], ids=str)
def test_sdk_faces_raise_with_what_came(gateway: LocalGateway, tls: ssl.SSLContext, face: Any) -> None:
    """Their users' code sees one answer of one model: a seam would be a surprise there."""
    gateway.script.fail(A, "cut_after_content")
    policy = Policy(on_break="continue", fallbacks=[B])
    seen = face.ask(gateway, tls, stream=True, policy=policy)
    assert seen.error is not None
    assert told_by(seen.error).partial == seen.text != ""
    assert len(gateway.requests) == 1


# ---- money ----------------------------------------------------------------------------------------------------------


def test_each_call_is_metered(gateway: LocalGateway, read: Any) -> None:
    gateway.script.fail(A, "cut_after_content")
    with track() as spend:
        assert read().error is None
    assert spend.calls == 2
    assert spend.unknown == 1  # the stream that broke was billed, and nobody said how much
    bills = gateway.account.by_model()
    assert spend.cost == bills[B] == gateway.account.spent - bills[A] > 0


def test_it_counts_to_the_block_of_its_stream(gateway: LocalGateway) -> None:
    gateway.script.fail(A, "cut_after_content")
    policy = Policy(on_break="continue", fallbacks=[B])
    with GatewayClient(gateway.api_key, base_url=gateway.url, policy=policy, network=NETWORK) as client:
        with track() as spend:
            stream = client.stream(BODY)
        with track() as other:
            list(stream)
    assert (spend.calls, other.calls) == (2, 0)


def test_caps_hold_for_who_goes_on(gateway: LocalGateway, read: Any) -> None:
    gateway.script.fail(A, "cut_after_content")
    fallbacks = [Fallback("gpt-4o", max_cost_usd="0.0001"), Fallback("gpt-4o-mini", max_cost_usd=1)]
    found = read(fallbacks=fallbacks)
    assert found.error is None
    assert [request.model for request in gateway.requests] == [A, "gpt-4o-mini"]


def test_another_spelling_is_gone_on_from_too(gateway: LocalGateway, read: Any) -> None:
    gateway.script.fail("claude-haiku-4-5", "unknown_model")
    gateway.script.fail("claude-haiku-4-5-20251001", "cut_after_content")
    found = read({**BODY, "model": "claude-haiku-4-5"}, max_retries=1, fallbacks=[B])
    assert found.error is None
    assert found.seams == [{"from": "claude-haiku-4-5-20251001", "to": B, "after": len(BEGUN)}]


def test_a_continuation_may_come_from_the_cache(gateway: LocalGateway, read: Any, tmp_path: Any) -> None:
    cache = Cache(tmp_path / "cache.sqlite3")
    gateway.script.fail(A, "cut_after_content")
    first, second = read(cache=cache), read(cache=cache)
    assert first.error is second.error is None
    assert first.text == second.text
    assert second.seams == first.seams
    assert [request.model for request in gateway.requests] == [A, B, A]
