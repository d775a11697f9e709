"""Closing the connections of an event loop that was closed before them.

`asyncio.run` ends a loop in order; `loop.run_until_complete(…); loop.close()` does not. What is left then can be closed
by nobody: a loop that is closed runs nothing, asyncio warns of each transport when it is collected, and the descriptors
stay open until then.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final

# From a connection of httpcore2 (a proxy's too) through anyio's streams (TLS too) to the transport of asyncio.
_INWARD: Final = ("_connection", "_network_stream", "_stream", "transport_stream", "_transport")


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
