"""Responses, Messages, embeddings: every fault is an error there too, with one request and no other model."""

import ssl
from collections.abc import Callable
from typing import Any

import openai
import pytest
from google.genai import errors as genai_errors

from aisa_integrations import GatewayClient, GatewayError
from aisa_integrations.local import FAULTS, Fault, LocalGateway
from aisa_integrations.transport.network import NetworkOptions
from tests.faults.cases import play, settings
from tests.faults.faces import GENAI, OPENAI
from tests.faults.raw import RawServer
from tests.faults.table import end_of

Call = Callable[[openai.OpenAI, bool], Any]


def _reply(body: str, kind: str | None) -> list[bytes]:
    content_type = f"Content-Type: {kind}\r\n" if kind is not None else ""
    head = f"HTTP/1.1 200 OK\r\n{content_type}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return [head.encode() + body.encode()]


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


# Nothing of what was asked for, in forms that are no error by their status.
NO_ANSWERS = {
    "plain text": _reply("404 page not found", "text/plain"),
    "empty": _reply("", None),
    "no content": [b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"],
    "half of it": _reply('{"data": [{"id":', "application/json"),
    "a string": _reply('"ok"', "application/json"),
    "an empty object": _reply("{}", "application/json"),
    "bare words": _reply('{"message": "who are you", "code": 1113}', "application/json"),
    "an error": _reply('{"error": "who are you"}', "application/json"),
}
SDK_CALLS: dict[str, Callable[[openai.OpenAI], Any]] = {
    "models": lambda client: client.models.list(),
    "model": lambda client: client.models.retrieve("gpt-4o"),
    "embeddings": lambda client: client.embeddings.create(model="m", input="x"),
    "images": lambda client: client.images.generate(model="m", prompt="x"),
    "rerank": lambda client: client.post("/rerank", cast_to=object, body={"model": "m", "query": "x"}),
}
GENAI_CALLS: dict[str, Callable[[Any], Any]] = {
    "models": lambda client: client.models.list(),
    "count": lambda client: client.models.count_tokens(model="m", contents="x"),
    "embeddings": lambda client: client.models.embed_content(model="m", contents="x"),
}


@pytest.mark.parametrize("no_answer", NO_ANSWERS)
def test_a_success_without_an_answer_is_an_error(tls: ssl.SSLContext, no_answer: str) -> None:
    with RawServer([NO_ANSWERS[no_answer]]) as server:
        client = OPENAI.make(server.api_key, base_url=server.url, verify=tls)
        for ask in SDK_CALLS.values():
            with pytest.raises(openai.InternalServerError) as caught:
                ask(client)
            assert caught.value.status_code == 502
        client.close()
        gemini = GENAI.make(server.api_key, base_url=server.url, verify=tls)
        for ask in GENAI_CALLS.values():
            with pytest.raises(genai_errors.ServerError):
                ask(gemini)
        gemini.close()
        with GatewayClient(server.api_key, base_url=server.url, network=NetworkOptions(verify=tls)) as gateway:
            for ask_gateway in (gateway.models, gateway.balance):
                with pytest.raises(GatewayError):
                    ask_gateway()


def test_an_answer_may_hold_words_and_be_a_list(tls: ssl.SSLContext) -> None:
    listed = _reply('[{"id": "gpt-4o"}]', "application/json")
    worded = _reply('{"message": "ok", "data": [{"id": "gpt-4o"}]}', "application/json")
    with (
        RawServer([listed, worded]) as server,
        GatewayClient(server.api_key, base_url=server.url, network=NetworkOptions(verify=tls)) as gateway,
    ):
        assert gateway.models() == gateway.models() == [{"id": "gpt-4o"}]


def test_what_no_path_names_may_be_a_file(tls: ssl.SSLContext) -> None:
    with RawServer([_reply("spoken", "audio/mpeg")]) as server:
        client = OPENAI.make(server.api_key, base_url=server.url, verify=tls)
        with client:
            assert client.audio.speech.create(model="m", voice="alloy", input="x").read() == b"spoken"


@pytest.mark.parametrize("fault", ["server_error", "html_200", "rate_limit_exceeded"])
def test_nobody_is_told_to_name_fallbacks_where_none_is_asked(
    gateway: LocalGateway, tls: ssl.SSLContext, fault: str
) -> None:
    gateway.script.fail("*", fault)
    client = OPENAI.make(gateway.api_key, base_url=gateway.url, max_retries=0, verify=tls)
    with client:
        with pytest.raises(openai.APIStatusError, match="Ask again") as caught:
            _embeddings(client, False)
        assert "fallbacks" not in str(caught.value)
        with pytest.raises(openai.APIStatusError, match="or name fallbacks"):
            OPENAI.call(client, "first-model", {})
