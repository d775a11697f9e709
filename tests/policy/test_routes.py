"""`model="aisa/NAME"` on each face: resolved below the SDK, filtered, answered by the first of the chain that can."""

import re
import ssl
from typing import Any

import pytest

from aisa_integrations import Budget, Cache, ConfigurationError, ModelNotFoundError, Policy, Routes
from aisa_integrations.catalogue import catalogue
from aisa_integrations.local import LocalGateway
from aisa_integrations.routing import Fallback, explain, route_names
from tests.faults.faces import CHAT_FACES, DICT_FACES, FACES, GENAI_FACES, MESSAGES, Face, told_by

EVERY_FACE = pytest.mark.parametrize("face", FACES, ids=str)
BOTH_WAYS = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
GEMINI: dict[str, Any] = {"contents": [{"parts": [{"text": "Say hello to Zoë"}], "role": "user"}]}


def expected(face: Face, route: str, **settings: Any) -> tuple[str, ...]:
    """The chain that `explain` shows for what a face asks."""
    if face in GENAI_FACES:
        return explain({**GEMINI, "model": route}, surface="gemini", **settings).chain
    return explain({"model": route, "messages": MESSAGES}, **settings).chain


def asked(gateway: LocalGateway) -> list[str]:
    return [request.model for request in gateway.requests]


@EVERY_FACE
@BOTH_WAYS
@pytest.mark.parametrize("route", route_names())
def test_the_first_of_a_route_answers(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, stream: bool, route: str
) -> None:
    chain = expected(face, route)
    seen = face.ask(gateway, tls, stream=stream, model=route)
    if not chain:
        assert face in GENAI_FACES
        assert "not known to speak native Gemini" in str(seen.error)
        assert gateway.requests == []
        return
    assert (seen.error, seen.served_by) == (None, chain[0])
    assert asked(gateway) == [chain[0]]
    assert route.encode() not in gateway.requests[0].body


SHOWN: list[tuple[str, dict[str, Any]]] = [
    ("gemini-2.5-pro", {"fallbacks": ["gemini-2.5-flash", "aisa/fast", "gemini-2.5-flash"]}),
    ("aisa/strong", {"max_cost_usd": "0.009", "fallbacks": [Fallback("gemini-2.5-flash", "0.0001"), "my-own"]}),
    ("aisa/fast", {"budget": Budget(5, assume_output_tokens=100_000), "max_cost_usd": "0.05"}),
    ("aisa/fast", {"max_cost_usd": "0.000001"}),
    ("aisa/own", {"routes": {"own": {"models": ["gemini-2.5-pro", "gemini-2.5-flash"], "max_cost_usd": "0.004"}}}),
    ("aisa/code", {"deny": ["Google"], "fallbacks": ["gemini-2.5-flash"]}),
]


@EVERY_FACE
@pytest.mark.parametrize(("model", "settings"), SHOWN)
def test_what_explain_shows_is_what_is_asked(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, model: str, settings: dict[str, Any]
) -> None:
    policy = Policy(max_retries=0, **settings)
    gateway.script.fail("*", "upstream_unavailable")
    assert face.ask(gateway, tls, stream=False, model=model, policy=policy).error is not None
    shown = expected(face, model, policy=policy)
    assert asked(gateway) == list(shown)


@EVERY_FACE
@BOTH_WAYS
def test_the_rest_of_a_route_are_its_fallbacks(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, stream: bool
) -> None:
    chain = expected(face, "aisa/fast")
    gateway.script.fail("*", "upstream_unavailable")
    seen = face.ask(gateway, tls, stream=stream, model="aisa/fast", max_retries=0, fallbacks=["my-own"])
    assert seen.error is not None
    assert asked(gateway) == [*chain, "my-own"]


@pytest.mark.parametrize("face", GENAI_FACES, ids=str)
@pytest.mark.parametrize("route", route_names())
def test_native_gemini_asks_only_models_that_speak_it(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, route: str
) -> None:
    gateway.script.fail("*", "upstream_unavailable")
    assert face.ask(gateway, tls, stream=True, model=route, max_retries=0).error is not None
    assert tuple(asked(gateway)) == expected(face, route)
    assert all(catalogue()[model].speaks_gemini for model in asked(gateway))


# ---- one's own ------------------------------------------------------------------------------------------------------

OWN = {"support": ["gemini-2.5-pro", "gemini-2.5-flash"], "Bulk-Work": [Fallback("gemini-2.5-flash")]}


@EVERY_FACE
@pytest.mark.parametrize("routes", [OWN, Routes(OWN)], ids=["dict", "Routes"])
def test_routes_of_ones_own(gateway: LocalGateway, tls: ssl.SSLContext, face: Face, routes: Any) -> None:
    gateway.script.fail("gemini-2.5-pro", "upstream_unavailable")
    policy = Policy(routes=routes, max_retries=0)
    assert face.ask(gateway, tls, stream=True, model="aisa/support", policy=policy).served_by == "gemini-2.5-flash"
    assert face.ask(gateway, tls, stream=True, model="AISA/bulk_work", policy=policy).served_by == "gemini-2.5-flash"
    assert asked(gateway) == ["gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.5-flash"]


