"""Proxies: the environment's as with the stock clients, a given one before it, and none that would read the key."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest

from aisa_integrations import ConfigurationError
from aisa_integrations.local import LocalGateway
from tests.clients.faces import ASYNC_OPENAI, FACES, OPENAI, SDK_FACES, Face
from tests.clients.proxy import ForwardProxy


@pytest.fixture
def proxy() -> Iterator[ForwardProxy]:
    with ForwardProxy() as running:
        yield running


@pytest.fixture(params=FACES, ids=str)
def face(request: pytest.FixtureRequest) -> Face:
    return request.param


def _ask(face: Face, gateway: LocalGateway, **options: Any) -> str:
    client = face.make(gateway.api_key, base_url=gateway.url, max_retries=0, **options)
    answer = face.ask(client)
    face.run(face.close, client)
    return answer


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_the_environments_proxy_is_used(
    face: Face, variable: str, gateway: LocalGateway, proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, proxy.url)
    assert "hello" in _ask(face, gateway)
    assert proxy.seen == [f"POST {gateway.url}{gateway.requests[0].path} HTTP/1.1"]
    assert gateway.requests[0].header("authorization") == f"Bearer {gateway.api_key}"


@pytest.mark.parametrize("bypass", ["127.0.0.1", "localhost,127.0.0.1", "*"])
def test_no_proxy_bypasses_it(
    face: Face, bypass: str, gateway: LocalGateway, proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", bypass)
    assert "hello" in _ask(face, gateway)
    assert proxy.seen == []


def test_a_proxy_for_another_scheme_is_not_used(
    face: Face, gateway: LocalGateway, proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    assert "hello" in _ask(face, gateway)
    assert proxy.seen == []


@pytest.mark.parametrize("face", SDK_FACES, ids=str)
@pytest.mark.parametrize("form", [str, httpx2.URL, httpx2.Proxy])
def test_a_proxy_that_is_given_wins(
    face: Face, form: Any, gateway: LocalGateway, proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ForwardProxy() as ambient:
        monkeypatch.setenv("HTTP_PROXY", ambient.url)
        monkeypatch.setenv("NO_PROXY", "*")
        assert "hello" in _ask(face, gateway, proxy=form(proxy.url))
        assert len(proxy.seen) == 1
        assert ambient.seen == []


@pytest.mark.parametrize("face", SDK_FACES, ids=str)
def test_https_goes_through_a_tunnel_and_the_key_stays_inside(face: Face, proxy: ForwardProxy, canary_key: str) -> None:
    # Nothing listens there: what matters is what the proxy was told before TLS began.
    client = face.make(canary_key, base_url="https://127.0.0.1:9", proxy=proxy.url, max_retries=0, timeout=2)
    with pytest.raises((openai.APIConnectionError, httpx2.RequestError)):
        face.ask(client)
    assert proxy.seen == ["CONNECT 127.0.0.1:9 HTTP/1.1"]
    assert canary_key not in repr(proxy.heads)


def test_a_proxy_elsewhere_is_not_asked_for_this_machine(
    face: Face, gateway: LocalGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:8080")
    assert "hello" in _ask(face, gateway)


@pytest.mark.parametrize("face", SDK_FACES, ids=str)
@pytest.mark.parametrize(("proxy", "says"), [
    ("http://proxy.example:8080", "would read the key"),
    ("https://user:word@proxy.example", "would read the key"),
    ("socks5://127.0.0.1:1080", "socksio"),
    ("gopher://127.0.0.1", "proxy is a URL"),
    ("user:word@127.0.0.1", "proxy is a URL"),
    (5, "proxy is a URL"),
])  # fmt: skip
def test_a_proxy_that_cannot_work_is_refused(face: Face, proxy: Any, says: str, gateway: LocalGateway) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        face.make("sk-any", base_url=gateway.url, proxy=proxy)
    assert "word" not in str(caught.value)


@pytest.mark.parametrize("face", [OPENAI, ASYNC_OPENAI], ids=str)
def test_a_proxys_password_is_not_shown(face: Face) -> None:
    client = face.make("sk-any", proxy="http://user:word@proxy.example")
    assert "word" not in repr(vars(client))


def test_one_client_asks_its_proxy_from_every_loop(gateway: LocalGateway, proxy: ForwardProxy) -> None:
    client = ASYNC_OPENAI.make(gateway.api_key, base_url=gateway.url, proxy=proxy.url)
    for _ in range(3):
        ASYNC_OPENAI.ask(client)
    assert len(proxy.seen) == 3
    asyncio.run(client.close())
