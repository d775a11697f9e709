"""A client for the local gateway of each test: plain HTTP, so that every byte on the wire is seen."""

import ssl
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from aisa_integrations.local import LocalGateway

Ask = Callable[..., httpx2.Response]


def chat_body(model: str = "gpt-4o", **options: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "Say hello to Zoë, 你好"}], **options}


def gemini_body(**options: Any) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"text": "Say hello to Zoë, 你好"}]}], **options}


def gemini_path(model: str = "gemini-2.5-flash", *, stream: bool = False, version: str = "v1") -> str:
    return f"/{version}/models/{model}:" + ("streamGenerateContent?alt=sse" if stream else "generateContent")


@pytest.fixture(scope="session")
def tls() -> ssl.SSLContext:
    """One for all clients: it is never used on loopback, and each would take 20 ms to build its own."""
    return ssl.create_default_context()


@pytest.fixture
def http(gateway: LocalGateway, tls: ssl.SSLContext) -> Iterator[httpx2.Client]:
    headers = {"authorization": f"Bearer {gateway.api_key}"}
    with httpx2.Client(base_url=gateway.url, headers=headers, timeout=5, verify=tls) as client:
        yield client


@pytest.fixture
def chat(http: httpx2.Client) -> Ask:
    def ask(model: str = "gpt-4o", *, headers: dict[str, str] | None = None, **options: Any) -> httpx2.Response:
        return http.post("/v1/chat/completions", json=chat_body(model, **options), headers=headers)

    return ask