@EVERY_FACE
def test_a_cap_on_a_route(gateway: LocalGateway, tls: ssl.SSLContext, face: Face) -> None:
    routes = {"bulk": {"models": ["gemini-2.5-pro", "gemini-2.5-flash"], "max_cost_usd": 0.003}}
    seen = face.ask(gateway, tls, stream=False, model="aisa/bulk", policy=Policy(routes=routes))
    assert seen.served_by == "gemini-2.5-flash"
    assert asked(gateway) == ["gemini-2.5-flash"]


@pytest.mark.parametrize("face", CHAT_FACES, ids=str)
def test_a_route_as_a_fallback(gateway: LocalGateway, tls: ssl.SSLContext, face: Face) -> None:
    gateway.script.fail("first-model", "server_error")
    policy = Policy(routes=OWN, fallbacks=["aisa/support"], max_retries=0)
    assert face.ask(gateway, tls, stream=True, policy=policy).served_by == "gemini-2.5-pro"


@pytest.mark.parametrize("face", CHAT_FACES, ids=str)
@BOTH_WAYS
def test_a_route_for_one_call(gateway: LocalGateway, tls: ssl.SSLContext, face: Face, stream: bool) -> None:
    gateway.script.fail("first-model", "server_error")
    body = {"models": ["first-model", "aisa/support"]}
    policy = Policy(routes=OWN, max_retries=0)
    assert face.ask(gateway, tls, stream=stream, body=body, policy=policy).served_by == "gemini-2.5-pro"
    assert all(b"aisa/" not in request.body for request in gateway.requests)


# ---- who may be asked -----------------------------------------------------------------------------------------------


@EVERY_FACE
def test_allow_and_deny_filter_routes_alone(gateway: LocalGateway, tls: ssl.SSLContext, face: Face) -> None:
    policy = Policy(allow=["Google"], deny=["gemini-2.5-pro"], fallbacks=["gpt-4o"], max_retries=0)
    seen = face.ask(gateway, tls, stream=True, model="aisa/auto", policy=policy)
    assert catalogue()[seen.served_by or ""].developer == "Google"
    gateway.script.fail("*", "upstream_unavailable")
    gateway.script.fail("gemini-2.5-pro", "upstream_unavailable")
    assert face.ask(gateway, tls, stream=True, model="gemini-2.5-pro", policy=policy).error is not None
    assert asked(gateway)[1:] == ["gemini-2.5-pro", "gpt-4o"]


@EVERY_FACE
def test_nobody_left_is_said_before_anything_is_sent(gateway: LocalGateway, tls: ssl.SSLContext, face: Face) -> None:
    policy = Policy(routes=OWN, deny=["Google"])
    error = face.ask(gateway, tls, stream=True, model="aisa/support", policy=policy).error
    assert error is not None
    assert told_by(error).status == 400
    assert re.search("No model is left for 'aisa/support'.*denied by 'Google'", str(error))
    assert gateway.requests == []


@EVERY_FACE
@BOTH_WAYS
def test_a_route_that_there_is_not(gateway: LocalGateway, tls: ssl.SSLContext, face: Face, stream: bool) -> None:
    error = face.ask(gateway, tls, stream=stream, model="aisa/cod", fallbacks=["gpt-4o"]).error
    assert error is not None
    assert type(error).__name__ in ("NotFoundError", "ClientError", "ModelNotFoundError")
    assert told_by(error).status == 404
    assert "Did you mean aisa/code" in str(error)
    if face in DICT_FACES:
        assert isinstance(error, ModelNotFoundError)
        assert "aisa/code" in error.suggestions
    assert gateway.requests == []


def test_filters_that_mean_nothing_are_said_at_once() -> None:
    for field in ("allow", "deny"):
        with pytest.raises(ConfigurationError, match="gpt-40"):
            Policy(**{field: ["gpt-40"]})  # type: ignore[arg-type]


def test_a_route_is_kept_by_whom_it_stands_for(gateway: LocalGateway, tls: ssl.SSLContext, tmp_path: Any) -> None:
    """Once the route means somebody else, the earlier answer is no answer to it."""
    cache, face = Cache(tmp_path / "cache.sqlite3"), CHAT_FACES[0]
    for models, served in ((["one"], "one"), (["one"], "one"), (["two", "one"], "two")):
        policy = Policy(routes={"mine": models}, cache=cache)
        assert face.ask(gateway, tls, stream=True, model="aisa/mine", policy=policy).served_by == served
    assert asked(gateway) == ["one", "two"]
