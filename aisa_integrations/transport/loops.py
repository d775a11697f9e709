"""What has to end with an event loop: closings that are under way, and what a loop left open that was just closed.

`asyncio.run` ends a loop in order; `loop.run_until_complete(…); loop.close()` does not. What is left then can be closed
by nobody: a loop that is closed runs nothing, asyncio warns of each transport when it is collected, and the descriptors
stay open until then.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator
from typing import Any, Final

_closing: set[asyncio.Task[None]] = set()

# From a connection of httpcore2 (a proxy's too) through anyio's streams (TLS too) to the transport of asyncio.
_INWARD: Final = ("_connection", "_network_stream", "_stream", "transport_stream", "_transport")


def closing(loop: asyncio.AbstractEventLoop, close: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Close something in a task of its own, which no caller's cancellation reaches."""
    task = loop.create_task(close)
    _closing.add(task)
    task.add_done_callback(_closing.discard)
    return task


async def all_closed() -> None:
    """Wait for what is being closed on the running loop."""
    # Others that end with the loop begin their own closings in this turn of it.
    await asyncio.sleep(0)
    loop = asyncio.get_running_loop()
    await asyncio.gather(*(task for task in list(_closing) if task.get_loop() is loop), return_exceptions=True)


def close_sockets(connections: list[Any]) -> None:
    """Close the sockets of httpcore2 connections whose loop is closed, at once and without that loop."""
    for connection in connections:
        for transport in _inner(connection):
            # What `transport.close()` would ask the loop to call. Private to asyncio, and absent from other loops.
            finish = getattr(transport, "_call_connection_lost", None)
            if finish is not None:
                with contextlib.suppress(Exception):
                    finish(None)


def _inner(connection: Any) -> Iterator[Any]:
    seen: set[int] = set()
    while connection is not None and id(connection) not in seen:
        seen.add(id(connection))
        yield connection
        connection = next((getattr(connection, name) for name in _INWARD if hasattr(connection, name)), None)
