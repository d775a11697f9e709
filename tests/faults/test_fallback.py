"""Each fault with another model to ask: raised at once, or answered by that model alone."""

import ssl
from typing import Any

import pytest

from aisa_integrations.local import Fault, LocalGateway
from tests.faults.cases import SILENT, cases, play, settings
from tests.faults.faces import ASYNC_OPENAI, GATEWAY, GENAI, Face, Seen
from tests.faults.table import End, end_of


@pytest.mark.parametrize(("fault", "face", "stream"), cases())
def test_a_fault_is_raised_at_once_or_left_behind(
    gateway: LocalGateway, tls: ssl.SSLContext, fault: Fault, face: Face, stream: bool
) -> None:
    play(gateway, fault)
    seen = face.ask(
        gateway, tls, stream=stream, max_retries=0, fallbacks=["second-model"], **settings(fault, least=0.4)
    )
    end = end_of(fault.name, stream=stream)
    asked = [request.model for request in gateway.requests]
    if end is None:
        assert seen.served_by == "first-model"
        assert set(asked) == {"first-model"}
    elif end.then == "next":
        assert asked == ["first-model", "second-model"]
        _assert_second_alone(seen, end, gateway)
    else:
        assert seen.error is not None
        assert asked == ["first-model"]


def _assert_second_alone(seen: Seen, end: End, gateway: LocalGateway) -> None:
    assert seen.error is None
    assert seen.served_by == "second-model"
    assert seen.attempts == [("first-model", end.seen_status, end.cause), ("second-model", 200, None)]
    assert seen.text == "Simulated reply from second-model: you said Say hello to Zoë"
    assert {_model_of(item) for item in seen.items} == {"second-model"}


def _model_of(item: Any) -> str:
    item = item.parse() if hasattr(item, "parse") else item
    found = item["model"] if isinstance(item, dict) else getattr(item, "model", None) or item.model_version
    return str(found)


def _leads_on(fault: Fault, stream: bool) -> bool:
    end = end_of(fault.name, stream=stream)
    return end is not None and end.then == "next" and fault.name not in SILENT


@pytest.mark.parametrize(("fault", "face", "stream"), cases((ASYNC_OPENAI, GENAI, GATEWAY), _leads_on))
def test_the_same_fault_everywhere_is_raised_as_if_alone(
    gateway: LocalGateway, tls: ssl.SSLContext, fault: Fault, face: Face, stream: bool
) -> None:
    end = end_of(fault.name, stream=stream)
    assert end is not None
    play(gateway, fault, "*")
    alone = face.ask(gateway, tls, stream=stream, max_retries=0, **settings(fault)).error
    seen = face.ask(gateway, tls, stream=stream, max_retries=0, fallbacks=["second-model"], **settings(fault))
    assert type(seen.error) is type(alone)
    assert [request.model for request in gateway.requests] == ["first-model", "first-model", "second-model"]
    if end.status is None:
        return
    message = str(seen.error)
    assert f"first-model: status {end.seen_status}, {end.cause}" in message
    assert f"second-model: status {end.seen_status}, {end.cause}" in message
