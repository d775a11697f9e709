"""Every model failed: one shared cause is that error, as if alone; different ones are a 502 with a line for each."""

import json
import ssl
from typing import Any

import openai
import pytest
from google.genai import errors as genai_errors

from aisa_integrations import AllModelsFailedError, AuthenticationError, RateLimitError
from aisa_integrations.local import LocalGateway
from tests.faults.faces import CHAT_FACES, DICT_FACES, FACES, GATEWAY, OPENAI, Face, told_by

STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
LINES = [
    "first-model: status 500, server_error",
    "second-model: status 402, insufficient_credits",
    "third-model: status 404, model_not_found",
]


def _fail_each_its_own_way(gateway: LocalGateway) -> None:
    gateway.script.fail("first-model", "server_error")
    gateway.script.fail("second-model", "model_gated")
    gateway.script.fail("third-model", "unknown_model")


@STREAMED
@pytest.mark.parametrize("face", FACES, ids=str)
def test_different_causes_are_all_models_failed(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, stream: bool
) -> None:
    _fail_each_its_own_way(gateway)
    seen = face.ask(gateway, tls, stream=stream, max_retries=0, fallbacks=["second-model", "third-model"])
    assert seen.error is not None
    told = told_by(seen.error)
    assert (told.status, told.code) == (502, "all_models_failed")
    assert [line.strip() for line in told.message.splitlines()[1:]] == LINES
    assert "3 models failed" in told.message.splitlines()[0]
    assert [model for model, _, _ in seen.attempts] == ["first-model", "second-model", "third-model"]
    assert (
        type(seen.error)
        is {
            "dict": AllModelsFailedError,
            "chat": openai.InternalServerError,
            "gemini": genai_errors.ServerError,
        }[face.surface]
    )


def test_the_body_of_the_reply_lists_each_attempt(gateway: LocalGateway, tls: ssl.SSLContext) -> None:
    _fail_each_its_own_way(gateway)
    error: Any = OPENAI.ask(gateway, tls, stream=False, max_retries=0, fallbacks=["second-model", "third-model"]).error
    assert error.body["attempts"] == LINES
    assert json.loads(error.response.content) == {"error": error.body}
    assert error.response.headers["x-should-retry"] == "false"


def test_the_error_holds_each_attempt(gateway: LocalGateway, tls: ssl.SSLContext) -> None:
    _fail_each_its_own_way(gateway)
    error: Any = GATEWAY.ask(gateway, tls, stream=False, max_retries=0, fallbacks=["second-model", "third-model"]).error
    assert error.model == "first-model"
    assert [attempt.model for attempt in error.attempts] == ["first-model", "second-model", "third-model"]
    assert all(attempt.latency > 0 for attempt in error.attempts)


@STREAMED
@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_key_that_is_refused_on_the_way_is_raised_as_that(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, stream: bool
) -> None:
    gateway.script.fail("first-model", "server_error")
    gateway.script.fail("second-model", "revoked_api_key")
    seen = face.ask(gateway, tls, stream=stream, max_retries=2, fallbacks=["second-model", "third-model"])
    assert seen.error is not None
    told = told_by(seen.error)
    assert (told.status, told.code) == (401, "revoked_api_key")
    assert "first-model: status 500, server_error" in told.message
    assert isinstance(seen.error, AuthenticationError) == (face in DICT_FACES)
    assert len(gateway.requests) == 2


@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_shared_429_tells_the_soonest_time(gateway: LocalGateway, tls: ssl.SSLContext, face: Face) -> None:
    gateway.script.fail("first-model", "retry_after", retry_after=40)
    gateway.script.fail("second-model", "retry_after", retry_after=7.2)
    gateway.script.fail("third-model", "upstream_rate_limit")
    seen = face.ask(gateway, tls, stream=False, max_retries=0, fallbacks=["second-model", "third-model"])
    assert seen.error is not None
    if isinstance(seen.error, RateLimitError):
        assert seen.error.retry_after == 7.2
    else:
        assert told_by(seen.error).headers["retry-after"] == "8"
    assert "7.2 s" in str(seen.error)


@pytest.mark.parametrize("face", CHAT_FACES, ids=str)
def test_timeouts_of_every_model_stay_a_timeout(gateway: LocalGateway, tls: ssl.SSLContext, face: Face) -> None:
    gateway.script.fail("*", "hang")
    seen = face.ask(gateway, tls, stream=False, max_retries=0, timeout=0.1, fallbacks=["second-model"])
    assert isinstance(seen.error, TimeoutError | openai.APITimeoutError) or type(seen.error).__name__ == (
        "RequestTimeoutError"
    )
    assert seen.error is not None
    notes = "".join(getattr(seen.error.__cause__ or seen.error, "__notes__", ())) + str(seen.error)
    assert "first-model: no reply, timeout" in notes
    assert "second-model: no reply, timeout" in notes


@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_timeout_and_another_failure_are_told_together(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face
) -> None:
    gateway.script.fail("first-model", "upstream_rate_limit")
    gateway.script.fail("second-model", "hang")
    seen = face.ask(gateway, tls, stream=True, max_retries=0, timeout=0.4, fallbacks=["second-model"])
    assert seen.error is not None
    told = told_by(seen.error)
    assert (told.status, told.code) == (502, "all_models_failed")
    assert "second-model: no reply, timeout" in told.message


def test_an_error_in_the_middle_names_who_was_left_before(gateway: LocalGateway, tls: ssl.SSLContext) -> None:
    gateway.script.fail("first-model", "server_error")
    gateway.script.fail("second-model", "cut_after_content")
    for face in FACES:
        seen = face.ask(gateway, tls, stream=True, max_retries=0, fallbacks=["second-model", "third-model"])
        assert seen.error is not None
        told = told_by(seen.error)
        assert told.partial == seen.text != ""
        assert "first-model: status 500, server_error" in told.message
        assert "second-model: status 200, interrupted" in told.message
        assert seen.served_by == "second-model"
