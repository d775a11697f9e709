"""Who failed of late is asked last; only a time that the gateway named is waited for."""

import ssl
import time
from typing import Any

import pytest

from aisa_integrations import ConfigurationError, Policy, state
from aisa_integrations.cooldown import Cooldown
from aisa_integrations.local import LocalGateway
from tests.faults.faces import ASYNC_GENAI, ASYNC_OPENAI, FACES, GATEWAY, Face, Seen, told_by

EVERY_FACE = pytest.mark.parametrize("face", FACES, ids=str)
SOME_FACES = pytest.mark.parametrize("face", [ASYNC_OPENAI, ASYNC_GENAI, GATEWAY], ids=str)
BOTH_WAYS = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
A, B = "first-model", "second-model"


def asked(gateway: LocalGateway) -> list[str]:
    return [request.model for request in gateway.requests]


def policy(**settings: Any) -> Policy:
    return Policy(**{"fallbacks": [B], "max_retries": 0, **settings})


def ask(face: Face, gateway: LocalGateway, tls: ssl.SSLContext, shared: Policy, **more: Any) -> Seen:
    return face.ask(gateway, tls, policy=shared, **{"stream": False, **more})


@EVERY_FACE
@BOTH_WAYS
def test_a_429_cools_a_model_down_for_the_time_that_it_named(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, stream: bool
) -> None:
    shared = policy()
    gateway.script.fail(A, "retry_after", retry_after=0.3, times=1)
    assert ask(face, gateway, tls, shared, stream=stream).served_by == B
    [cooling] = state(shared).cooling
    assert (cooling.model, cooling.named, cooling.cause) == (A, True, "rate_limit")
    assert 0 < cooling.seconds_left <= 0.3
    assert ask(face, gateway, tls, shared, stream=stream).attempts == [(B, 200, None)]
    time.sleep(cooling.seconds_left)
    assert ask(face, gateway, tls, shared, stream=stream).attempts == [(A, 200, None)]
    assert state(shared).cooling == ()


@EVERY_FACE
def test_a_429_that_names_no_time_cools_down_by_the_policy(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face
) -> None:
    shared = policy(cooldown=Cooldown(seconds=0.3))
    gateway.script.fail(A, "rate_limited", times=1)
    assert [ask(face, gateway, tls, shared).served_by for _ in range(2)] == [B, B]
    assert asked(gateway) == [A, B, B]
    [cooling] = state(shared).cooling
    assert not cooling.named
    time.sleep(0.3)
    assert ask(face, gateway, tls, shared).served_by == A


@EVERY_FACE
@BOTH_WAYS
def test_three_failures_in_a_row_cool_a_model_down(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, stream: bool
) -> None:
    shared = policy()
    gateway.script.fail(A, "upstream_unavailable")
    for _ in range(4):
        assert ask(face, gateway, tls, shared, stream=stream).served_by == B
    assert asked(gateway) == [A, B, A, B, A, B, B]
    [cooling] = state(shared).cooling
    assert (cooling.failures, cooling.named, cooling.cause) == (3, False, "server_error")
    assert 29 < cooling.seconds_left <= 30


@SOME_FACES
def test_an_answer_between_failures_begins_anew(gateway: LocalGateway, tls: ssl.SSLContext, face: Face) -> None:
    shared = policy()
    gateway.script.fail(A, "server_error", times=2)
    gateway.script.fail(A, "server_error", after=1, times=2)
    served = [ask(face, gateway, tls, shared).served_by for _ in range(6)]
    assert served == [B, B, A, B, B, A]


@pytest.mark.parametrize("fault", ["model_gated", "invalid_temperature", "unknown_model", "context_overflow"])
def test_what_does_not_pass_cools_nobody_down(gateway: LocalGateway, tls: ssl.SSLContext, fault: str) -> None:
    shared = policy()
    gateway.script.fail(A, fault)
    for _ in range(4):
        ask(GATEWAY, gateway, tls, shared)
    assert asked(gateway) == [A, B] * 4
    assert state(shared).cooling == ()


def test_a_failed_connection_says_nothing_of_a_model(gateway: LocalGateway, tls: ssl.SSLContext) -> None:
    shared = policy(fallbacks=[])
    url = gateway.url
    gateway.stop()
    for _ in range(3):
        assert ask(GATEWAY, type("Gone", (), {"api_key": "sk-x", "url": url})(), tls, shared).error is not None
    gateway.start()
    assert state(shared).cooling == ()


# ---- who must wait, and who must not --------------------------------------------------------------------------------


