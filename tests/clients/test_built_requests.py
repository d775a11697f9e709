"""The short way to a request comes out where httpx2's own does; held against it, for a face shows the sum alone."""

import itertools
from typing import Any

import httpx2
import pytest

from aisa_integrations.clients.http import AsyncHttp, SyncHttp

HEADERS: dict[str, Any] = {
    "plain": [("Content-Type", "application/json"), ("X-Stainless-Lang", "python")],
    "twice": [("A", "1"), ("a", "2")],
    "the client's": [("user-agent", "x"), ("Accept-Encoding", "zz")],
    "the body's": [("Content-Length", "2"), ("Host", "other.example")],
    "a dict": {"Content-Type": "application/json"},
    "none": None,
}
BODIES = {"a body": b'{"a": 1}', "an empty one": b"", "none": None}
URLS = [
    "https://api.aisa.one/v1/chat/completions",
    "http://127.0.0.1:81/v1/models?limit=2",
    "http://[::1]:8/",
    "/relative",
]


def shape(request: httpx2.Request) -> tuple[Any, ...]:
    stream = type(request.stream).__name__
    return request.method, request.url, request.headers.raw, request.content, stream, request.extensions


@pytest.mark.parametrize(("ours", "stock"), [(SyncHttp, httpx2.Client), (AsyncHttp, httpx2.AsyncClient)])
@pytest.mark.parametrize(
    "made_with", [{}, {"params": {"a": "1"}}, {"cookies": {"a": "1"}}, {"headers": {"B": "2"}}], ids=str
)
@pytest.mark.parametrize("more", [{}, {"params": {"b": "2"}}, {"cookies": {"b": "2"}}, {"timeout": None}], ids=str)
def test_requests_are_built_alike(ours: Any, stock: Any, made_with: dict[str, Any], more: dict[str, Any]) -> None:
    nowhere = httpx2.MockTransport(lambda request: httpx2.Response(200))  # no TLS context need be made
    one, other = (cls(base_url="https://api.aisa.one/v1", transport=nowhere, **made_with) for cls in (ours, stock))
    for headers, content, url in itertools.product(HEADERS.values(), BODIES.values(), URLS):
        how = {"headers": headers, "content": content, "timeout": httpx2.Timeout(5), **more}
        assert shape(one.build_request("post", url, **how)) == shape(other.build_request("post", url, **how))
