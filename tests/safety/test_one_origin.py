"""The key goes to one origin: whatever is asked of a client, another host is refused before a socket is opened."""

import socket
from collections.abc import Callable
from typing import Any

import httpx2
import openai
import pytest
from google.genai import types

from aisa_integrations import ConfigurationError
from aisa_integrations.local import LocalGateway
from tests.clients.faces import (
    ASYNC_OPENAI,
    BODY,
    FACES,
    GENAI,
    GENAI_AIO,
    MESSAGES,
    OPENAI,
    Face,
)

OPENAIS = [OPENAI, ASYNC_OPENAI]
GENAIS = [GENAI, GENAI_AIO]
EVIL = "https://evil.example"


@pytest.fixture(params=FACES, ids=str)
def face(request: pytest.FixtureRequest) -> Face:
    return request.param


def client_of(face: Face, gateway: LocalGateway, **options: Any) -> Any:
    return face.make(gateway.api_key, base_url=gateway.url, max_retries=0, **options)


def assert_nothing_sent(*gateways: LocalGateway) -> None:
    assert [request for gateway in gateways for request in gateway.requests] == []


# ---- another base URL -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("face", OPENAIS, ids=str)
@pytest.mark.parametrize("base_url", [EVIL, f"{EVIL}/v1", "http://127.0.0.1:1/v1", "http://evil.example", "evil"])
def test_a_copy_for_another_origin_is_refused(face: Face, base_url: str, gateway: LocalGateway) -> None:
    client = client_of(face, gateway)
    for copy in (client.with_options, client.copy):
        with pytest.raises(ConfigurationError):
            copy(base_url=base_url)
        with pytest.raises(ConfigurationError):
            copy(base_url=httpx2.URL(base_url))


@pytest.mark.parametrize("face", OPENAIS, ids=str)
def test_a_copy_for_the_same_origin_is_fine(face: Face, gateway: LocalGateway) -> None:
    client = client_of(face, gateway)
    for suffix in ("", "/v1", "/v1/"):
        assert "hello" in face.ask(client.with_options(base_url=gateway.url + suffix))


@pytest.mark.parametrize("face", OPENAIS, ids=str)
def test_an_assigned_base_url_gets_no_key(face: Face, gateway: LocalGateway) -> None:
    client = client_of(face, gateway)
    client.base_url = f"{EVIL}/v1/"
    with pytest.raises(ConfigurationError, match=r"evil\.example"):
        face.ask(client)


ABSOLUTE: dict[str, Callable[[Any], Any]] = {
    "get": lambda client: client.get(f"{EVIL}/v1/models", cast_to=object),
    "post": lambda client: client.post(f"{EVIL}/v1/chat/completions", cast_to=object, body=BODY),
    "stream": lambda client: client.post(
        f"{EVIL}/v1/chat/completions", cast_to=object, body={**BODY, "stream": True}, stream=True,
        stream_cls=openai.Stream[object],
    ),
    "other port": lambda client: client.get(str(client.base_url).replace("/v1/", "1/v1/models"), cast_to=object),
    "other scheme": lambda client: client.get(str(client.base_url).replace("http:", "https:"), cast_to=object),
    "user in front": lambda client: client.get("https://user:word@evil.example/v1/models", cast_to=object),
    "look-alike": lambda client: client.get("http://127.0.0.1.evil.example/v1/models", cast_to=object),
}  # fmt: skip


@pytest.mark.parametrize("face", OPENAIS, ids=str)
@pytest.mark.parametrize("way", ABSOLUTE)
def test_an_absolute_url_elsewhere_is_refused(face: Face, way: str, gateway: LocalGateway) -> None:
    client = client_of(face, gateway)
    with pytest.raises((ConfigurationError, openai.APIConnectionError, httpx2.InvalidURL)) as caught:
        face.run(ABSOLUTE[way], client)
    if not isinstance(caught.value, httpx2.InvalidURL):
        assert isinstance(caught.value, ConfigurationError)
        assert gateway.url in str(caught.value)
    assert_nothing_sent(gateway)


def test_an_absolute_url_of_the_gateway_is_fine(gateway: LocalGateway) -> None:
    client = client_of(OPENAI, gateway)
    assert client.get(f"{gateway.url}/v1/models", cast_to=httpx2.Response).status_code == 200


def _generate(face: Face, client: Any, options: Any) -> Any:
    models = client.models if face is GENAI else client.aio.models
    return models.generate_content(
        model="gemini-2.5-flash", contents="hi", config=types.GenerateContentConfig(http_options=options)
    )


@pytest.mark.parametrize("face", GENAIS, ids=str)
@pytest.mark.parametrize("base_url", [EVIL, f"{EVIL}/v1", "http://127.0.0.1:1"])
def test_a_base_url_for_one_request_is_refused(face: Face, base_url: str, gateway: LocalGateway) -> None:
    client = client_of(face, gateway)
    with pytest.raises(ConfigurationError, match="talks to"):
        face.run(_generate, face, client, types.HttpOptions(base_url=base_url))
    assert_nothing_sent(gateway)


@pytest.mark.parametrize("face", GENAIS, ids=str)
@pytest.mark.parametrize("option", ["base_url", "api_version", "httpx_client", "httpx_async_client", "client_args",
                                    "async_client_args", "aiohttp_client", "retry_options", "timeout"])  # fmt: skip
def test_options_that_go_around_us_are_refused(face: Face, option: str) -> None:
    values = {"base_url": EVIL, "api_version": "v9", "httpx_client": httpx2.Client(), "timeout": 5,
              "httpx_async_client": httpx2.AsyncClient()}  # fmt: skip
    with pytest.raises(ConfigurationError, match=option):
        face.make("sk-any", http_options={option: values.get(option, {"attempts": 1})})


