"""One HTTP exchange on the server's side: reading it, answering it, and breaking it on purpose."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeVar

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]
T = TypeVar("T")


class ClientGone(Exception):
    """The client closed the connection before its reply had ended."""


class Connection:
    """The ASGI callables of one request, with the transport below them where the server hands it over."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self._receive = receive
        self._send = send
        self._watcher: asyncio.Future[Message] | None = None
        self.status = 0

    async def body(self) -> bytes:
        """The whole request body."""
        parts = []
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                return b"".join(parts)

    # Answering

    async def head(self, status: int, headers: Iterable[Header]) -> None:
        """Send the status line and the headers."""
        self.status = status
        await self._send({"type": "http.response.start", "status": status, "headers": list(headers)})

    async def write(self, data: bytes, *, more: bool = True) -> None:
        """Send a piece of the body; raises `ClientGone` when nobody is there to read it."""
        if self.gone:
            raise ClientGone
        await self._send({"type": "http.response.body", "body": data, "more_body": more})

    async def reply(self, status: int, headers: Iterable[Header], body: bytes) -> None:
        """Send a whole reply."""
        await self.head(status, [*headers, (b"content-length", b"%d" % len(body))])
        await self._send({"type": "http.response.body", "body": body})

    # Waiting

    @property
    def gone(self) -> bool:
        """Whether the client is known to have gone."""
        return self._watcher is not None and self._watcher.done()

    def watch(self) -> asyncio.Future[Message]:
        """Start to listen for the client's departure. Only after the body was read: the message queue is shared."""
        if self._watcher is None:
            self._watcher = asyncio.ensure_future(self._receive())
        return self._watcher

    async def pause(self, seconds: float | None) -> None:
        """Wait (`None`: for ever), unless the client goes away first."""
        watcher = self.watch()
        if seconds == 0:
            await asyncio.sleep(0)
        else:
            await asyncio.wait({watcher}, timeout=seconds)
        if watcher.done():
            raise ClientGone

    async def during(self, work: Awaitable[T]) -> T:
        """The result of `work`, which is cancelled when the client goes away first."""
        task = asyncio.ensure_future(work)
        try:
            both: set[asyncio.Future[Any]] = {task, self.watch()}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise ClientGone
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    def release(self) -> None:
        """Stop listening."""
        if self._watcher is not None and not self._watcher.done():
            self._watcher.cancel()

    # Breaking

    async def close(self) -> None:
        """Close the connection in an orderly way (FIN), wherever the reply stands."""
        transport = self._transport()
        transport.close()
        await asyncio.sleep(0)

    async def reset(self) -> None:
        """Break the connection off (RST)."""
        transport = self._transport()
        raw = transport.get_extra_info("socket")
        if raw is not None:
            # Lingering for 0 s is what makes the kernel send a reset rather than a FIN.
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        await asyncio.sleep(0)

    def _transport(self) -> asyncio.Transport:
        transport = self.scope.get("state", {}).get("transport")
        if not isinstance(transport, asyncio.Transport):
            raise RuntimeError("to play broken connections, run the gateway as LocalGateway")
        return transport
