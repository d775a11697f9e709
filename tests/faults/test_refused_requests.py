"""Refusals that another model may not share: windows, parameters, and the list of models for one call."""

import ssl
from typing import Any

import pytest

from aisa_integrations import BadRequestError
from aisa_integrations.local import LocalGateway
from tests.faults.faces import CHAT_FACES, DICT_FACES, FACES, GATEWAY, GENAI, Face, told_by

STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
# Windows that the catalogue knows: 128,000, 200,000, 1,000,000 tokens; of the last it knows none.
SMALL, MIDDLE, LARGE, UNKNOWN = "gpt-4o", "claude-haiku-4-5", "qwen-plus", "second-model"


def _asked(gateway: LocalGateway) -> list[str]:
    return [request.model for request in gateway.requests]


@STREAMED
@pytest.mark.parametrize("face", FACES, ids=str)
def test_too_long_a_prompt_goes_to_larger_windows_alone(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, stream: bool
) -> None:
    gateway.script.fail(MIDDLE, "context_overflow")
    seen = face.ask(gateway, tls, stream=stream, model=MIDDLE, max_retries=0, fallbacks=[SMALL, "gpt-4o-mini", LARGE])
    assert seen.served_by == LARGE
    assert _asked(gateway) == [MIDDLE, LARGE]


@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_window_that_nobody_knows_is_tried(gateway: LocalGateway, tls: ssl.SSLContext, face: Face) -> None:
    gateway.script.fail(MIDDLE, "context_overflow")
    seen = face.ask(gateway, tls, stream=False, model=MIDDLE, max_retries=0, fallbacks=[SMALL, UNKNOWN])
    assert seen.served_by == UNKNOWN


@pytest.mark.parametrize("face", FACES, ids=str)
def test_without_a_larger_window_the_overflow_is_raised(gateway: LocalGateway, tls: ssl.SSLContext, face: Face) -> None:
    gateway.script.fail(MIDDLE, "context_overflow")
    error = face.ask(gateway, tls, stream=False, model=MIDDLE, max_retries=2, fallbacks=[SMALL]).error
    assert error is not None
    assert (told_by(error).status, told_by(error).code) == (400, "context_length_exceeded")
    assert _asked(gateway) == [MIDDLE]


def test_who_is_too_small_is_not_asked_in_a_later_round(gateway: LocalGateway, tls: ssl.SSLContext) -> None:
    gateway.script.fail(SMALL, "server_error", retry_after=0)
    gateway.script.fail(MIDDLE, "context_overflow")
    gateway.script.fail(LARGE, "server_error", retry_after=0, times=1)
    seen = GATEWAY.ask(gateway, tls, stream=False, model=SMALL, max_retries=1, fallbacks=[MIDDLE, LARGE])
    assert seen.served_by == LARGE
    assert _asked(gateway) == [SMALL, MIDDLE, LARGE, LARGE]


@STREAMED
@pytest.mark.parametrize("face", CHAT_FACES, ids=str)
def test_a_parameter_that_a_model_is_known_to_refuse_is_left_out_for_it_alone(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, stream: bool
) -> None:
    gateway.script.fail("first-model", "upstream_unavailable")
    seen = face.ask(
        gateway, tls, stream=stream, body={"temperature": 0.3, "top_p": 0.5}, max_retries=0, fallbacks=["kimi-k2.5"]
    )
    assert seen.served_by == "kimi-k2.5"
    first, second = [request.json for request in gateway.requests]
    assert (first["temperature"], first["top_p"]) == (0.3, 0.5)
    assert "temperature" not in second
    assert second["top_p"] == 0.5


def test_what_was_left_out_is_noted_on_the_attempt(gateway: LocalGateway, tls: ssl.SSLContext) -> None:
    with GATEWAY.make(gateway.api_key, base_url=gateway.url) as client:
        body = {"model": "kimi-k2.5", "messages": [{"role": "user", "content": "x"}], "temperature": 0.3}
        (attempt,) = client.chat(body).exchange.attempts
        assert "temperature" in attempt.note
        assert "kimi-k2.5" in attempt.note
        (attempt,) = client.chat({**body, "temperature": 1}).exchange.attempts
        assert attempt.note is None
    assert ["temperature" in request.json for request in gateway.requests] == [False, True]


@STREAMED
@pytest.mark.parametrize("fault", ["invalid_temperature", "unsupported_parameter", "max_tokens_exceeded"])
@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_parameter_that_the_gateway_refuses_leads_to_the_next_model(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, fault: str, stream: bool
) -> None:
    gateway.script.fail("first-model", fault)
    seen = face.ask(gateway, tls, stream=stream, max_retries=2, fallbacks=["second-model"])
    assert seen.served_by == "second-model"
    assert _asked(gateway) == ["first-model", "second-model"]


@pytest.mark.parametrize(
    ("named", "order"),
    [
        (["second-model", "third-model"], ["first-model", "second-model", "third-model"]),
        (["second-model", "first-model"], ["second-model", "first-model"]),
        (["first-model", "second-model", "first-model"], ["first-model", "second-model"]),
        ([], ["first-model"]),
    ],
)
@pytest.mark.parametrize("face", CHAT_FACES, ids=str)
def test_models_of_one_call_are_asked_in_their_order(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, named: list[str], order: list[str]
) -> None:
    gateway.script.fail("*", "server_error")
    face.ask(gateway, tls, stream=False, body={"models": named}, max_retries=0, fallbacks=["other-model"])
    assert _asked(gateway) == order
    assert all("models" not in request.json for request in gateway.requests)
    assert [request.json["model"] for request in gateway.requests] == order


@pytest.mark.parametrize("models", ["gpt-4o", [1], [""], {"a": 1}])
@pytest.mark.parametrize("face", CHAT_FACES, ids=str)
def test_models_that_are_no_list_of_ids_are_refused_before_anything_is_sent(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, models: Any
) -> None:
    seen = face.ask(gateway, tls, stream=False, body={"models": models})
    assert seen.error is not None
    assert told_by(seen.error).status == 400
    assert "list of model ids" in str(seen.error)
    assert isinstance(seen.error, BadRequestError) == (face in DICT_FACES)
    assert gateway.requests == []


def test_gemini_keeps_its_path_and_takes_the_next_model_into_it(gateway: LocalGateway, tls: ssl.SSLContext) -> None:
    gateway.script.fail("gemini-2.5-flash", "gemini_unavailable")
    seen = GENAI.ask(gateway, tls, stream=True, model="gemini-2.5-flash", max_retries=0, fallbacks=["google/gemini-x"])
    assert seen.served_by == "google/gemini-x"
    assert [(request.path, request.query) for request in gateway.requests] == [
        ("/v1/models/gemini-2.5-flash:streamGenerateContent", "alt=sse"),
        ("/v1/models/google/gemini-x:streamGenerateContent", "alt=sse"),
    ]
