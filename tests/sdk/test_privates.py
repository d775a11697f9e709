"""What we touch of the SDKs beside their documented side, and what of their public side must not grow unseen.

A test that fails here on a new version of an SDK says what to look at again before the range in pyproject.toml may
include that version. Sets are upper bounds, so that both ends of the ranges pass.
"""

import inspect
import pathlib
import socket
from typing import Any

import httpx2
import openai
import pytest
from google import genai
from google.genai import client as genai_module
from google.genai import types

from aisa_integrations import async_openai_client, genai_client, openai_client
from aisa_integrations.clients.openai_sdk import AisaOpenAI, AsyncAisaOpenAI
from aisa_integrations.local import LocalGateway

KEY = "sk-aisa-0"
BOTH = pytest.mark.parametrize(
    ("stock", "ours"), [(openai.OpenAI, AisaOpenAI), (openai.AsyncOpenAI, AsyncAisaOpenAI)], ids=["sync", "async"]
)


def parameters(function: Any) -> set[str]:
    return set(inspect.signature(function).parameters) - {"self"}


# ---- openai ---------------------------------------------------------------------------------------------------------

KNOWN_ARGUMENTS = {
    "_enforce_credentials",
    "_strict_response_validation",
    "admin_api_key",
    "api_key",
    "base_url",
    "data_residency",
    "default_headers",
    "default_query",
    "http_client",
    "max_retries",
    "organization",
    "project",
    "provider",
    "timeout",
    "webhook_secret",
    "websocket_base_url",
    "workload_identity",
}
KNOWN_COPY_ARGUMENTS = (
    KNOWN_ARGUMENTS | {"_extra_kwargs", "set_default_headers", "set_default_query"}
) - {"_strict_response_validation"}  # fmt: skip


@BOTH
def test_the_constructor_has_no_argument_that_we_do_not_know(stock: Any, ours: Any) -> None:
    new = parameters(stock) - KNOWN_ARGUMENTS
    assert not new, (
        f"{stock.__name__} takes {new}: can one of them send the key elsewhere or go around the transport? "
        "Then it belongs into _AROUND_US of clients/openai_sdk.py; either way into KNOWN_ARGUMENTS here."
    )


@BOTH
def test_copy_has_the_arguments_that_our_copy_passes_and_no_new_ones(stock: Any, ours: Any) -> None:
    assert {"websocket_base_url", "_extra_kwargs"} <= parameters(stock.copy), "_AisaFace.copy passes them"
    new = parameters(stock.copy) - KNOWN_COPY_ARGUMENTS
    assert not new, f"{stock.__name__}.copy takes {new}: decide in _AisaFace.copy whether they may pass"
    assert stock.with_options is stock.copy, "with_options is no alias of copy any more: override it for itself"
    assert ours.with_options is ours.copy