# ---- redirects ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["plain", "stream"])
@pytest.mark.parametrize("where", ["elsewhere", "home"])
def test_a_redirect_is_followed_by_nobody(face: Face, way: str, where: str, gateway: LocalGateway) -> None:
    with LocalGateway() as other:
        location = f"{(other if where == 'elsewhere' else gateway).url}/v1/models"
        gateway.script.fail("*", "redirect_307", location=location)
        client = client_of(face, gateway)
        with pytest.raises(Exception, match="is not followed"):
            face.ask(client) if way == "plain" else face.read(client)
        assert len(gateway.requests) == 1
        assert_nothing_sent(other)


@pytest.mark.parametrize("face", OPENAIS, ids=str)
def test_a_redirect_is_not_followed_on_request_either(face: Face, gateway: LocalGateway) -> None:
    with LocalGateway() as other:
        gateway.script.fail("/v1/models", "redirect_307", location=f"{other.url}/v1/models")
        client = client_of(face, gateway)
        options: Any = {"follow_redirects": True}
        with pytest.raises(openai.APIStatusError):
            face.run(lambda: client.get("/models", cast_to=httpx2.Response, options=options))
        assert_nothing_sent(other)


# ---- websockets -----------------------------------------------------------------------------------------------------

WEBSOCKETS: dict[str, Callable[[Any], Any]] = {
    "realtime": lambda client: client.realtime.connect(model="gpt-4o"),
    "beta.realtime": lambda client: client.beta.realtime.connect(model="gpt-4o"),
    "beta.responses": lambda client: client.beta.responses.connect(),
    "responses": lambda client: client.responses.connect(),
    "live": lambda client: client.live.connect(),
    "realtime.translations": lambda client: client.realtime.translations.connect(model="gpt-4o"),
    "live.sideband": lambda client: client.live.sideband.connect(session_id="one"),
    "live.forks": lambda client: client.live.forks.connect(session_id="one"),
}  # fmt: skip


@pytest.fixture
def no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on, no socket may be connected at all."""

    def connect(sock: socket.socket, address: object) -> None:
        pytest.fail(f"a socket was connected to {address}")

    monkeypatch.setattr(socket.socket, "connect", connect)


def _opened(way: str, client: Any) -> Any:
    manager = WEBSOCKETS[way](client)
    return manager.__aenter__() if hasattr(manager, "__aenter__") else manager.__enter__()


@pytest.mark.parametrize("face", OPENAIS, ids=str)
@pytest.mark.parametrize("way", WEBSOCKETS)
@pytest.mark.parametrize("base", ["as made", "assigned"])
@pytest.mark.usefixtures("no_socket")
def test_a_websocket_is_refused(face: Face, way: str, base: str, gateway: LocalGateway) -> None:
    client = client_of(face, gateway)
    if base == "assigned":
        client.websocket_base_url = f"wss://{gateway.url.partition('://')[2]}/v1"
    try:
        WEBSOCKETS[way](client)
    except (AttributeError, TypeError) as error:
        pytest.skip(f"this openai has it not, or not this way: {error}")
    except ConfigurationError:
        return
    with pytest.raises(ConfigurationError, match="Websocket features"):
        face.run(_opened, way, client)
    assert_nothing_sent(gateway)


@pytest.mark.usefixtures("no_socket")
def test_live_sessions_of_gemini_are_refused(gateway: LocalGateway) -> None:
    client = client_of(GENAI, gateway)
    with pytest.raises(ConfigurationError, match="websocket"):
        client.aio.live.connect(model="gemini-2.5-flash")
    assert_nothing_sent(gateway)


@pytest.mark.parametrize("argument", ["provider", "data_residency", "websocket_base_url", "workload_identity",
                                      "admin_api_key"])  # fmt: skip
@pytest.mark.parametrize("face", OPENAIS, ids=str)
def test_arguments_that_go_around_us_are_refused(face: Face, argument: str, gateway: LocalGateway) -> None:
    with pytest.raises(ConfigurationError, match=argument):
        face.make("sk-any", **{argument: "anything"})
    with pytest.raises(ConfigurationError, match=argument):
        client_of(face, gateway).with_options(**{argument: "anything"})


# ---- other ways to name a key ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("face", OPENAIS, ids=str)
def test_headers_and_queries_of_the_caller_bring_no_other_key(face: Face, gateway: LocalGateway) -> None:
    headers = {"Authorization": "Bearer foreign", "X-Goog-Api-Key": "foreign", "x-api-key": "foreign",
               "api-key": "foreign", "X-Mine": "kept"}  # fmt: skip
    client = client_of(face, gateway, default_headers=headers, default_query={"key": "foreign", "mine": "kept"})
    face.run(
        lambda: client.chat.completions.create(
            model="gpt-4o", messages=MESSAGES, extra_headers=headers, extra_query={"api_key": "foreign", "b": "1 2"}
        )
    )
    [request] = gateway.requests
    assert "foreign" not in repr(request)
    assert request.header("authorization") == f"Bearer {gateway.api_key}"
    assert request.header("x-mine") == "kept"
    assert sorted(request.query.replace("+", "%20").split("&")) == ["b=1%202", "mine=kept"]


@pytest.mark.parametrize("face", GENAIS, ids=str)
def test_headers_of_gemini_options_bring_no_other_key(face: Face, gateway: LocalGateway) -> None:
    headers = {"Authorization": "Bearer foreign", "x-goog-api-key": "foreign", "x-mine": "kept"}
    client = client_of(face, gateway, http_options={"headers": headers})
    face.run(_generate, face, client, types.HttpOptions(headers=headers))
    [request] = gateway.requests
    assert "foreign" not in repr(request)
    assert request.header("x-mine") == "kept"
