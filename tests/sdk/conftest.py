"""For each test a pair of clients, ours and the vendor's own, once in sync and once in async."""

import asyncio
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


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(params=["sync", "async"])
def way(request: pytest.FixtureRequest) -> str:
    """In which way both clients of a test are used."""
    return str(request.param)


@pytest.fixture
def chats(way: str, runner: asyncio.Runner) -> Iterator[Pair]:
    """Two openai clients, sync or async, that are used alike."""
    with twins() as (ours, stock):
        if way == "sync":
            with _ours(ours) as one, _stock(stock) as other:
                yield Pair(one, other, ours, stock)
        else:
            both = [Blocking(_ours_async(ours), runner), Blocking(_stock_async(stock), runner)]
            yield Pair(*both, ours, stock)
            for client in both:
                client.close()


def _ours(gateway: LocalGateway) -> openai.OpenAI:
    return openai_client(gateway.api_key, base_url=gateway.url, max_retries=0)


def _ours_async(gateway: LocalGateway) -> openai.AsyncOpenAI:
    return async_openai_client(gateway.api_key, base_url=gateway.url, max_retries=0)


def _stock(gateway: LocalGateway) -> openai.OpenAI:
    return openai.OpenAI(api_key=gateway.api_key, base_url=f"{gateway.url}/v1", max_retries=0)


def _stock_async(gateway: LocalGateway) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(api_key=gateway.api_key, base_url=f"{gateway.url}/v1", max_retries=0)


@pytest.fixture
def geminis(way: str, runner: asyncio.Runner) -> Iterator[Pair]:
    """Two google-genai clients, or their async sides, that are used alike."""
    with twins() as (ours, stock), httpx2.Client(auth=_Bearer(stock.api_key)) as http:
        async_http = httpx2.AsyncClient(auth=_Bearer(stock.api_key))
        both: list[Any] = [
            genai_client(ours.api_key, base_url=ours.url, max_retries=0),
            _stock_genai(stock, http, async_http),
        ]
        if way == "sync":
            yield Pair(*both, ours, stock)
        else:
            both = [Blocking(client.aio, runner) for client in both]
            yield Pair(*both, ours, stock)
            both[0].aclose()
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
