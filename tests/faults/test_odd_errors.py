"""Errors in forms that no page shows but servers send: each is told apart, and none is taken for an answer."""

import email.utils
import json
import ssl
import time
from typing import Any

import pytest

import aisa_integrations as aisa
from tests.faults.faces import ASYNC_OPENAI, GATEWAY, GENAI, OPENAI, told_by
from tests.faults.raw import RawServer

ANSWER = {"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}


def reply(status: int, body: Any, *headers: str, kind: str = "application/json") -> list[bytes]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Word", f"Content-Type: {kind}", f"Content-Length: {len(content)}", *headers]
    return ["\r\n".join([*lines, "Connection: close", "", ""]).encode() + content]


def error(**fields: Any) -> dict[str, Any]:
    return {"error": fields}


# status, body → class, status told, code told
FORMS: list[tuple[int, Any, type[aisa.AisaError], int, str]] = [
    # Inside a 200, the status is in the error, or follows from its code.
    (200, error(code=401, message="no"), aisa.AuthenticationError, 401, "auth"),
    (200, error(code="429", message="slow down"), aisa.RateLimitError, 429, "429"),
    (200, error(status=404, message="The model `m` does not exist"), aisa.ModelNotFoundError, 404, "model_not_found"),
    (200, error(code="insufficient_credits", message="no"), aisa.InsufficientCreditsError, 402, "insufficient_credits"),
    (200, error(code="quota_exceeded", message="cap"), aisa.QuotaExceededError, 429, "quota_exceeded"),
    (200, error(type="context_length_exceeded"), aisa.ContextWindowError, 400, "context_length_exceeded"),
    (200, error(type="overloaded_error", message="busy"), aisa.GatewayError, 502, "overloaded_error"),
    (200, [error(message="in a list")], aisa.GatewayError, 502, "server_error"),
    (200, {"error": {"message": "failed"}, "choices": []}, aisa.GatewayError, 502, "server_error"),
    (200, {"error": {"message": "half way"}, **ANSWER}, aisa.GatewayError, 502, "server_error"),
    (200, {"error": True, "message": "failed"}, aisa.GatewayError, 502, "server_error"),
    (200, {"message": "who are you", "code": 401}, aisa.AuthenticationError, 401, "auth"),
    (200, {"message": "busy", "choices": None}, aisa.GatewayError, 502, "server_error"),
    (200, {"status": 402, "detail": "pay"}, aisa.InsufficientCreditsError, 402, "insufficient_credits"),
    (200, {"error": {}}, aisa.GatewayError, 502, "no_answer"),
    (200, [], aisa.GatewayError, 502, "not_json"),
    (200, "text", aisa.GatewayError, 502, "not_json"),
    (200, b"\xff\xfe\x00", aisa.GatewayError, 502, "not_json"),
    (200, {"choices": "many"}, aisa.GatewayError, 502, "no_answer"),
    (200, {"choices": [None]}, aisa.GatewayError, 502, "no_answer"),
    (200, {"choices": [{"index": 0, "message": None, "finish_reason": None}]}, aisa.GatewayError, 502, "no_answer"),
    (204, b"", aisa.GatewayError, 502, "not_json"),
    # A status, and words in one form or another.
    (400, {"detail": "Input is too long"}, aisa.ContextWindowError, 400, "context_window"),
    (400, {"message": "prompt is too long: 9 tokens > 8 maximum"}, aisa.ContextWindowError, 400, "context_window"),
    (400, error(message="token count of 9 exceeds the limit"), aisa.ContextWindowError, 400, "context_window"),
    (400, error(message="logprobs is not supported with this model"), aisa.BadRequestError, 400, "parameter"),
    (400, error(message="blocked by the content filter"), aisa.ContentPolicyError, 400, "content_policy"),
    (400, b"", aisa.BadRequestError, 400, "bad_request"),
    (401, {"error": True, "message": "who are you"}, aisa.AuthenticationError, 401, "auth"),
    (402, b"<html><title>Pay</title></html>", aisa.InsufficientCreditsError, 402, "insufficient_credits"),
    (402, {"type": "about:blank", "title": "Pay"}, aisa.InsufficientCreditsError, 402, "insufficient_credits"),
    (403, b"", aisa.AuthenticationError, 403, "auth"),
    (404, error(message="The model `gpt-x` does not exist"), aisa.ModelNotFoundError, 404, "model_not_found"),
    (413, error(message="Request entity too large"), aisa.BadRequestError, 413, "bad_request"),
    (418, b"teapot", aisa.BadRequestError, 418, "bad_request"),
    (422, {"detail": [{"msg": "field required"}]}, aisa.BadRequestError, 422, "bad_request"),
    (500, error(message="no available channel for model x"), aisa.ModelNotFoundError, 500, "model_not_found"),
    (503, b"upstream connect error", aisa.GatewayError, 503, "server_error"),
    (520, b"<!DOCTYPE html><title>Unknown error</title>", aisa.GatewayError, 520, "server_error"),
    (599, b"", aisa.GatewayError, 599, "server_error"),
    (302, b"", aisa.GatewayError, 502, "redirect"),
]  # fmt: skip


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize(("status", "body", "cls", "told_status", "code"), FORMS)
def test_an_odd_error_is_told_apart(
    tls: ssl.SSLContext, status: int, body: Any, cls: type[aisa.AisaError], told_status: int, code: str, stream: bool
) -> None:
    with RawServer([reply(status, body)]) as server:
        seen = GATEWAY.ask(server, tls, stream=stream, max_retries=0)
    assert type(seen.error) is cls
    told = told_by(seen.error)
    assert (told.status, told.code) == (told_status, code)
    assert "first-model" in told.message


@pytest.mark.parametrize("body", [{"error": True, "message": "who are you"}, {"message": "who are you", "code": 401}])
def test_words_without_an_error_object_are_told(tls: ssl.SSLContext, body: dict[str, Any]) -> None:
    with RawServer([reply(200, body)]) as server:
        failure = GATEWAY.ask(server, tls, stream=False, max_retries=0).error
    assert str(failure).startswith("who are you")


@pytest.mark.parametrize(("status", "body"), [(status, body) for status, body, *_ in FORMS])
def test_every_sdk_understands_it(tls: ssl.SSLContext, status: int, body: Any) -> None:
    with RawServer([reply(status, body)]) as server:
        for face in (OPENAI, ASYNC_OPENAI, GENAI):
            for stream in (False, True):
                error = face.ask(server, tls, stream=stream, max_retries=0).error
                assert error is not None
                told = told_by(error)
                assert told.status is not None
                assert told.status >= 400
                assert "first-model" in told.message


@pytest.mark.parametrize("candidates", [[], ["x"], [{}], [{"index": 0, "content": None}]], ids=repr)
def test_candidates_that_say_nothing_are_no_answer(tls: ssl.SSLContext, candidates: list[Any]) -> None:
    with RawServer([reply(200, {"candidates": candidates})]) as server:
        failure = GENAI.ask(server, tls, stream=False, max_retries=0).error
    assert failure is not None
    assert told_by(failure).code == "no_answer"


def test_error_null_beside_an_answer_is_none(tls: ssl.SSLContext) -> None:
    nothings: list[Any] = [None, "", {}, False]
    for nothing in nothings:
        with RawServer([reply(200, {"error": nothing, **ANSWER})]) as server:
            assert GATEWAY.ask(server, tls, stream=False, max_retries=0).text == "x"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (["Retry-After: 7"], 7.0),
        (["Retry-After: 0.5"], 0.5),
        (["Retry-After: Wed, 21 Oct 2015 07:28:00 GMT"], 0.0),
        (["Retry-After: Wed, 41 Oct 2026 07:28:00 GMT"], None),
        (["Retry-After: -3"], None),
        (["Retry-After: soon"], None),
        (["Retry-After: inf"], None),
        (["Retry-After: 1795630000000"], None),
        (["X-RateLimit-Remaining-Requests: 5", "X-RateLimit-Reset-Requests: 99999999999"], None),
        ([], None),
    ],
)
def test_retry_after_is_read_where_it_says_when(tls: ssl.SSLContext, headers: list[str], seconds: float | None) -> None:
    with RawServer([reply(429, error(message="slow down"), *headers)]) as server:
        failure: Any = GATEWAY.ask(server, tls, stream=False, max_retries=0).error
    assert failure.retry_after == seconds


