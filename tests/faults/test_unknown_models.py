"""An id that is not served: its other spellings, then the next model, else an error with close matches."""

import ssl
from typing import Any
from urllib.parse import unquote

import pytest

from aisa_integrations import ModelNotFoundError
from aisa_integrations.local import LocalGateway
from tests.faults.faces import FACES, GATEWAY, Face, told_by

DISGUISES = ["model_not_found", "unknown_model", "no_channels", "model_not_found_500"]
SPELLED, DATED = "claude-haiku-4-5", "claude-haiku-4-5-20251001"


def _asked(gateway: LocalGateway) -> list[str]:
    return [request.model for request in gateway.requests]


@pytest.mark.parametrize("face", FACES, ids=str)
@pytest.mark.parametrize("disguise", DISGUISES)
def test_another_spelling_of_the_same_model_answers(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, disguise: str
) -> None:
    gateway.script.fail(SPELLED, disguise)
    for stream in (False, True):
        seen = face.ask(gateway, tls, stream=stream, model=SPELLED, max_retries=1, fallbacks=["second-model"])
        assert seen.served_by == DATED
        assert [model for model, _, _ in seen.attempts] == [SPELLED, DATED]
    assert _asked(gateway) == [SPELLED, DATED] * 2


@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_dated_id_leads_to_the_undated_one(gateway: LocalGateway, tls: ssl.SSLContext, face: Face) -> None:
    gateway.script.fail("qwen3.7-max-2026-06-08", "model_not_found")
    seen = face.ask(gateway, tls, stream=False, model="qwen3.7-max-2026-06-08", max_retries=1)
    assert seen.served_by == "qwen3.7-max"


@pytest.mark.parametrize("face", FACES, ids=str)
def test_when_no_spelling_is_served_the_next_model_answers(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face
) -> None:
    gateway.script.fail(SPELLED, "model_not_found")
    gateway.script.fail(DATED, "no_channels")
    seen = face.ask(gateway, tls, stream=True, model=SPELLED, max_retries=1, fallbacks=["second-model"])
    assert seen.served_by == "second-model"
    assert _asked(gateway) == [SPELLED, DATED, "second-model"]


def test_spellings_never_take_the_request_of_a_fallback(gateway: LocalGateway, tls: ssl.SSLContext) -> None:
    gateway.script.fail(SPELLED, "model_not_found")
    seen = GATEWAY.ask(gateway, tls, stream=False, model=SPELLED, max_retries=0, fallbacks=["second-model"])
    assert seen.served_by == "second-model"
    assert _asked(gateway) == [SPELLED, "second-model"]


def test_spellings_count_as_requests(gateway: LocalGateway, tls: ssl.SSLContext) -> None:
    # Two requests for not found, then another cause that is worth a round: none is left of the three.
    gateway.script.fail(SPELLED, "model_not_found")
    gateway.script.fail(DATED, "server_error", retry_after=0)
    GATEWAY.ask(gateway, tls, stream=False, model=SPELLED, max_retries=1)
    assert _asked(gateway) == [SPELLED, DATED]


@pytest.mark.parametrize("face", FACES, ids=str)
@pytest.mark.parametrize("disguise", DISGUISES)
def test_alone_it_is_raised_with_close_matches(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, disguise: str
) -> None:
    gateway.script.fail("gpt-4oo", disguise)
    error: Any = face.ask(gateway, tls, stream=False, model="gpt-4oo", max_retries=2).error
    assert "gpt-4o," in told_by(error).message
    assert len(gateway.requests) == 1
    if face is GATEWAY:
        assert isinstance(error, ModelNotFoundError)
        assert error.suggestions[0] == "gpt-4o"
        assert ", ".join(error.suggestions) in str(error)


def test_an_id_that_looks_like_nothing_gets_the_way_to_the_list(gateway: LocalGateway, tls: ssl.SSLContext) -> None:
    gateway.script.fail("zzz", "model_not_found")
    error: Any = GATEWAY.ask(gateway, tls, stream=False, model="zzz").error
    assert error.suggestions == ()
    assert "/v1/models" in str(error)


@pytest.mark.parametrize("face", FACES, ids=str)
@pytest.mark.parametrize("model", ["модель-7", "模型", "a b", 'quo"te', "semi;colon,comma", "free:7b"])
def test_an_id_of_any_letters_is_told_as_it_was_written(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, model: str
) -> None:
    gateway.script.fail(model, "model_not_found", times=1)
    seen = face.ask(gateway, tls, stream=False, model=model, max_retries=0)
    assert seen.error is not None
    assert model in told_by(seen.error).message
    assert [unquote(asked) for asked, _, _ in seen.attempts] == [model]
    answered = face.ask(gateway, tls, stream=True, model=model, max_retries=0)
    assert answered.error is None
    assert unquote(str(answered.served_by)) == model
    assert _asked(gateway) == [model, model]
