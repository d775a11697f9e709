"""A user's own httpx2 client below ours: its transport, mounts, headers, cookies, hooks, timeout. No other fits."""

import asyncio
import re
from typing import Any

import httpx
import httpx2
import pytest

from aisa_integrations import ConfigurationError
from aisa_integrations.local import LocalGateway
from tests.clients.faces import ASYNC_OPENAI, GENAI, GENAI_AIO, OPENAI, Face, comes_out

OPENAIS = [OPENAI, ASYNC_OPENAI]
pytestmark = pytest.mark.parametrize("face", OPENAIS, ids=str)


class Noting(httpx2.HTTPTransport):
    """A user's transport, which notes what went through it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[httpx2.Request] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append(request)
        return super().handle_request(request)


class AsyncNoting(httpx2.AsyncHTTPTransport):
    """The same for async."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[httpx2.Request] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append(request)
        return await super().handle_async_request(request)


def noting(face: Face) -> Any:
    return AsyncNoting() if face.is_async else Noting()


def users(face: Face, **options: Any) -> Any:
    return httpx2.AsyncClient(**options) if face.is_async else httpx2.Client(**options)


def ask_and_close(face: Face, client: Any) -> str:
    """Ask, read and close within one loop: a user's own async pool belongs to the loop it was opened in."""

    async def both() -> str:
        try:
            text = face.text(await face.call(client))
            assert text == await face.read_within(client)
            return text
        finally:
            await client.close()

    if face.is_async:
        return asyncio.run(both())
    try:
        text = face.ask(client)
        assert text == face.read(client)
        return text
    finally:
        client.close()


def test_its_transport_is_used(face: Face, gateway: LocalGateway) -> None:
    transport = noting(face)
    http_client = users(face, transport=transport)
    client = face.make(gateway.api_key, base_url=gateway.url, http_client=http_client)
    assert "hello" in ask_and_close(face, client)
    assert [request.headers["authorization"] for request in transport.seen] == [f"Bearer {gateway.api_key}"] * 2
    assert http_client.is_closed


def test_the_mount_for_the_origin_is_used(face: Face, gateway: LocalGateway) -> None:
    ours, other, rest = noting(face), noting(face), noting(face)
    mounts = {gateway.url: ours, "https://": other}
    client = face.make(gateway.api_key, base_url=gateway.url, http_client=users(face, transport=rest, mounts=mounts))
    ask_and_close(face, client)
    assert (len(ours.seen), len(other.seen), len(rest.seen)) == (2, 0, 0)


def test_failures_below_it_are_retried_by_the_policy(face: Face, gateway: LocalGateway) -> None:
    gateway.script.fail(face.model, "server_error")
    http_client = users(face, transport=noting(face))
    client = face.make(gateway.api_key, base_url=gateway.url, http_client=http_client, fallbacks=["second"])
    ask_and_close(face, client)
    assert [request.model for request in gateway.requests] == [face.model, "second"] * 2


def test_its_headers_params_cookies_and_hooks_are_kept(face: Face, gateway: LocalGateway) -> None:
    heard: list[str] = []

    def hook(message: Any) -> None:
        heard.append(type(message).__name__)
        assert gateway.api_key not in repr(dict(getattr(message, "request", message).headers.raw))

    async def async_hook(message: Any) -> None:
        hook(message)

    chosen = async_hook if face.is_async else hook
    http_client = users(
        face,
        headers={"x-mine": "1", "authorization": "Bearer foreign"},
        params={"mine": "2"},
        cookies={"biscuit": "3"},
        event_hooks={"request": [chosen], "response": [chosen]},
        follow_redirects=True,
    )
    ask_and_close(face, face.make(gateway.api_key, base_url=gateway.url, http_client=http_client))
    request = gateway.requests[0]
    assert (request.header("x-mine"), request.query, request.header("cookie")) == ("1", "mine=2", "biscuit=3")
    assert "foreign" not in repr(request)
    assert heard == ["Request", "Response"] * 2


def test_it_follows_no_redirect(face: Face, gateway: LocalGateway) -> None:
    with LocalGateway() as other:
        gateway.script.fail("*", "redirect_307", location=f"{other.url}/v1/models")
        http_client = users(face, follow_redirects=True)
        client = face.make(gateway.api_key, base_url=gateway.url, http_client=http_client, max_retries=0)
        with pytest.raises(Exception, match="not followed"):
            ask_and_close(face, client)
        assert other.requests == []


def test_its_timeout_is_kept_unless_one_is_given(face: Face) -> None:
    http_client = users(face, timeout=7)
    assert face.make("sk-any", http_client=http_client).timeout == httpx2.Timeout(7)
    assert face.make("sk-any", http_client=http_client, timeout=3).timeout == httpx2.Timeout(3)
    assert face.make("sk-any", http_client=users(face)).timeout.read == 120


def test_a_closed_one_says_so(face: Face, gateway: LocalGateway) -> None:
    http_client = users(face)
    client = face.make(gateway.api_key, base_url=gateway.url, http_client=http_client, max_retries=0)
    face.run(http_client.aclose if face.is_async else http_client.close)
    with comes_out(RuntimeError, "closed"):
        face.ask(client)
    assert gateway.requests == []


def test_a_copy_may_bring_another_one(face: Face, gateway: LocalGateway) -> None:
    transport = noting(face)
    client = face.make(gateway.api_key, base_url=gateway.url)
    ask_and_close(face, client.with_options(http_client=users(face, transport=transport)))
    assert len(transport.seen) == 2


def _others(face: Face) -> dict[str, Any]:
    return {
        "legacy": httpx.AsyncClient() if face.is_async else httpx.Client(),
        "the other way": httpx2.Client() if face.is_async else httpx2.AsyncClient(),
        "a transport": noting(face),
        "a class": httpx2.Client,
        "text": "httpx2",
    }


@pytest.mark.parametrize("kind", ["legacy", "the other way", "a transport", "a class", "text"])
def test_any_other_kind_is_a_type_error_that_says_the_way_out(face: Face, kind: str) -> None:
    wanted = "httpx2.AsyncClient" if face.is_async else "httpx2.Client"
    says = rf"http_client is an? {re.escape(wanted)}, not .*limits=, proxy=, verify= or event_hooks="
    for give in (lambda other: face.make("sk-any", http_client=other),
                 lambda other: face.make("sk-any").with_options(http_client=other)):  # fmt: skip
        with pytest.raises(TypeError, match=says):
            give(_others(face)[kind])


BESIDE: dict[str, Any] = {
    "proxy": "http://127.0.0.1:1",
    "verify": False,
    "limits": httpx2.Limits(),
    "event_hooks": {"request": [print]},
}


@pytest.mark.parametrize("beside", BESIDE)
def test_what_belongs_to_it_is_refused_beside_it(face: Face, beside: str) -> None:
    with pytest.raises(ConfigurationError, match="takes the place of"):
        face.make("sk-any", http_client=users(face), **{beside: BESIDE[beside]})


def test_there_is_none_for_gemini(face: Face) -> None:
    gemini = GENAI_AIO if face.is_async else GENAI
    with pytest.raises((TypeError, ConfigurationError)):
        gemini.make("sk-any", http_client=users(face))
