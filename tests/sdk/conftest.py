"""For each test a pair of clients, ours and the vendor's own, once in sync and once in async."""

import asyncio
import ssl
from collections.abc import Generator, Iterator
from typing import Any

import httpx2
import openai
import pytest
from google import genai
from google.genai import types

from aisa_integrations import async_openai_client, genai_client, openai_client
from aisa_integrations.local import LocalGateway
from tests.sdk.blocking import Blocking
from tests.sdk.pair import Pair, twins


@pytest.fixture(scope="session")
def tls() -> ssl.SSLContext:
    """One for all clients: it is never used on loopback, and each would take 20 ms to build its own."""
    return ssl.create_default_context()


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(params=["sync", "async"])
def way(request: pytest.FixtureRequest) -> str:
    """In which way both clients of a test are used."""
    return str(request.param)


@pytest.fixture
def chats(way: str, runner: asyncio.Runner, tls: ssl.SSLContext) -> Iterator[Pair]:
    """Two openai clients, sync or async, that are used alike."""
    with twins() as (ours, stock):
        if way == "sync":
            with _ours(ours, tls) as one, _stock(stock, tls) as other:
                yield Pair(one, other, ours, stock)
        else:
            one_async = Blocking(_ours_async(ours, tls), runner)
            other_async = Blocking(_stock_async(stock, tls), runner)
            yield Pair(one_async, other_async, ours, stock)
            one_async.close()
            other_async.close()


def _ours(gateway: LocalGateway, tls: ssl.SSLContext) -> openai.OpenAI:
    return openai_client(gateway.api_key, base_url=gateway.url, max_retries=0, verify=tls)


def _ours_async(gateway: LocalGateway, tls: ssl.SSLContext) -> openai.AsyncOpenAI:
    return async_openai_client(gateway.api_key, base_url=gateway.url, max_retries=0, verify=tls)


def _stock(gateway: LocalGateway, tls: ssl.SSLContext) -> openai.OpenAI:
    http = openai.DefaultHttpxClient(verify=tls)
    return openai.OpenAI(api_key=gateway.api_key, base_url=f"{gateway.url}/v1", max_retries=0, http_client=http)


def _stock_async(gateway: LocalGateway, tls: ssl.SSLContext) -> openai.AsyncOpenAI:
    http = openai.DefaultAsyncHttpxClient(verify=tls)
    return openai.AsyncOpenAI(api_key=gateway.api_key, base_url=f"{gateway.url}/v1", max_retries=0, http_client=http)


@pytest.fixture
def geminis(way: str, runner: asyncio.Runner, tls: ssl.SSLContext) -> Iterator[Pair]:
    """Two google-genai clients, or their async sides, that are used alike."""
    with twins() as (ours, stock), httpx2.Client(auth=_Bearer(stock.api_key), verify=tls) as http:
        async_http = httpx2.AsyncClient(auth=_Bearer(stock.api_key), verify=tls)
        one = genai_client(ours.api_key, base_url=ours.url, max_retries=0, verify=tls)
        other = _stock_genai(stock, http, async_http)
        if way == "sync":
            yield Pair(one, other, ours, stock)
            one.close()
        else:
            aio: Any = Blocking(one.aio, runner)
            yield Pair(aio, Blocking(other.aio, runner), ours, stock)
            aio.aclose()
        runner.run(async_http.aclose())


def _stock_genai(gateway: LocalGateway, http: httpx2.Client, async_http: httpx2.AsyncClient) -> genai.Client:
    options = types.HttpOptions(
        base_url=gateway.url, api_version="v1", httpx_client=http, httpx_async_client=async_http
    )
    return genai.Client(api_key="placeholder", vertexai=False, http_options=options)


class _Bearer(httpx2.Auth):
    """What a user of the stock client would have to write: the gateway takes a Bearer, google-genai sends none."""

    def __init__(self, key: str) -> None:
        self._key = key

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response]:
        request.headers.pop("x-goog-api-key", None)
        request.headers["authorization"] = f"Bearer {self._key}"
        yield request
