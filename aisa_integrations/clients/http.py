"""The httpx2 clients below the SDKs, on our transport; it makes an error of a redirect, so none is followed.

They take short cuts that nobody above can tell from httpx2's own way, and that pay for much of what we add to it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx2

from ..transport import AisaTransport, AsyncAisaTransport
from ..transport.core import WHOLE_BODY
from .face import Face

Hooks = Mapping[str, list[Callable[..., Any]]]


class SyncHttp(httpx2.Client):
    """Send through our transport."""

    def build_request(self, method: str, url: httpx2.URL | str, **how: Any) -> httpx2.Request:
        """Build a request as httpx2 does, the usual one by the short way."""
        url = parsed(url) if isinstance(url, str) else url
        return usual_request(self, method, url, **how) or super().build_request(method, url, **how)

    def send(self, request: httpx2.Request, *, stream: bool = False, **how: Any) -> httpx2.Response:
        """Send a request as httpx2 does, without reading a body again that the transport has read."""
        response = super().send(request, stream=True, **how)
        if stream:
            return response
        try:
            if not holds_all(response):
                response.read()
        finally:
            response.close()
        return response


class AsyncHttp(httpx2.AsyncClient):
    """Send through our async transport."""

    def build_request(self, method: str, url: httpx2.URL | str, **how: Any) -> httpx2.Request:
        """Build a request as httpx2 does, the usual one by the short way."""
        url = parsed(url) if isinstance(url, str) else url
        return usual_request(self, method, url, **how) or super().build_request(method, url, **how)

    async def send(self, request: httpx2.Request, *, stream: bool = False, **how: Any) -> httpx2.Response:
        """Send a request as httpx2 does, without reading a body again that the transport has read."""
        response = await super().send(request, stream=True, **how)
        if stream:
            return response
        try:
            if not holds_all(response):
                await response.aread()
        finally:
            await response.aclose()
        return response


_OF_THE_BODY: Final = frozenset({b"host", b"content-length", b"transfer-encoding"})
# The SDKs ask the same few URLs over and over, and to parse one takes as long as to read a reply.
parsed: Final = functools.lru_cache(maxsize=64)(httpx2.URL)


def usual_request(
    client: httpx2.Client | httpx2.AsyncClient,
    method: str,
    url: httpx2.URL,
    *,
    headers: Any = None,
    content: Any = None,
    timeout: Any = None,
    **more: Any,
) -> httpx2.Request | None:
    """Return the request that httpx2 would build of what openai's SDK says of a plain call; None for any other.

    All its headers are put together before they are read; httpx2 reads the client's, the call's and those of the body
    apart, and what they make together twice more.
    """
    usual = isinstance(headers, list) and isinstance(content, bytes) and isinstance(timeout, httpx2.Timeout)
    if not usual or not content or url.is_relative_url or client.cookies or client.params or any(more.values()):
        return None
    said = {name.lower().encode() for name, _ in headers}
    if said & _OF_THE_BODY:
        return None
    own = [(name, value) for name, value in client.headers.raw if name.lower() not in said]
    every = [(b"Host", url.netloc), *own, *headers, ("Content-Length", str(len(content)))]
    extensions = {"timeout": timeout.as_dict()}
    request = httpx2.Request(method, url, headers=every, stream=httpx2.ByteStream(content), extensions=extensions)
    request.read()
    return request


def holds_all(response: httpx2.Response) -> bool:
    """Let a response have the body that the transport has read, as if it had read it itself; say whether there is one.

    `read()` would bring the same bytes through four generators and a decoder.
    """
    body = response.extensions.get(WHOLE_BODY)
    if body is None:
        return False
    # Private, and pinned by a test.
    response._content = body
    response._num_bytes_downloaded = len(body)
    response.is_stream_consumed = True
    return True


def sync_http(face: Face, cls: type[SyncHttp] = SyncHttp) -> SyncHttp:
    """Return the HTTP client below a sync client that a factory made."""
    transport = AisaTransport(face.settings, face.policy, face.network)
    return cls(transport=transport, timeout=face.timeout, event_hooks=face.event_hooks)


def async_http(face: Face, cls: type[AsyncHttp] = AsyncHttp) -> AsyncHttp:
    """Return the HTTP client below an async client that a factory made."""
    transport = AsyncAisaTransport(face.settings, face.policy, face.network)
    return cls(transport=transport, timeout=face.timeout, event_hooks=face.event_hooks)


def for_sync(hooks: Hooks | None) -> Hooks | None:
    """Return the hooks that a sync client can call."""
    if hooks is None:
        return None
    return {name: [hook for hook in some if not inspect.iscoroutinefunction(hook)] for name, some in hooks.items()}


def for_async(hooks: Hooks | None) -> Hooks | None:
    """Return hooks that an async client can await, plain functions among them."""
    return None if hooks is None else {name: [_awaitable(hook) for hook in some] for name, some in hooks.items()}


def _awaitable(hook: Callable[..., Any]) -> Callable[..., Any]:
    async def call(subject: Any) -> None:
        result = hook(subject)
        if inspect.isawaitable(result):
            await result

    return call
