"""Bodies that pass unread: they keep nothing of the request, and one that is dropped gives its slot back."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import httpx2

from .effects import Failed
from .outgoing import exception_of

if TYPE_CHECKING:
    from .asynchronous import AsyncReply
    from .sync import SyncReply


class SyncPassed(httpx2.SyncByteStream):
    """Give the pieces of a reply as they come."""

    def __init__(self, reply: SyncReply) -> None:
        self._reply = reply
        self._finalizer = weakref.finalize(self, _abandon, reply)
        self._finalizer.atexit = False
        reply.response = None

    def __iter__(self) -> Iterator[bytes]:
        while isinstance(piece := self._reply.next(), bytes):
            yield piece
        if isinstance(piece, Failed):
            raise exception_of(piece, None, None)

    def close(self) -> None:
        """Give the connection back."""
        if self._finalizer.detach() is not None and not self._reply.inherited:
            self._reply.close()


class AsyncPassed(httpx2.AsyncByteStream):
    """Give the pieces of an async reply as they come."""

    def __init__(self, reply: AsyncReply) -> None:
        self._reply = reply
        self._finalizer = weakref.finalize(self, _abandon, reply)
        self._finalizer.atexit = False
        reply.response = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._reply.next()
        if isinstance(piece, bytes):
            return piece
        if isinstance(piece, Failed):
            raise exception_of(piece, None, None)
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Give the connection back."""
        if self._finalizer.detach() is not None and not self._reply.inherited:
            await self._reply.aclose()


def _abandon(reply: SyncReply | AsyncReply) -> None:
    if not reply.inherited:
        reply.abort()
