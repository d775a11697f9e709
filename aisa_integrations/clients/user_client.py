"""A user's own httpx2 client below our transport: the one place that looks into it."""

from __future__ import annotations

from typing import Any

import httpx2

from ..transport import AisaTransport, AsyncAisaTransport
from .face import Face
from .http import AsyncHttp, SyncHttp


class WrappingSync(SyncHttp):
    """The HTTP client below a client that was made with `http_client=`."""


class WrappingAsync(AsyncHttp):
    """The async HTTP client below a client that was made with `http_client=`."""


class _SyncNetwork:
    """Send through the transport and mounts of a user's client; they live and die with it."""

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client

    def current(self, url: httpx2.URL) -> httpx2.BaseTransport:
        if self._client.is_closed:
            raise RuntimeError("Cannot send a request, as the http_client has been closed.")
        # Private, and pinned by a test: the mounts of a client are reached in no public way.
        return self._client._transport_for_url(url)

    def close(self) -> None:
        self._client.close()


class _AsyncNetwork:
    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def current(self, url: httpx2.URL) -> httpx2.AsyncBaseTransport:
        if self._client.is_closed:
            raise RuntimeError("Cannot send a request, as the http_client has been closed.")
        return self._client._transport_for_url(url)

    async def aclose(self) -> None:
        await self._client.aclose()


def wrap_sync(client: object, face: Face) -> WrappingSync:
    """Return a client of ours that sends through a user's, with that client's headers, cookies, params and hooks."""
    if not isinstance(client, httpx2.Client):
        raise TypeError(_way_out(client, "httpx2.Client"))
    transport = AisaTransport(face.settings, face.policy, _SyncNetwork(client))
    return WrappingSync(transport=transport, **_taken_over(client))


def wrap_async(client: object, face: Face) -> WrappingAsync:
    """Return an async client of ours that sends through a user's."""
    if not isinstance(client, httpx2.AsyncClient):
        raise TypeError(_way_out(client, "httpx2.AsyncClient"))
    transport = AsyncAisaTransport(face.settings, face.policy, _AsyncNetwork(client))
    return WrappingAsync(transport=transport, **_taken_over(client))


def _taken_over(client: httpx2.Client | httpx2.AsyncClient) -> dict[str, Any]:
    return {
        "auth": client.auth,
        "headers": client.headers,
        "params": client.params,
        "cookies": client.cookies,
        "event_hooks": client.event_hooks,
        "timeout": client.timeout,
    }


def _way_out(client: object, wanted: str) -> str:
    kind = f"{type(client).__module__.partition('.')[0]}.{type(client).__name__}"
    return (
        f"http_client is an {wanted}, not {kind}: pass one of those, or leave it out and give "
        "limits=, proxy=, verify= or event_hooks= to the factory."
    )
