"""Who is asked when a model fails: named at construction, in a policy, for one call; and who gets to hear of it."""

import logging
import ssl
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from aisa_integrations import ConfigurationError, GatewayClient, Policy
from aisa_integrations.local import LocalGateway
from aisa_integrations.policy import FailoverEvent
from aisa_integrations.routing import Fallback
from tests.faults.faces import CHAT_FACES, FACES, GENAI_FACES, Face, told_by

EVERY_FACE = pytest.mark.parametrize("face", FACES, ids=str)
BOTH_WAYS = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
FAILED = ("first-model", 500, "server_error")


def asked(gateway: LocalGateway) -> list[str]:
    return [request.model for request in gateway.requests]


NAMED: dict[str, Callable[[], dict[str, Any]]] = {
    "argument": lambda: {"fallbacks": ["second-model"]},
    "policy": lambda: {"policy": Policy(fallbacks=["second-model"])},
    "argument beats policy": lambda: {"fallbacks": ["second-model"], "policy": Policy(fallbacks=["third-model"])},
    "a Fallback": lambda: {"fallbacks": [Fallback("second-model")]},
}


@EVERY_FACE
@BOTH_WAYS
@pytest.mark.parametrize("named", NAMED)
def test_the_fallback_that_was_named_answers(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, stream: bool, named: str
) -> None:
    gateway.script.fail("first-model", "server_error")
    seen = face.ask(gateway, tls, stream=stream, max_retries=0, **NAMED[named]())
    assert seen.error is None
    assert seen.text == "Simulated reply from second-model: you said Say hello to Zoë"
    assert seen.served_by == "second-model"
    assert seen.attempts == [FAILED, ("second-model", 200, None)]
    assert asked(gateway) == ["first-model", "second-model"]


