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
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request, and count it to its pool until its body is closed."""
        while not self._with_room and self._room_for_another() <= 0:
            await self._wait_for_room(request.extensions.get("timeout", {}).get("pool"))
        shard = self._take()
        try:
            response = await shard.transport.handle_async_request(request)
        except BaseException:
            self._give_back(shard)
            raise
        response.stream = _CountedStream(response.stream, self, shard)
        return response

    def _take(self) -> _Shard:
        shard = self._shards[self._with_room[0]] if self._with_room else self._add(self._room_for_another())
        shard.under_way += 1
        if shard.under_way == shard.size:
            heapq.heappop(self._with_room)
        return shard

    async def _wait_for_room(self, patience: float | None) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(patience):
                await waiter
        except TimeoutError:
            raise httpx2.PoolTimeout("every connection of the pool is in use") from None
        finally:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            elif waiter.cancelled():
                self._wake_one()

    def _wake_one(self) -> None:
        if self._waiting:
            self._waiting.popleft().set_result(None)

    def _room_for_another(self) -> int:
        most = self._limits.max_connections
        return SHARD_SIZE if most is None else min(SHARD_SIZE, most - SHARD_SIZE * len(self._shards))

    def _add(self, size: int) -> _Shard:
        place = len(self._shards)
        kept = self._limits.max_keepalive_connections
        limits = httpx2.Limits(
            max_connections=size,
            max_keepalive_connections=size if kept is None else max(0, min(size, kept - place * SHARD_SIZE)),
            keepalive_expiry=self._limits.keepalive_expiry,
        )
        transport = httpx2.AsyncHTTPTransport(verify=self._verify, proxy=self._proxy, limits=limits)
        shard = _Shard(place, size, transport)
        self._shards.append(shard)
        heapq.heappush(self._with_room, place)
        return shard

    def _give_back(self, shard: _Shard) -> None:
        if shard.place >= len(self._shards) or self._shards[shard.place] is not shard:
            return  # closed meanwhile
        if shard.under_way == shard.size:
            heapq.heappush(self._with_room, shard.place)
        shard.under_way -= 1
        self._wake_one()

    async def aclose(self) -> None:
        """Close every connection."""
        shards, self._shards, self._with_room = self._shards, [], []
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
