"""No variable of another vendor's environment gets into a request, and ours mean what they say."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest

from aisa_integrations import ConfigurationError, MissingKeyError
from aisa_integrations.local import LocalGateway
from tests.clients.faces import ASYNC_OPENAI, FACES, GENAI, GENAI_AIO, OPENAI, Face

LEAK = "leaked-from-the-environment"

# What the lab found in the sources of both SDKs (openai 3.5x, google-genai 3.4), with values that would do harm.
HOSTILE = {
    "OPENAI_API_KEY": f"sk-{LEAK}",
    "OPENAI_ADMIN_KEY": f"sk-admin-{LEAK}",
    "OPENAI_BASE_URL": f"https://{LEAK}.invalid/v1",
    "OPENAI_ORG_ID": f"org-{LEAK}",
    "OPENAI_PROJECT_ID": f"proj-{LEAK}",
    "OPENAI_WEBHOOK_SECRET": f"whsec-{LEAK}",
    "OPENAI_CUSTOM_HEADERS": f"Authorization: Bearer {LEAK}\nX-Foreign: {LEAK}\nx-api-key: {LEAK}",
    "OPENAI_API_TYPE": "azure",
    "OPENAI_API_VERSION": "2024-01-01",
    "OPENAI_LOG": "debug",
    "AZURE_OPENAI_ENDPOINT": f"https://{LEAK}.invalid",
    "AZURE_OPENAI_API_KEY": LEAK,
    "GOOGLE_API_KEY": LEAK,
    "GEMINI_API_KEY": LEAK,
    "GOOGLE_GEMINI_BASE_URL": f"https://{LEAK}.invalid",
    "GOOGLE_VERTEX_BASE_URL": f"https://{LEAK}.invalid",
    "GOOGLE_GENAI_USE_VERTEXAI": "true",
    "GOOGLE_GENAI_USE_ENTERPRISE": "true",
    "GOOGLE_CLOUD_PROJECT": LEAK,
    "GOOGLE_CLOUD_LOCATION": LEAK,
    "GOOGLE_GENAI_API_VERSION": "v1alpha",
    "GOOGLE_GENAI_HTTP_CLIENT": "httpx",
    "GOOGLE_GENAI_CLIENT_MODE": "replay",
    "GOOGLE_GENAI_REPLAYS_DIRECTORY": LEAK,
    "GOOGLE_GENAI_REPLAY_ID": LEAK,
    "GOOGLE_GENAI_ACCESS_TOKEN": LEAK,
    "GOOGLE_GENAI_API_KEY": LEAK,
    "GOOGLE_GENAI_DEFAULT_HEADERS": f"X-Foreign: {LEAK}",
    "GOOGLE_APPLICATION_CREDENTIALS": f"/{LEAK}.json",
}  # fmt: skip
PATHS = {"gpt-4o": "/v1/chat/completions", "gemini-2.5-flash": "/v1/models/gemini-2.5-flash:generateContent"}


def _assert_clean(gateway: LocalGateway, face: Face, key: str) -> None:
    """The one request on the wire carries our key, once, and nothing foreign."""
    [request] = gateway.requests
    credentials = [value for name, value in request.headers if "authorization" in name or "key" in name]
    assert credentials == [f"Bearer {key}"]
    assert request.header("authorization") == f"Bearer {key}"
    assert (request.path, request.query) == (PATHS[face.model], "")
    assert LEAK not in repr(request)
    assert not [name for name, _ in request.headers if name.startswith("openai-")]


@pytest.mark.parametrize("face", FACES, ids=str)
@pytest.mark.parametrize("variable", HOSTILE)
def test_one_hostile_variable_changes_nothing(
    face: Face, variable: str, gateway: LocalGateway, canary_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.app.api_key = canary_key
    monkeypatch.setenv(variable, HOSTILE[variable])
    face.ask(face.make(canary_key, base_url=gateway.url))
    _assert_clean(gateway, face, canary_key)


def _as_made(client: Any) -> Any:
    return client


COPIES: dict[str, tuple[tuple[Face, ...], Callable[[Any], Any], str]] = {
    "as made": (FACES, _as_made, "first"),
    "copy": ((OPENAI, ASYNC_OPENAI), lambda client: client.copy(), "first"),
    "with_options timeout": ((OPENAI, ASYNC_OPENAI), lambda client: client.with_options(timeout=5), "first"),
    "with_options key": ((OPENAI, ASYNC_OPENAI), lambda client: client.with_options(api_key="sk-second"), "second"),
    "copy of a copy": (
        (OPENAI, ASYNC_OPENAI),
        lambda client: client.with_options(api_key="sk-second").with_options(max_retries=0).copy(),
        "second",
    ),
    "assigned key": ((OPENAI, ASYNC_OPENAI), lambda client: _assigned(client, "sk-second"), "second"),
}  # fmt: skip


def _assigned(client: Any, key: str) -> Any:
    client.api_key = key
    return client


@pytest.mark.parametrize(
    ("face", "way"), [(face, way) for way, (faces, _, _) in COPIES.items() for face in faces], ids=str
)
def test_all_hostile_variables_at_once_change_nothing(
    face: Face, way: str, gateway: LocalGateway, canary_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in HOSTILE.items():
        monkeypatch.setenv(variable, value)
    _, change, which = COPIES[way]
    key = canary_key if which == "first" else "sk-second"
    gateway.app.api_key = key
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client = change(face.make(canary_key, base_url=gateway.url))
    face.ask(client)
    _assert_clean(gateway, face, key)


@pytest.mark.parametrize("face", FACES, ids=str)
def test_our_variables_name_the_key_and_the_gateway(
    face: Face, gateway: LocalGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AISA_API_KEY", gateway.api_key)
    monkeypatch.setenv("AISA_BASE_URL", f"{gateway.url}/v1")
    assert "hello" in face.ask(face.make())


@pytest.mark.parametrize("face", FACES, ids=str)
def test_arguments_beat_our_variables(face: Face, gateway: LocalGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AISA_API_KEY", "sk-other")
    monkeypatch.setenv("AISA_BASE_URL", "https://other.invalid")
    assert "hello" in face.ask(face.make(gateway.api_key, base_url=gateway.url))


@pytest.mark.parametrize("face", FACES, ids=str)
@pytest.mark.parametrize("value", [None, "", "  \n"])
@pytest.mark.parametrize("argument", [None, ""])
def test_a_missing_key_is_a_clear_error(
    face: Face, value: str | None, argument: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-ours")
    monkeypatch.setenv("GOOGLE_API_KEY", "not-ours")
    if value is not None:
        monkeypatch.setenv("AISA_API_KEY", value)
    with pytest.raises(MissingKeyError) as caught:
        face.make(argument)
    text = str(caught.value)
    assert "AISA_API_KEY" in text
    assert "https://aisa.one" in text
    assert "LocalGateway" in text


@pytest.mark.parametrize("face", FACES, ids=str)
@pytest.mark.parametrize("argument", [None, ""])
def test_an_empty_base_url_means_the_live_gateway(
    face: Face, argument: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AISA_BASE_URL", "")
    client = face.make("sk-any", base_url=argument)
    assert origin_of(client) == "https://api.aisa.one"


def origin_of(client: Any) -> str:
    """Whom a client talks to, as its user can see it."""
    if hasattr(client, "base_url"):
        return str(client.base_url).removesuffix("/v1/")
    if hasattr(client, "models") and not callable(client.models):
        return str(client._api_client._http_options.base_url)
    return repr(client).partition("(")[2].removesuffix(")")


@pytest.mark.parametrize("face", [OPENAI, ASYNC_OPENAI], ids=str)
@pytest.mark.parametrize("key", ["", "   "])
def test_an_empty_key_for_a_copy_never_means_another_key(
    face: Face, key: str, gateway: LocalGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AISA_API_KEY", "sk-of-the-server")
    client = face.make(gateway.api_key, base_url=gateway.url)
    with pytest.raises(MissingKeyError):
        client.with_options(api_key=key)
    with pytest.raises(MissingKeyError):
        client.api_key = key


@pytest.mark.parametrize("face", [GENAI, GENAI_AIO], ids=str)
@pytest.mark.parametrize("argument", ["vertexai", "enterprise", "credentials", "project", "location"])
def test_what_belongs_to_vertex_is_refused(face: Face, argument: str) -> None:
    with pytest.raises(ConfigurationError, match=argument):
        face.make("sk-any", **{argument: "anything"})
