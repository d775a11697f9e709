"""No failover is silent: each is a record on the logger and an event to the policy's listener."""

import logging
import ssl

import pytest

from aisa_integrations import Policy
from aisa_integrations.local import LocalGateway
from aisa_integrations.policy import FailoverEvent
from tests.faults.faces import FACES, GATEWAY, Face


@pytest.mark.parametrize("face", FACES, ids=str)
def test_each_failover_is_told_to_the_listener_and_logged(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.script.fail("first-model", "upstream_unavailable", retry_after=0)
    gateway.script.fail("second-model", "connection_reset", times=1)
    events: list[FailoverEvent] = []
    policy = Policy(fallbacks=("second-model",), max_retries=1, on_event=events.append)
    with caplog.at_level(logging.WARNING, "aisa_integrations"):
        seen = face.ask(gateway, tls, stream=True, policy=policy)
    assert seen.served_by == "second-model"
    told = [(event.model, event.next_model, event.cause, event.status) for event in events]
    assert told == [
        ("first-model", "second-model", "server_error", 503),
        ("second-model", "first-model", "connection_lost", None),
        ("first-model", "second-model", "server_error", 503),
    ]
    assert events[-1].waited > 0
    logged = [record.getMessage() for record in caplog.records if record.name == "aisa_integrations"]
    assert len(logged) == 3
    assert "first-model failed (server_error, status 503); asking second-model" in logged[0]


def test_a_listener_that_raises_neither_ends_the_call_nor_is_lost(
    gateway: LocalGateway, tls: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    def listen(event: FailoverEvent) -> None:
        raise RuntimeError("the listener broke")

    gateway.script.fail("first-model", "server_error")
    policy = Policy(fallbacks=("second-model",), max_retries=0, on_event=listen)
    assert GATEWAY.ask(gateway, tls, stream=False, policy=policy).served_by == "second-model"
    assert "the listener broke" in caplog.text


def test_a_call_that_is_answered_at_once_says_nothing(
    gateway: LocalGateway, tls: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    events: list[FailoverEvent] = []
    assert GATEWAY.ask(gateway, tls, stream=True, policy=Policy(on_event=events.append)).error is None
    assert (events, [record for record in caplog.records if record.name == "aisa_integrations"]) == ([], [])
