"""Each fault alone: no face takes it for an answer, and each raises what the contract names."""

import ssl

import httpx2
import openai
import pytest
from google.genai import errors as genai_errors

import aisa_integrations as aisa
from aisa_integrations.local import FAULTS, Fault, LocalGateway
from tests.faults.cases import cases, play, settings
from tests.faults.faces import DICT_FACES, Face, Seen, told_by
from tests.faults.table import ENDS, STEPS, STREAMED, TOLERATED, End, end_of

OPENAI_BY_STATUS: dict[int, type[openai.APIStatusError]] = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
}


def test_the_table_has_a_row_for_every_fault_and_no_other() -> None:
    assert set(ENDS) | TOLERATED == set(FAULTS)
    assert set(STREAMED) <= set(FAULTS)


@pytest.mark.parametrize(("fault", "face", "stream"), cases())
def test_a_fault_ends_as_the_contract_says(
    gateway: LocalGateway, tls: ssl.SSLContext, fault: Fault, face: Face, stream: bool
) -> None:
    play(gateway, fault)
    seen = face.ask(gateway, tls, stream=stream, max_retries=0, **settings(fault))
    end = end_of(fault.name, stream=stream)
    if end is None:
        _assert_answered(seen, fault, gateway, stream=stream)
        return
    assert seen.error is not None, f"{fault.name} passed for an answer: {seen.items}"
    assert type(seen.error) in _expected(face, end), seen.error
    _assert_tells(seen, end)
    assert seen.attempts == [("first-model", end.seen_status, end.cause)] or _is_untold(seen, end)
    assert len(gateway.requests) == 1


def _assert_answered(seen: Seen, fault: Fault, gateway: LocalGateway, *, stream: bool) -> None:
    assert seen.error is None
    assert seen.served_by == "first-model"
    assert ("Zoë" in seen.text) == (fault.name != "prompt_blocked")
    # What only the library asked for, and the model refused, was asked for once.
    asked_for_usage = fault.name == "usage_rejected" and stream and gateway.requests[0].path.endswith("completions")
    assert len(gateway.requests) == (2 if asked_for_usage else 1)


def _expected(face: Face, end: End) -> tuple[type[Exception], ...]:
    if face in DICT_FACES:
        return (end.error,)
    timeout = end.error is aisa.RequestTimeoutError
    if face.surface == "gemini":
        if end.status is None:
            return (httpx2.ReadTimeout,) if timeout else (httpx2.ReadError, httpx2.RemoteProtocolError)
        return (genai_errors.ServerError if end.status >= 500 else genai_errors.ClientError,)
    if end.status is None:
        return (openai.APITimeoutError if timeout else openai.APIConnectionError,)
    if end.interrupted:
        return (openai.APIError,)
    return (OPENAI_BY_STATUS.get(end.status) or _openai_without_a_class(end.status),)


def _openai_without_a_class(status: int) -> type[Exception]:
    return openai.InternalServerError if status >= 500 else openai.APIStatusError


def _assert_tells(seen: Seen, end: End) -> None:
    error = seen.error
    assert error is not None
    if isinstance(error, aisa.AisaError):
        assert (error.model, len(error.attempts)) == ("first-model", 1)
    told = told_by(error)
    if end.status is None and not isinstance(error, aisa.AisaError):
        return
    assert told.code == end.code
    assert "first-model" in told.message
    assert STEPS[end.cause] in told.message
    assert len(told.message.splitlines()) == 1
    if end.interrupted:
        assert told.partial == seen.text != ""
        assert told.status == (None if type(error) is openai.APIError else end.status)
    elif isinstance(error, aisa.AisaError):
        assert told.status == (end.seen if end.seen and end.seen >= 400 else end.status)
    else:
        assert told.status == end.status
        assert told.headers["x-should-retry"] == "false"


def _is_untold(seen: Seen, end: End) -> bool:
    """Whether the face has no place to list attempts: the network's own errors, and a stream's head."""
    if isinstance(seen.error, aisa.AisaError):
        return False
    return seen.attempts == ([("first-model", 200, None)] if end.interrupted else [])
