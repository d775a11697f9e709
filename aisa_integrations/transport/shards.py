"""Many small async pools in place of one large one.

A pool's bookkeeping grows with the square of its connections: 1,000 calls at once spend most of their time in it.
Spread over pools of four that share one TLS context, they do not. The first pool with room is taken, so that a lone
caller always meets its own warm connection.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx2

SHARD_SIZE: Final = 4


class ShardedTransport(httpx2.AsyncBaseTransport):
    """Send each request through the first of many small pools that has room.

    Args:
        limits: of all the pools together.
        verify: TLS verification, as httpx2 takes it; a context is built once, for all.
        proxy: a proxy URL or None.
    """

    def __init__(self, *, limits: httpx2.Limits, verify: Any = True, proxy: Any = None) -> None:
        self._limits = limits
        self._verify = httpx2.create_ssl_context(verify=verify) if isinstance(verify, (bool, str)) else verify
        self._proxy = proxy
        self._shards: list[_Shard] = []
        # Indexes of the shards that have room, smallest first.
        self._with_room: list[int] = []
        self._waiting: deque[asyncio.Future[_Shard | None]] = deque()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request, and count it to its pool until its body is closed."""
        shard = self._take()
        while shard is None:
            shard = await self._wait_for_room(request.extensions.get("timeout", {}).get("pool"))
            if shard is None or not self._is_open(shard):
                shard = self._take()  # the pools were closed meanwhile
        try:
            response = await shard.transport.handle_async_request(request)
        except BaseException:
            self._give_back(shard)
            raise
        response.stream = _CountedStream(response.stream, self, shard)
        return response

    def _take(self) -> _Shard | None:
        """Take a place in the first pool that has room; None where there is none."""
        if not self._with_room:
            size = self._room_for_another()
            if size <= 0:
                return None
            self._add(size)
        shard = self._shards[self._with_room[0]]
        shard.under_way += 1
        if shard.under_way == shard.size:
            heapq.heappop(self._with_room)
        return shard

    async def _wait_for_room(self, patience: float | None) -> _Shard | None:
        """Wait for the place of a request that ends; None where the pools were closed meanwhile."""
        waiter: asyncio.Future[_Shard | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(patience):
                return await waiter
        except BaseException as error:
            # A place may have been handed over in the very moment in which its waiter gave up.
            if not waiter.cancel() and not waiter.cancelled() and (shard := waiter.result()) is not None:
                self._give_back(shard)
            if isinstance(error, TimeoutError):
                raise httpx2.PoolTimeout("every connection of the pool is in use") from None
            raise

    def _room_for_another(self) -> int:
        most = self._limits.max_connections
        return SHARD_SIZE if most is None else min(SHARD_SIZE, most - SHARD_SIZE * len(self._shards))

    def _add(self, size: int) -> None:
        place = len(self._shards)
        kept = self._limits.max_keepalive_connections
        limits = httpx2.Limits(
            max_connections=size,
            max_keepalive_connections=size if kept is None else max(0, min(size, kept - place * SHARD_SIZE)),
            keepalive_expiry=self._limits.keepalive_expiry,
        )
        transport = httpx2.AsyncHTTPTransport(verify=self._verify, proxy=self._proxy, limits=limits)
        self._shards.append(_Shard(place, size, transport))
        heapq.heappush(self._with_room, place)

    def _is_open(self, shard: _Shard) -> bool:
        return shard.place < len(self._shards) and self._shards[shard.place] is shard

    def _give_back(self, shard: _Shard) -> None:
        """Hand a place on to whoever has waited longest, else note that there is room."""
        if not self._is_open(shard):
            return
        while self._waiting:
            waiter = self._waiting.popleft()
            # One that was cancelled in this turn of the loop has not run yet, and still stands in the line.
            if not waiter.done():
                waiter.set_result(shard)
                return
        if shard.under_way == shard.size:
            heapq.heappush(self._with_room, shard.place)
        shard.under_way -= 1

    async def aclose(self) -> None:
        """Close every connection; who waits for one begins anew, on one that is kept no longer than its request."""
        # Nobody closes this again: a later call of the client makes another one.
        self._limits = httpx2.Limits(
            max_connections=self._limits.max_connections,
            max_keepalive_connections=0,
            keepalive_expiry=self._limits.keepalive_expiry,
        )
        shards, self._shards, self._with_room = self._shards, [], []
        while self._waiting:
            if not (waiter := self._waiting.popleft()).done():
                waiter.set_result(None)
        for shard in shards:
            await shard.transport.aclose()


class _Shard:
    __slots__ = ("place", "size", "transport", "under_way")

    def __init__(self, place: int, size: int, transport: httpx2.AsyncHTTPTransport) -> None:
        self.place = place
        self.size = size
        self.transport = transport
        self.under_way = 0


class _CountedStream(httpx2.AsyncByteStream):
    """A body whose pool is told when it is closed."""

    def __init__(self, inner: Any, owner: ShardedTransport, shard: _Shard) -> None:
        self._inner = inner
        self._owner = owner
        self._shard: _Shard | None = shard

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._inner.__aiter__()  # type: ignore[no-any-return]

    async def aclose(self) -> None:
        shard, self._shard = self._shard, None
        try:
            await self._inner.aclose()
        finally:
            if shard is not None:
                self._owner._give_back(shard)
