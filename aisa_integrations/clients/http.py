"""The httpx2 clients below the SDKs, on our transport; it makes an error of a redirect, so none is followed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import httpx2

from ..transport import AisaTransport, AsyncAisaTransport
from .face import Face

Hooks = Mapping[str, list[Callable[..., Any]]]


class SyncHttp(httpx2.Client):
    """Send through our transport."""


class AsyncHttp(httpx2.AsyncClient):
    """Send through our async transport."""


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