@EVERY_FACE
def test_a_lone_model_is_never_held_back_by_our_own_rule(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face
) -> None:
    shared = policy(fallbacks=[])
    gateway.script.fail(A, "rate_limited", times=1)
    gateway.script.fail(A, "server_error", times=3)
    began = time.monotonic()
    errors = [ask(face, gateway, tls, shared).error for _ in range(4)]
    assert None not in errors
    assert ask(face, gateway, tls, shared).served_by == A
    assert time.monotonic() - began < 5
    assert asked(gateway) == [A] * 5


@EVERY_FACE
@BOTH_WAYS
def test_a_lone_model_waits_where_the_gateway_named_a_time(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, stream: bool
) -> None:
    shared = policy(fallbacks=[])
    gateway.script.fail(A, "retry_after", retry_after=0.3, times=1)
    assert ask(face, gateway, tls, shared, stream=stream).error is not None
    assert ask(face, gateway, tls, shared, stream=stream).error is None
    first, second = gateway.requests
    assert second.at - first.at >= 0.29


@SOME_FACES
def test_with_all_of_them_cooling_the_soonest_is_waited_for(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face
) -> None:
    shared = policy()
    gateway.script.fail(A, "retry_after", retry_after=60, times=1)
    gateway.script.fail(B, "retry_after", retry_after=0.3, times=1)
    assert ask(face, gateway, tls, shared).error is not None
    assert ask(face, gateway, tls, shared).attempts == [(B, 200, None)]
    _, refused, answered = gateway.requests
    assert answered.at - refused.at >= 0.29


@SOME_FACES
def test_nobody_waits_for_one_while_another_may_be_asked(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face
) -> None:
    shared = policy()
    gateway.script.fail(A, "retry_after", retry_after=60, times=1)
    gateway.script.fail(B, "rate_limited", times=1)  # cools down too, for no time that anyone named
    assert ask(face, gateway, tls, shared).error is not None
    assert ask(face, gateway, tls, shared).served_by == B


@EVERY_FACE
@BOTH_WAYS
def test_a_time_past_the_deadline_is_a_429_at_once_and_nothing_is_sent(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, stream: bool
) -> None:
    shared = policy(deadline=5)
    gateway.script.fail("*", "retry_after", retry_after=40)
    assert ask(face, gateway, tls, shared, stream=stream).error is not None
    sent, began = len(gateway.requests), time.monotonic()
    error = ask(face, gateway, tls, shared, stream=stream).error
    assert error is not None
    told = told_by(error)
    assert (told.status, told.code) == (429, "cooling_down")
    assert told.headers is None or 35 <= int(told.headers["retry-after"]) <= 40
    assert getattr(error, "retry_after", 40) > 35
    assert time.monotonic() - began < 4
    assert len(gateway.requests) == sent


@SOME_FACES
def test_a_spent_key_holds_every_model_back(gateway: LocalGateway, tls: ssl.SSLContext, face: Face) -> None:
    shared = policy()
    gateway.script.fail(A, "key_spent", retry_after=0.4, times=1)
    assert ask(face, gateway, tls, shared).error is not None
    assert [(one.model, one.named, one.cause) for one in state(shared).cooling] == [("*", True, "key_rate_limit")]
    assert ask(face, gateway, tls, shared, model="third-model").served_by == "third-model"
    spent, answered = gateway.requests
    assert answered.at - spent.at >= 0.39
    assert state(shared).cooling == ()


# ---- whose it is ----------------------------------------------------------------------------------------------------


def test_clients_of_one_policy_learn_from_each_other(gateway: LocalGateway, tls: ssl.SSLContext) -> None:
    shared = policy()
    gateway.script.fail(A, "retry_after", retry_after=60, times=1)
    for face in FACES:
        assert ask(face, gateway, tls, shared).served_by == B
        # An argument makes another policy of it, with the same cooldown.
        assert face.ask(gateway, tls, stream=True, policy=shared, max_retries=1).served_by == B
    assert asked(gateway) == [A, *[B] * 2 * len(FACES)]
    assert ask(GATEWAY, gateway, tls, policy()).served_by == A


def test_another_key_has_its_own(tls: ssl.SSLContext) -> None:
    shared = policy()
    with LocalGateway(require_key=False) as gateway:
        gateway.script.fail(A, "retry_after", retry_after=60, times=1)
        assert ask(GATEWAY, gateway, tls, shared).served_by == B
        gateway.api_key = "sk-aisa-another-key"
        assert ask(GATEWAY, gateway, tls, shared).served_by == A
        assert len(state(shared).cooling) == 1


@pytest.mark.parametrize(
    "settings", [{"failures": 0}, {"failures": 1.5}, {"failures": True}, {"seconds": -1}, {"seconds": "1"}], ids=repr
)
def test_a_cooldown_that_cannot_work(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Cooldown(**settings)
