"""Responses, Messages, embeddings: every fault is an error there too, with one request and no other model."""

import ssl
from collections.abc import Callable
from typing import Any

import openai
import pytest

from aisa_integrations.local import FAULTS, Fault, LocalGateway
from tests.faults.cases import play, settings
from tests.faults.faces import OPENAI
from tests.faults.table import end_of

Call = Callable[[openai.OpenAI, bool], Any]


def _responses(client: openai.OpenAI, stream: bool) -> Any:
    return client.responses.create(model="first-model", input="Say hello", stream=stream)


def _messages(client: openai.OpenAI, stream: bool) -> Any:
    body = {"model": "first-model", "max_tokens": 50, "stream": stream, "messages": [{"role": "user", "content": "x"}]}
    streaming: dict[str, Any] = {"stream": True, "stream_cls": openai.Stream[Any]} if stream else {}
    return client.post("/messages", body=body, cast_to=object, **streaming)


def _embeddings(client: openai.OpenAI, stream: bool) -> Any:
    return client.embeddings.create(model="first-model", input="Say hello", encoding_format="float")


# An answer of chat where vectors were asked for: no shape of theirs is known well enough to refuse it.
NO_VECTORS = ("no_choices_200", "choices_empty_200", "choices_null_200", "body_cut")
CALLS: list[tuple[Call, bool]] = [
    (_responses, False), (_responses, True), (_messages, False), (_messages, True), (_embeddings, False),
]  # fmt: skip
# Twists of a chat's own reply: other surfaces have no such thing as a finish reason of a choice.
CHAT_ALONE = ("finish_error", "choice_unfinished", "usage_rejected", "slow", "prompt_blocked")
CASES = [
    pytest.param(call, stream, fault, id=f"{call.__name__[1:]}-{'stream' if stream else 'plain'}-{fault.name}")
    for call, stream in CALLS
    for fault in FAULTS.values()
    if fault.fits(surface="chat", stream=stream)
    and not fault.name.startswith(CHAT_ALONE)
    and not (call is _embeddings and fault.name in NO_VECTORS)
]


def _read(call: Call, client: openai.OpenAI, stream: bool) -> list[Any]:
    reply = call(client, stream)
    return list(reply) if stream else [reply]


@pytest.mark.parametrize(("call", "stream", "fault"), CASES)
def test_a_fault_is_an_error_and_asked_once(
    gateway: LocalGateway, tls: ssl.SSLContext, call: Call, stream: bool, fault: Fault
) -> None:
    play(gateway, fault)
    given = {**settings(fault), "max_retries": 2, "fallbacks": ["second-model"], "verify": tls}
    client = OPENAI.make(gateway.api_key, base_url=gateway.url, **given)
    with client, pytest.raises(openai.APIError) as caught:
        _read(call, client, stream)
    end = end_of(fault.name, stream=stream)
    assert end is not None
    assert len(gateway.requests) == 1
    # Their streams are handed over at the first event, so that an error in one is an event, without a status.
    if end.status is not None and fault.kind == "reply":
        assert getattr(caught.value, "status_code", None) == end.status


@pytest.mark.parametrize("fault", ["cut_after_content", "error_event_after_content", "silent_end_after_content"])
@pytest.mark.parametrize("call", [_responses, _messages])
def test_a_broken_stream_holds_what_had_come(
    gateway: LocalGateway, tls: ssl.SSLContext, call: Call, fault: str
) -> None:
    gateway.script.fail("first-model", fault, chunks=2)
    client = OPENAI.make(gateway.api_key, base_url=gateway.url, verify=tls)
    with client, pytest.raises(openai.APIError) as caught:
        _read(call, client, True)
    body: Any = caught.value.body
    assert body["partial"] == "Simulated reply"
    assert "first-model" in body["message"]