@BOTH
def test_what_the_environment_puts_into_a_client_is_what_we_take_out(
    stock: Any, ours: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {"_custom_headers", "_ambient_authorizations", "admin_api_key", "organization", "project", "webhook_secret"}
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer environs\nX-Extra: environs")
    for name in ("ADMIN_KEY", "ORG_ID", "PROJECT_ID", "WEBHOOK_SECRET"):
        monkeypatch.setenv(f"OPENAI_{name}", "environs")
    found = {name for name, value in vars(stock(api_key="x")).items() if "environs" in repr(value)}
    new = found - known
    assert not new, f"{stock.__name__} takes {new} from OPENAI_* variables: take it out in _AisaFace.__init__"
    assert "_custom_headers" in found, "OPENAI_CUSTOM_HEADERS is held elsewhere now: look at _AisaFace.__init__"
    client = openai_client(KEY) if ours is AisaOpenAI else async_openai_client(KEY)
    assert not {name for name, value in vars(client).items() if "environs" in repr(value)}


@BOTH
def test_every_request_is_prepared_by_the_hook_that_we_override(stock: Any, ours: Any) -> None:
    assert parameters(stock._prepare_request) == {"request"}, (
        "_prepare_request carries our key and policy to the transport"
    )
    assert inspect.iscoroutinefunction(stock._prepare_request) is (stock is openai.AsyncOpenAI)
    base = inspect.getsource(openai._base_client)
    assert base.count("._prepare_request(request)") == 2, "who calls _prepare_request now, and once for each attempt?"


def test_the_hook_runs_once_for_each_request_and_before_it(gateway: LocalGateway) -> None:
    client = openai_client(gateway.api_key, base_url=gateway.url, max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="sk-aisa-other").models.list()
    client.close()
    assert [request.header("authorization") for request in gateway.requests] == ["Bearer sk-aisa-other"], (
        "a copy's key did not reach the transport through request.extensions: is _prepare_request still called?"
    )


@BOTH
def test_a_client_is_rebuilt_from_attributes_that_still_exist(stock: Any, ours: Any) -> None:
    client = stock(api_key="x", default_headers={"a": "b"}, default_query={"c": "d"})
    assert (client._custom_headers, client._custom_query) == ({"a": "b"}, {"c": "d"}), "_AisaFace.__reduce__ reads both"
    assert isinstance(client._client, (httpx2.Client, httpx2.AsyncClient)), "_AisaFace.__reduce__ asks its class"


def test_whoever_opens_a_websocket_asks_for_websocket_base_url_first() -> None:
    resources = pathlib.Path(inspect.getfile(openai)).parent / "resources"
    texts = {path: path.read_text(encoding="utf-8") for path in resources.rglob("*.py")}
    opening = {path for path, text in texts.items() if "websockets" in text}
    assert opening, "openai opens websockets elsewhere now: find out where, and refuse it there"
    silent = {str(path.relative_to(resources)) for path in opening if "websocket_base_url" not in texts[path]}
    assert not silent, f"{silent} may open a websocket without websocket_base_url, which is where _AisaFace refuses"


# ---- google-genai ---------------------------------------------------------------------------------------------------

KNOWN_FEATURES = {
    "agents", "aio", "auth_tokens", "batches", "caches", "chats", "close", "aclose", "credentials", "decisions",
    "environments", "file_search_stores", "files", "interactions", "live", "models", "operations", "triggers",
    "tunings", "vertexai", "voices", "webhooks",
}  # fmt: skip


def test_the_async_side_is_built_as_we_build_it() -> None:
    assert parameters(genai_module.AsyncClient) == {"api_client"}, "_AsyncSide.__init__ passes it alone"
    client = genai.Client(api_key="x", vertexai=False)
    assert hasattr(client, "_api_client"), "AisaGenaiClient gives it to _AsyncSide"
    assert client.aio is client._aio, "AisaGenaiClient puts its own async side there"
    client.close()


@pytest.mark.parametrize("side", [genai.Client, genai_module.AsyncClient], ids=["sync", "async"])
def test_the_client_has_no_feature_that_we_do_not_know(side: type) -> None:
    new = {name for name in dir(side) if not name.startswith("_")} - KNOWN_FEATURES
    assert not new, (
        f"{side.__name__} has {new}: does one of them read GOOGLE_GENAI_* keys or open a connection of its own? Then "
        "it belongs into _NOT_SERVED of clients/google_sdk.py; either way into KNOWN_FEATURES here."
    )


def test_the_constructor_and_the_options_take_nothing_that_we_do_not_know() -> None:
    known = {"api_key", "credentials", "debug_config", "enterprise", "http_options", "location", "project", "vertexai"}
    assert parameters(genai.Client) <= known, "a new argument: may it pass in genai_client(**vendor)?"
    known = {
        "aiohttp_client", "api_version", "async_client_args", "base_url", "base_url_resource_scope", "client_args",
        "extra_body", "headers", "httpx_async_client", "httpx_client", "retry_options", "timeout",
    }  # fmt: skip
    assert set(types.HttpOptions.model_fields) <= known, "a new field: does it belong into _OPTIONS_AROUND_US?"
    assert {"client_mode", "replays_directory", "replay_id"} == set(genai_module.DebugConfig.model_fields), "_no_replay"


def test_a_call_without_a_timeout_gets_ours(gateway: LocalGateway) -> None:
    seen: list[httpx2.Request] = []
    with genai_client(
        gateway.api_key, base_url=gateway.url, timeout=7, event_hooks={"request": [seen.append]}
    ) as client:
        client.models.generate_content(model="gemini-2.5-flash", contents="x")
        client.models.generate_content(
            model="gemini-2.5-flash",
            contents="x",
            config=types.GenerateContentConfig(http_options=types.HttpOptions(timeout=3000)),
        )
    reads = [request.extensions["timeout"]["read"] for request in seen]
    assert reads == [7, 3], "google-genai calls build_request otherwise now: look at _SyncHttp of clients/google_sdk.py"


# ---- httpx2 ---------------------------------------------------------------------------------------------------------


def test_the_mounts_of_a_user_s_client_are_found() -> None:
    plain, mounted = httpx2.MockTransport(lambda _: httpx2.Response(200)), httpx2.HTTPTransport()
    with httpx2.Client(transport=plain, mounts={"https://api.aisa.one": mounted}) as client:
        found = client._transport_for_url(httpx2.URL("https://api.aisa.one/v1"))
        other = client._transport_for_url(httpx2.URL("https://example.com/"))
    assert (found, other) == (mounted, plain), "clients/user_client.py sends through what this finds"
    assert parameters(httpx2.AsyncClient._transport_for_url) == {"url"}


def test_a_response_keeps_the_body_that_it_has_read() -> None:
    response = httpx2.Response(200, stream=httpx2.ByteStream(b"body"))
    before = set(vars(response))
    response.read()
    kept = {name: vars(response)[name] for name in {*vars(response)} - before}
    assert kept.pop("_content") == b"body", "clients/http.py puts it there, so that it is not read twice"
    assert set(kept) <= {"_decoder"}, "and whatever else read() keeps, it may have to put there too"
    assert (response._num_bytes_downloaded, response.is_stream_consumed, response.is_closed) == (4, True, True)


def test_a_response_knows_its_socket(gateway: LocalGateway) -> None:
    with httpx2.Client() as client, client.stream("GET", gateway.url) as response:
        sock = response.extensions["network_stream"].get_extra_info("socket")
        assert isinstance(sock, socket.socket), "transport/watchdog.py bounds a blocking read through it"
