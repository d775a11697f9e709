"""The pools below us: one for each process, and for async one for each event loop.

A connection belongs to the pid and the loop it was opened in: four forked children of one warm pool read each
other's bytes, and the second `asyncio.run()` on one pool ends in "Event loop is closed".
"""

from __future__ import annotations

import asyncio
import importlib.util
import threading
import urllib.request
import weakref
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import httpx2

from ..errors import ConfigurationError
from ..forks import keep_inherited, renew_after_fork
from ..settings import Origin, is_loopback
from .loops import all_closed, close_sockets
from .shards import ShardedTransport

# The pool limits that the stock openai client has (1,000 connections, 100 kept alive).
DEFAULT_LIMITS: Final = httpx2.Limits(max_connections=1000, max_keepalive_connections=100)


@dataclass(frozen=True, slots=True)
class NetworkOptions:
    """How connections are made; what httpx2's transports take.

    Args:
        limits: of the pool.
        proxy: a proxy for all requests; None takes the environment's.
        verify: TLS verification, as httpx2 takes it.
    """

    limits: httpx2.Limits = field(default_factory=lambda: DEFAULT_LIMITS)
    # Not shown: a proxy's URL may hold a password.
    proxy: Any = field(default=None, repr=False)
    verify: Any = True

    def arguments(self, origin: Origin) -> dict[str, Any]:
        """Return what a transport to this origin is built with.

        Raises:
            ConfigurationError: for a limit or a proxy that cannot work.
        """
        if not isinstance(self.limits, httpx2.Limits):
            raise ConfigurationError(f"limits is an httpx2.Limits, not {type(self.limits).__name__}.")
        given = self.proxy if self.proxy is not None else environment_proxy(origin)
        # Nothing is encrypted on the way to a plain http origin, and the context for it would take 18 ms to build.
        verify = self.verify if origin.scheme == "https" else False
        return {"limits": self.limits, "proxy": given and checked_proxy(given, origin), "verify": verify}


def environment_proxy(origin: Origin) -> str | None:
    """Return the proxy that the environment names for an origin, or None.

    A client that is given a transport ignores HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, so they are read here.
    """
    proxies = urllib.request.getproxies()
    proxy = proxies.get(origin.scheme) or proxies.get("all")
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    if not proxy or urllib.request.proxy_bypass(f"{host}:{origin.port}"):
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    # What is on this machine is reached directly, whatever NO_PROXY forgets: a proxy elsewhere would read the key.
    return None if origin.scheme == "http" and not is_loopback(httpx2.URL(proxy).host) else proxy


def checked_proxy(given: Any, origin: Origin) -> httpx2.Proxy:
    """Return a proxy as httpx2 takes it, or say why it can't be used."""
    try:
        proxy = given if isinstance(given, httpx2.Proxy) else httpx2.Proxy(given)
    except (TypeError, ValueError, AttributeError, httpx2.InvalidURL):
        # Never show it: its URL may hold a password.
        raise ConfigurationError("proxy is a URL such as http://proxy.example:8080, or an httpx2.Proxy.") from None
    if proxy.url.scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
        raise ConfigurationError("a SOCKS proxy needs the socksio package: pip install httpx2[socks]")
    if origin.scheme == "http" and not is_loopback(proxy.url.host):
        raise ConfigurationError(f"{origin} is plain http: a proxy on another machine would read the key.")
    return proxy


class SyncPool:
    """Hold the pool of this process."""

    def __init__(self, options: NetworkOptions, origin: Origin) -> None:
        self._arguments = options.arguments(origin)
        self._transport: httpx2.HTTPTransport | None = None
        self._lock = threading.Lock()
        # A client that is dropped without close() leaves no socket behind. Not by `__del__`: a client is collected as a
        # cycle, and a socket within it may be finalised, with a warning, before the pool that would have closed it.
        self._open: list[httpx2.HTTPTransport] = []
        weakref.finalize(self, _close_all, self._open)
        renew_after_fork(self)

    def current(self, url: httpx2.URL) -> httpx2.BaseTransport:
        """Return the transport to use now."""
        transport = self._transport
        if transport is None:
            with self._lock:
                transport = self._transport
                if transport is None:
                    transport = self._transport = httpx2.HTTPTransport(**self._arguments)
                    self._open.append(transport)
        return transport

    def close(self) -> None:
        """Close every connection; a later call opens new ones."""
        with self._lock:
            self._transport = None
            _close_all(self._open)

    def _renew_after_fork(self) -> None:
        keep_inherited(*self._open)
        self._open.clear()
        self._transport = None
        self._lock = threading.Lock()


def _close_all(transports: list[httpx2.HTTPTransport]) -> None:
    while transports:
        transports.pop().close()


@dataclass(slots=True)
class _LoopPool:
    loop: weakref.ref[asyncio.AbstractEventLoop]
    transport: ShardedTransport
    keeper: AsyncGenerator[None, None]

    @property
    def is_stale(self) -> bool:
        """Say whether its loop will never run again."""
        loop = self.loop()
        return loop is None or loop.is_closed()


class AsyncPool:
    """Hold a pool for each event loop that is alive."""

    def __init__(self, options: NetworkOptions, origin: Origin) -> None:
        self._arguments = options.arguments(origin)
        self._by_loop: dict[int, _LoopPool] = {}
        weakref.finalize(self, _close_stale, self._by_loop)
        renew_after_fork(self)

    async def current(self, url: httpx2.URL) -> httpx2.AsyncBaseTransport:
        """Return the transport of the running loop."""
        loop = asyncio.get_running_loop()
        pool = self._by_loop.get(id(loop))
        if pool is not None and pool.loop() is loop:
            return pool.transport
        _close_stale(self._by_loop)
        verify = self._arguments["verify"]
        if isinstance(verify, (bool, str)):
            # Building a context takes 18 ms: all loops share one.
            self._arguments["verify"] = httpx2.create_ssl_context(verify=verify)
        transport = ShardedTransport(**self._arguments)
        keeper = _keep(self._by_loop, id(loop), transport)
        self._by_loop[id(loop)] = _LoopPool(weakref.ref(loop), transport, keeper)
        # `asyncio.run` closes a loop's async generators at its end, and this one closes the pool.
        await keeper.asend(None)
        return transport

    async def aclose(self) -> None:
        """Close the running loop's connections; a later call opens new ones."""
        pool = self._by_loop.get(id(asyncio.get_running_loop()))
        if pool is not None:
            await pool.keeper.aclose()

    def _renew_after_fork(self) -> None:
        keep_inherited(*self._by_loop.values())
        self._by_loop.clear()


def _close_stale(by_loop: dict[int, _LoopPool]) -> None:
    for key, pool in list(by_loop.items()):
        if pool.is_stale:
            by_loop.pop(key, None)
            for shard in pool.transport._shards:
                close_sockets(shard.transport._pool.connections)


async def _keep(by_loop: dict[int, _LoopPool], key: int, transport: ShardedTransport) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        by_loop.pop(key, None)
        await all_closed()
        await transport.aclose()


class Sync(Protocol):
    """What the sync driver needs of a network: a pool of ours, or a user's own client below us."""

    def current(self, url: httpx2.URL) -> httpx2.BaseTransport:
        """Return the transport for a URL."""

    def close(self) -> None:
        """Close every connection."""


class Async(Protocol):
    """What the async driver needs of a network."""

    async def current(self, url: httpx2.URL) -> httpx2.AsyncBaseTransport:
        """Return the transport for a URL."""

    async def aclose(self) -> None:
        """Close every connection of the running loop."""