def test_retry_after_may_be_a_date(tls: ssl.SSLContext) -> None:
    header = f"Retry-After: {email.utils.formatdate(time.time() + 3600, usegmt=True)}"
    with RawServer([reply(429, error(message="slow down"), header)]) as server:
        failure: Any = GATEWAY.ask(server, tls, stream=False).error
    assert 3000 < failure.retry_after <= 3600
    assert len(server.requests) == 1


@pytest.mark.parametrize("where", ["body", "header"])
def test_the_request_id_is_kept(tls: ssl.SSLContext, where: str) -> None:
    body = error(message="no", **({"request_id": "req_7"} if where == "body" else {}))
    with RawServer([reply(500, body, *(["X-Request-Id: req_7"] if where == "header" else []))]) as server:
        failure: Any = GATEWAY.ask(server, tls, stream=False, max_retries=0).error
        assert failure.request_id == "req_7"
        sdk: Any = OPENAI.ask(server, tls, stream=False, max_retries=0).error
        assert sdk.request_id == "req_7"


def test_headers_of_any_letters_do_no_harm(tls: ssl.SSLContext) -> None:
    with RawServer([reply(500, error(message="no"), "X-Note: café 你好", "X-Plain: kept")]) as server:
        for face in (OPENAI, ASYNC_OPENAI, GENAI):
            failure = face.ask(server, tls, stream=False, max_retries=0).error
            assert failure is not None
            assert told_by(failure).status == 500
            assert told_by(failure).headers["x-plain"] == "kept"


def test_fields_that_nobody_knows_are_kept(tls: ssl.SSLContext) -> None:
    with RawServer([reply(422, error(message="no", code="c", type="t", param="top_k", hint={"see": 1}))]) as server:
        sdk: Any = OPENAI.ask(server, tls, stream=False, max_retries=0).error
        assert (sdk.code, sdk.type, sdk.param, sdk.body["hint"]) == ("c", "t", "top_k", {"see": 1})
        gemini: Any = GENAI.ask(server, tls, stream=False, max_retries=0).error
        assert gemini.details["error"]["hint"] == {"see": 1}
