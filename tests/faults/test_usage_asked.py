"""Usage in a stream: asked for where the caller did not, hidden from the caller, left out where it is refused."""

import ssl
from typing import Any

import openai
import pytest

from aisa_integrations import BadRequestError, track
from aisa_integrations.local import LocalGateway
from tests.faults.faces import CHAT_FACES, DICT_FACES, GATEWAY, MESSAGES, Face

BODY = {"model": "first-model", "messages": MESSAGES}


def _usages(items: list[Any]) -> list[Any]:
    dumped = [item if isinstance(item, dict) else item.model_dump() for item in items]
    return [item["usage"] for item in dumped if item.get("usage")]


def _bare(items: list[Any]) -> int:
    """How many pieces have no choice: `piece.choices[0]` is an IndexError there."""
    return sum(not (item["choices"] if isinstance(item, dict) else item.choices) for item in items)


@pytest.mark.parametrize("face", CHAT_FACES, ids=str)
def test_usage_is_asked_for_and_its_chunk_hidden(gateway: LocalGateway, tls: ssl.SSLContext, face: Face) -> None:
    with track() as spend:
        seen = face.ask(gateway, tls, stream=True, max_retries=0)
    (request,) = gateway.requests
    assert request.json["stream_options"] == {"include_usage": True}
    assert (_bare(seen.items), _usages(seen.items)) == (0, [])
    assert spend.billed == gateway.account.spent > 0
    assert spend.exchanges[0].usage.total_tokens


@pytest.mark.parametrize("face", CHAT_FACES, ids=str)
def test_usage_that_the_caller_asked_for_is_seen(gateway: LocalGateway, tls: ssl.SSLContext, face: Face) -> None:
    body = {"stream_options": {"include_usage": True}}
    with track() as spend:
        seen = face.ask(gateway, tls, stream=True, max_retries=0, body=body)
    assert (_bare(seen.items), len(_usages(seen.items))) == (1, 1)
    assert spend.billed == gateway.account.spent > 0


@pytest.mark.parametrize("options", [None, {}, {"include_usage": False}, {"include_obfuscation": False}])
@pytest.mark.parametrize("face", CHAT_FACES, ids=str)
def test_other_stream_options_stay(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, options: dict[str, Any] | None
) -> None:
    seen = face.ask(gateway, tls, stream=True, max_retries=0, body={"stream_options": options})
    (request,) = gateway.requests
    assert request.json["stream_options"] == {**(options or {}), "include_usage": True}
    assert _bare(seen.items) == 0


@pytest.mark.parametrize("style", ["own", "last", "never"])
@pytest.mark.parametrize("face", CHAT_FACES, ids=str)
def test_usage_wherever_it_comes_is_metered(gateway: LocalGateway, tls: ssl.SSLContext, face: Face, style: str) -> None:
    gateway.script.set_style("first-model", usage_on=style)
    with track() as spend:
        seen = face.ask(gateway, tls, stream=True, max_retries=0)
    assert seen.text.startswith("Simulated reply")
    # On a piece with content it is not ours alone to hide.
    assert (_bare(seen.items), len(_usages(seen.items))) == (0, 1 if style == "last" else 0)
    assert spend.unknown == (1 if style == "never" else 0)
    assert style == "never" or spend.billed == gateway.account.spent > 0


@pytest.mark.parametrize("max_retries", [0, 2])
@pytest.mark.parametrize("face", CHAT_FACES, ids=str)
def test_where_usage_is_refused_the_call_goes_without(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, max_retries: int
) -> None:
    gateway.script.fail("first-model", "usage_rejected")
    seen = face.ask(gateway, tls, stream=True, max_retries=max_retries, fallbacks=["second-model"])
    assert seen.served_by == "first-model"
    assert seen.text.startswith("Simulated reply from first-model")
    first, second = [request.json for request in gateway.requests]
    assert first["stream_options"] == {"include_usage": True}
    assert "stream_options" not in second


def test_a_refusal_of_usage_is_remembered_for_the_model(gateway: LocalGateway, tls: ssl.SSLContext) -> None:
    gateway.script.fail("first-model", "usage_rejected")
    with GATEWAY.make(gateway.api_key, base_url=gateway.url) as client:
        for _ in range(3):
            assert list(client.stream(BODY))
        assert list(client.stream({**BODY, "model": "second-model"}))
    asked = [(request.model, "stream_options" in request.json) for request in gateway.requests]
    assert asked == [("first-model", True), *[("first-model", False)] * 3, ("second-model", True)]


def test_after_a_refusal_a_failure_still_leads_on(gateway: LocalGateway, tls: ssl.SSLContext) -> None:
    gateway.script.fail("first-model", "usage_rejected", times=1)
    gateway.script.fail("first-model", "server_error")
    seen = GATEWAY.ask(gateway, tls, stream=True, max_retries=0, fallbacks=["second-model"])
    assert seen.served_by == "second-model"
    assert [request.model for request in gateway.requests] == ["first-model", "first-model", "second-model"]


@pytest.mark.parametrize("face", CHAT_FACES, ids=str)
def test_usage_that_the_caller_asked_for_and_the_model_refuses_is_the_callers_matter(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face
) -> None:
    gateway.script.fail("first-model", "usage_rejected")
    seen = face.ask(gateway, tls, stream=True, max_retries=2, body={"stream_options": {"include_usage": True}})
    assert seen.error is not None
    assert "stream_options" in str(seen.error)
    assert len(gateway.requests) == 1


@pytest.mark.parametrize("face", DICT_FACES, ids=str)
def test_a_plain_call_is_sent_as_it_is(gateway: LocalGateway, tls: ssl.SSLContext, face: Face) -> None:
    face.ask(gateway, tls, stream=False, max_retries=0)
    assert gateway.requests[0].json == BODY


@pytest.mark.parametrize("options", ["usage", ["include_usage"]])
@pytest.mark.parametrize("face", CHAT_FACES, ids=str)
def test_stream_options_that_are_no_object_are_the_gateways_to_refuse(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, options: Any
) -> None:
    seen = face.ask(gateway, tls, stream=True, max_retries=0, body={"stream_options": options})
    (request,) = gateway.requests
    assert request.json["stream_options"] == options
    assert type(seen.error) in (openai.BadRequestError, BadRequestError)
