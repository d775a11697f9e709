"""The switch that forbids live requests: thrown above the transport, and felt below all that stands in for a network.

A cassette takes the place of httpx2's transports, and so does a mock. The `trace` hook of a request is called beneath
them, before a connection is opened or used; what is played never gets there. So the refusal is put in there, and a
request that is forbidden is let go its way.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx2

OFFLINE: Final = "AISA_OFFLINE"

# The open blocks, each with what was refused in it. No lock: a child may be forked while another thread holds it.
_blocks: Final[dict[int, list[str]]] = {}


@contextmanager
def forbid_live_requests() -> Iterator[list[str]]:
    """Refuse every request of this process that is not for loopback, for as long as the block lasts.

    Blocks nest, and hold for all threads, event loops and forked children. A process that is started anew heeds
    `AISA_OFFLINE=1` in its environment. What a cassette or a mock answers is let through.

    Yields:
        a list that grows by a line for each request that is refused, wherever its exception ends up.
    """
    refused: list[str] = []
    _blocks[id(refused)] = refused
    try:
        yield refused
    finally:
        del _blocks[id(refused)]


def who_forbids_live_requests() -> str | None:
    """Return what forbids live requests now, in words; None where nothing does."""
    if _blocks:
        return "forbid_live_requests()"
    return f"{OFFLINE}={said}" if (said := os.environ.get(OFFLINE, "")) not in ("", "0") else None


class LiveRequestRefused(httpx2.RequestError):
    """Tell the driver that a request reached the network though that is forbidden; never seen above it."""


def guard(request: httpx2.Request, model: str | None, refusal: type[Refusal]) -> None:
    """Make a request one that can't leave, where live requests are forbidden.

    Args:
        request: as it is about to be sent, to another machine.
        model: that it asks.
        refusal: `AsyncRefusal` where httpcore2 awaits what it calls.
    """
    if (forbidden_by := who_forbids_live_requests()) is not None:
        # Without a user, a password or a query, which may hold what nobody should read.
        origin = f"{request.url.scheme}://{request.url.netloc.decode('ascii')}"
        what = f"{request.method} {origin}{request.url.path}" + (f" ({model})" if model else "")
        request.extensions["trace"] = refusal(origin, what, forbidden_by)


class Refusal:
    """Be the `trace` of a request that may not leave: raise as soon as a connection is to be opened or used.

    Args:
        origin: where it would go.
        what: a line that names the request.
        forbidden_by: what forbids it.
    """

    __slots__ = ("_forbidden_by", "_origin", "_what")

    def __init__(self, origin: str, what: str, forbidden_by: str) -> None:
        self._origin = origin
        self._what = what
        self._forbidden_by = forbidden_by

    def __call__(self, step: str, info: Any) -> Any:
        """Take note of one step of httpcore2: all but its tidying up is refused, each time it is tried."""
        if not step.endswith(".started") or step.endswith(("closed.started", "close.started")):
            return self._let_pass()
        for refused in list(_blocks.values()):
            refused.append(self._what)
        raise LiveRequestRefused(
            f"A live request to {self._origin} is forbidden here by {self._forbidden_by}; nothing was sent."
        )

    def _let_pass(self) -> Any:
        return None


class AsyncRefusal(Refusal):
    """The same where httpcore2 awaits what it calls."""

    async def _let_pass(self) -> None:
        pass