@EVERY_FACE
@BOTH_WAYS
def test_each_failover_is_logged_and_told(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.script.fail("first-model", "server_error")
    gateway.script.fail("second-model", "model_gated")
    events: list[FailoverEvent] = []
    policy = Policy(fallbacks=["second-model", "third-model"], on_event=events.append)
    with caplog.at_level(logging.WARNING, logger="aisa_integrations"):
        assert face.ask(gateway, tls, stream=stream, policy=policy).served_by == "third-model"
    assert events == [
        FailoverEvent("first-model", "second-model", "server_error", 500),
        FailoverEvent("second-model", "third-model", "insufficient_credits", 402),
    ]
    assert [record.getMessage() for record in caplog.records if record.name == "aisa_integrations"] == [
        "first-model failed (server_error, status 500); asking second-model",
        "second-model failed (insufficient_credits, status 402); asking third-model",
    ]


@EVERY_FACE
def test_another_round_is_told_with_its_wait(gateway: LocalGateway, tls: ssl.SSLContext, face: Face) -> None:
    gateway.script.fail("first-model", "retry_after", retry_after=0, times=1)
    events: list[FailoverEvent] = []
    assert face.ask(gateway, tls, stream=False, policy=Policy(on_event=events.append)).error is None
    [event] = events
    assert (event.model, event.next_model, event.cause, event.status) == (
        "first-model",
        "first-model",
        "rate_limit",
        429,
    )
    assert event.waited == 0


@EVERY_FACE
@BOTH_WAYS
def test_what_a_listener_raises_is_logged_and_the_call_goes_on(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def listen(event: FailoverEvent) -> None:
        raise RuntimeError("the listener is broken")

    gateway.script.fail("first-model", "server_error")
    policy = Policy(fallbacks=["second-model"], on_event=listen)
    seen = face.ask(gateway, tls, stream=stream, policy=policy)
    assert (seen.error, seen.served_by) == (None, "second-model")
    assert "the listener is broken" in caplog.text


def test_no_failover_no_word(gateway: LocalGateway, tls: ssl.SSLContext, caplog: pytest.LogCaptureFixture) -> None:
    events: list[FailoverEvent] = []
    for face in FACES:
        assert face.ask(gateway, tls, stream=True, policy=Policy(on_event=events.append)).error is None
    assert events == []
    assert [record for record in caplog.records if record.name == "aisa_integrations"] == []


# ---- for one call ---------------------------------------------------------------------------------------------------

ORDERS = {
    "the model goes first": (["second-model", "third-model"], ["first-model", "second-model", "third-model"]),
    "the list says the order": (["third-model", "first-model"], ["third-model", "first-model"]),
    "each once": (["first-model", "second-model", "second-model"], ["first-model", "second-model"]),
    "nobody else": ([], ["first-model"]),
}


@pytest.mark.parametrize("face", CHAT_FACES, ids=str)
@BOTH_WAYS
@pytest.mark.parametrize("order", ORDERS)
def test_models_of_one_call(gateway: LocalGateway, tls: ssl.SSLContext, face: Face, stream: bool, order: str) -> None:
    models, chain = ORDERS[order]
    gateway.script.fail("*", "server_error")
    seen = face.ask(gateway, tls, stream=stream, body={"models": models}, max_retries=0, fallbacks=["never-asked"])
    assert seen.error is not None
    assert asked(gateway) == chain
    assert all("models" not in request.json for request in gateway.requests)


@pytest.mark.parametrize("face", CHAT_FACES, ids=str)
def test_models_that_are_none_are_refused(gateway: LocalGateway, tls: ssl.SSLContext, face: Face) -> None:
    for models in ("gpt-4o", [1], [""], {"a": "b"}):
        error = face.ask(gateway, tls, stream=False, body={"models": models}).error
        assert error is not None
        assert "`models`" in str(error)
    assert gateway.requests == []


# ---- caps -----------------------------------------------------------------------------------------------------------

CHEAP, DEAR = "gemini-2.5-flash", "gemini-2.5-pro"  # both on every surface


@EVERY_FACE
@BOTH_WAYS
def test_a_fallback_over_its_cap_is_left_out(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, stream: bool
) -> None:
    gateway.script.fail("first-model", "server_error")
    fallbacks = [Fallback(DEAR, max_cost_usd="0.001"), Fallback(CHEAP, max_cost_usd="0.01")]
    seen = face.ask(gateway, tls, stream=stream, max_retries=0, fallbacks=fallbacks)
    assert seen.served_by == CHEAP
    assert seen.attempts == [FAILED, (DEAR, None, "over_cost_cap"), (CHEAP, 200, None)]
    assert asked(gateway) == ["first-model", CHEAP]


@pytest.mark.parametrize("face", CHAT_FACES, ids=str)
def test_a_cap_goes_by_the_length_that_the_call_allows(gateway: LocalGateway, tls: ssl.SSLContext, face: Face) -> None:
    gateway.script.fail("first-model", "server_error")
    capped = [Fallback(DEAR, max_cost_usd="0.005")]
    short = face.ask(gateway, tls, stream=False, body={"max_tokens": 100}, max_retries=0, fallbacks=capped)
    long = face.ask(gateway, tls, stream=False, body={"max_tokens": 10_000}, max_retries=0, fallbacks=capped)
    assert short.served_by == DEAR
    assert long.error is not None
    assert asked(gateway) == ["first-model", DEAR, "first-model"]


@EVERY_FACE
@BOTH_WAYS
def test_a_policy_caps_every_model_of_the_chain(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, stream: bool
) -> None:
    policy = Policy(max_cost_usd=Decimal("0.003"), fallbacks=["no-known-price", CHEAP])
    seen = face.ask(gateway, tls, stream=stream, model=DEAR, policy=policy)
    assert seen.attempts == [
        (DEAR, None, "over_cost_cap"), ("no-known-price", None, "over_cost_cap"), (CHEAP, 200, None)
    ]  # fmt: skip
    assert asked(gateway) == [CHEAP]


@EVERY_FACE
def test_nobody_under_the_cap_is_a_402_and_nothing_is_sent(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face
) -> None:
    policy = Policy(max_cost_usd=Decimal("0.0001"), fallbacks=[CHEAP])
    error = face.ask(gateway, tls, stream=False, model=DEAR, policy=policy).error
    assert error is not None
    assert (told_by(error).status, told_by(error).code) == (402, "max_cost_exceeded")
    assert "Nothing was sent" in str(error)
    assert gateway.requests == []


@pytest.mark.parametrize("face", GENAI_FACES, ids=str)
def test_gemini_is_asked_by_its_path(gateway: LocalGateway, tls: ssl.SSLContext, face: Face) -> None:
    gateway.script.fail(DEAR, "gemini_unavailable")
    assert face.ask(gateway, tls, stream=True, model=DEAR, fallbacks=["vendor/other model"]).error is None
    assert [request.path for request in gateway.requests] == [
        f"/v1/models/{DEAR}:streamGenerateContent",
        "/v1/models/vendor/other model:streamGenerateContent",
    ]


@pytest.mark.parametrize(
    "fallbacks",
    ["gpt-4o", {"gpt-4o": 1}, 7, [""], [None], [Fallback("gpt-4o"), 7], [{"model": "gpt-4o", "cap": 1}]],
    ids=repr,
)
def test_fallbacks_that_cannot_work_are_said_at_once(gateway: LocalGateway, fallbacks: Any) -> None:
    with pytest.raises(ConfigurationError, match="fallback"):
        GatewayClient(gateway.api_key, base_url=gateway.url, fallbacks=fallbacks)
    with pytest.raises(ConfigurationError, match="fallback"):
        Policy(fallbacks=fallbacks)
