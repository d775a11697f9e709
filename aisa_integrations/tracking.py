"""`track()`: what the calls of a block cost, over tasks and threads, billed and estimated apart.

Who listens to a call is settled when it starts. A call hears the blocks of its own context. A plain worker thread
carries no context: its call counts to the one open nest of blocks, as far down as there is one open block a level;
where several are open it can't be known whose it is, and shows as `unattributed` on each of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import inspect
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final, ParamSpec, TypeVar

from .forks import renew_after_fork
from .usage import Exchange

P = ParamSpec("P")
R = TypeVar("R")

ZERO: Final = Decimal(0)


class Spend:
    """Add up what logical calls cost. Reading it while calls are under way is safe.

    Attributes:
        billed: USD that the gateway said.
        estimated: USD from tokens x catalogue price, where the gateway said nothing.
        unknown: calls of which some cost is not known.
        calls: logical calls, failed ones included.
        by_model: the same per model that served.
        credits_remaining: USD left in the wallet, as last said by the gateway, or None.
        saved: USD not spent thanks to the caller's own cache.
        unattributed: calls of plain threads that may or may not belong to this block.
    """

    def __init__(self) -> None:
        self.billed = ZERO
        self.estimated = ZERO
        self.saved = ZERO
        self.unknown = 0
        self.calls = 0
        self.unattributed = 0
        self.by_model: dict[str, Spend] = {}
        self.credits_remaining: Decimal | None = None
        self._exchanges: list[Exchange] = []
        self._parent: Spend | None = None
        self._children: list[Spend] = []
        self._lock = threading.Lock()
        renew_after_fork(self)

    @property
    def cost(self) -> Decimal:
        """Return USD in all: billed and estimated; what `unknown` calls cost is not in it."""
        return self.billed + self.estimated

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """Return the calls in the order they ended."""
        return tuple(self._exchanges)

    def bind(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return the function so that its calls count to this block, whatever thread or task it runs in."""
        chain = self._chain()
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def bound_coroutine(*args: P.args, **kwargs: P.kwargs) -> Any:
                with _listening(chain):
                    return await function(*args, **kwargs)

            return bound_coroutine  # type: ignore[return-value]

        @functools.wraps(function)
        def bound(*args: P.args, **kwargs: P.kwargs) -> R:
            with _listening(chain):
                return function(*args, **kwargs)

        return bound

    def record(self, exchange: Exchange) -> None:
        """Add one ended call."""
        with self._lock:
            self._exchanges.append(exchange)
            self._add(exchange)
            if exchange.served_by is not None:
                if exchange.served_by not in self.by_model:
                    self.by_model[exchange.served_by] = Spend()
                self.by_model[exchange.served_by]._add(exchange)

    def _add(self, exchange: Exchange) -> None:
        self.calls += 1
        usage = exchange.usage
        if usage.cost is not None and usage.cost_kind == "estimated":
            self.estimated += usage.cost
        elif usage.cost is not None:
            self.billed += usage.cost
        if (usage.cost is None and exchange.error is None) or any(a.cost is None for a in exchange.attempts):
            self.unknown += 1
        if exchange.saved is not None:
            self.saved += exchange.saved
        if usage.credits_remaining is not None:
            self.credits_remaining = usage.credits_remaining

    def _chain(self) -> tuple[Spend, ...]:
        return (*self._parent._chain(), self) if self._parent is not None else (self,)

    def _renew_after_fork(self) -> None:
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        parts = [f"{self.calls} call{'' if self.calls == 1 else 's'}", f"${self.cost:f}"]
        if self.billed and self.estimated:
            parts.append(f"${self.billed:f} billed, ${self.estimated:f} estimated")
        elif self.cost:
            parts.append("billed" if self.billed else "estimated")
        if self.unknown:
            parts.append(f"{self.unknown} of unknown cost")
        if self.unattributed:
            parts.append(f"{self.unattributed} unattributed")
        return f"<Spend {' · '.join(parts)}>"


_listeners: contextvars.ContextVar[tuple[Spend, ...]] = contextvars.ContextVar("aisa_track", default=())
_open_roots: list[Spend] = []
_registry_lock = threading.Lock()


class _Registry:
    """Make the registry's lock anew in a forked child: another thread may have held it."""

    def _renew_after_fork(self) -> None:
        global _registry_lock
        _registry_lock = threading.Lock()


_registry = _Registry()
renew_after_fork(_registry)


@contextlib.contextmanager
def track() -> Iterator[Spend]:
    """Count the calls started inside the block, on every face: `with track() as spend: …; print(spend.cost)`.

    Tasks, `asyncio.to_thread` and nested blocks count to each block around them. A stream may end after its block.
    In servers, where several blocks are open at once, hand work to plain threads with `spend.bind(function)`.
    """
    spend = Spend()
    outer = _listeners.get()
    spend._parent = outer[-1] if outer else None
    siblings = outer[-1]._children if outer else _open_roots
    with _registry_lock:
        siblings.append(spend)
    try:
        with _listening((*outer, spend)):
            yield spend
    finally:
        with _registry_lock:
            siblings.remove(spend)


@contextlib.contextmanager
def _listening(chain: tuple[Spend, ...]) -> Iterator[None]:
    token = _listeners.set(chain)
    try:
        yield
    finally:
        _listeners.reset(token)


def listeners() -> tuple[Spend, ...]:
    """Return who listens to a call that starts now; counts it as `unattributed` where that can't be known."""
    own = _listeners.get()
    if own or not _open_roots or not _in_plain_thread():
        return own
    with _registry_lock:
        certain: list[Spend] = []
        level = _open_roots
        while len(level) == 1:
            certain.append(level[0])
            level = level[0]._children
        for spend in level:
            spend.unattributed += 1
    return tuple(certain)


def _in_plain_thread() -> bool:
    if threading.current_thread() is threading.main_thread():
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return True
    return False
