"""`track()`: what the calls of a block cost, over tasks and threads, billed and estimated apart.

Who listens to a call is settled when it starts. A call hears the blocks of its own context. A plain worker thread
carries no context: its call counts to each block that every other open one is inside of, or around. Of those that are
open beside each other it can't be known whose it is, so it counts to none of them and shows as `unattributed` on each.

What `heard_everywhere` counts, as a notebook does, is no block: it hears every call of the process, in any thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import inspect
import threading
from collections.abc import Callable, Coroutine, Iterator
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from .display.money import usd
from .errors import ConfigurationError
from .forks import renew_after_fork
from .usage import Exchange

if TYPE_CHECKING:
    import pandas

P = ParamSpec("P")
R = TypeVar("R")

ZERO: Final = Decimal(0)
_EXACT: Final = Context(prec=200)  # a caller's own decimal context must not round our sums


class _Totals:
    """What the calls counted so far add up to."""

    __slots__ = ("billed", "by_model", "calls", "credits_remaining", "estimated", "saved", "unknown")

    def __init__(self) -> None:
        self.billed = self.estimated = self.saved = ZERO
        self.unknown = self.calls = 0
        self.by_model: dict[str, Spend] = {}
        self.credits_remaining: Decimal | None = None

    def add(self, exchange: Exchange) -> None:
        usage = exchange.usage
        if usage.cost is not None and usage.cost_kind == "estimated":
            self.estimated = _EXACT.add(self.estimated, usage.cost)
        elif usage.cost is not None:
            self.billed = _EXACT.add(self.billed, usage.cost)
        # The last attempt is the one that answered. What another one cost is known only where the gateway billed it.
        for attempt in exchange.attempts[: -1 if exchange.served_by is not None else None]:
            if attempt.cost:
                self.billed = _EXACT.add(self.billed, attempt.cost)
        if (usage.cost is None and exchange.error is None) or any(a.cost is None for a in exchange.attempts):
            self.unknown += 1
        if exchange.saved is not None:
            self.saved = _EXACT.add(self.saved, exchange.saved)
        if usage.credits_remaining is not None:
            self.credits_remaining = usage.credits_remaining
        if exchange.served_by is not None:
            if exchange.served_by not in self.by_model:
                self.by_model[exchange.served_by] = Spend()
            self.by_model[exchange.served_by].record(exchange)
        self.calls += 1


class Spend:
    """What logical calls cost, added up. Reading it while calls are under way is safe."""

    def __init__(self) -> None:
        # Every call, in the order they ended; the totals are of the first `_totals.calls` of them.
        self._exchanges: list[Exchange] = []
        self._totals = _Totals()
        self._unattributed = 0
        self._outer: tuple[Spend, ...] = ()
        self._thread = threading.get_ident()
        self._lock = threading.Lock()
        renew_after_fork(self)

    @property
    def cost(self) -> Decimal:
        """Return USD in all: billed and estimated; what `unknown` calls cost is not in it."""
        totals = self._up_to_date()
        return _EXACT.add(totals.billed, totals.estimated)

    @property
    def billed(self) -> Decimal:
        """Return USD that the gateway said."""
        return self._up_to_date().billed

    @property
    def estimated(self) -> Decimal:
        """Return USD from tokens x catalogue price, where the gateway said nothing."""
        return self._up_to_date().estimated

    @property
    def saved(self) -> Decimal:
        """Return USD not spent thanks to the caller's own cache."""
        return self._up_to_date().saved

    @property
    def unknown(self) -> int:
        """Return how many calls have a cost that is not known, or not in full."""
        return self._up_to_date().unknown

    @property
    def calls(self) -> int:
        """Return how many logical calls there were, failed ones included."""
        return len(self._exchanges)

    @property
    def by_model(self) -> dict[str, Spend]:
        """Return the same per model that served."""
        totals = self._up_to_date()
        with self._lock:
            return dict(totals.by_model)

    @property
    def credits_remaining(self) -> Decimal | None:
        """Return USD left in the wallet, as last said by the gateway, or None."""
        return self._up_to_date().credits_remaining

    @property
    def unattributed(self) -> int:
        """Return how many calls of plain threads may or may not belong to this block."""
        return self._unattributed

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """Return the calls in the order they ended."""
        return tuple(self._exchanges)

    def bind(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return the function so that its calls count to this block too, whatever thread or task it runs in.

        Raises:
            ConfigurationError: for a generator, which runs where it is read, and not where it is called.
        """
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise ConfigurationError(
                f"bind() takes functions and async functions; {function.__name__} is a generator, which runs where it "
                "is read: bind what reads it."
            )
        chain = (*self._outer, self)
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def bound_coroutine(*args: P.args, **kwargs: P.kwargs) -> Any:
                return await _listened(chain, function(*args, **kwargs))

            return bound_coroutine  # type: ignore[return-value]

        @functools.wraps(function)
        def bound(*args: P.args, **kwargs: P.kwargs) -> R:
            with _listening(chain):
                result = function(*args, **kwargs)
            # An object that is called may be async without looking so.
            return _listened(chain, result) if inspect.iscoroutine(result) else result  # type: ignore[return-value]

        return bound

    def record(self, exchange: Exchange) -> None:
        """Add one ended call."""
        # Without the lock: a stream that nobody closed is recorded by the garbage collector, which may run in a thread
        # that holds it.
        self._exchanges.append(exchange)

    def _up_to_date(self) -> _Totals:
        with self._lock:
            while self._totals.calls < len(self._exchanges):
                self._totals.add(self._exchanges[self._totals.calls])
            return self._totals

    def _is_in_one_nest_with(self, other: Spend) -> bool:
        return self is other or self in other._outer or other in self._outer

    def _renew_after_fork(self) -> None:
        self._lock = threading.Lock()

    def to_pandas(self) -> pandas.DataFrame:
        """Return a data frame with a row for each call, in the order they ended; what is unknown is missing, never 0.

        Raises:
            ImportError: pandas is not installed.
        """
        from .display.frames import frame
        from .display.spend import CALL_COLUMNS, call_row

        return frame(map(call_row, self.exchanges), CALL_COLUMNS)

    def _repr_html_(self) -> str:
        from .display.spend import spend_html

        return spend_html(self)

    def __repr__(self) -> str:
        parts = [f"{self.calls} call{'' if self.calls == 1 else 's'}", usd(self.cost, exact=True)]
        if self.billed and self.estimated:
            parts.append(f"{usd(self.billed, exact=True)} billed, {usd(self.estimated, exact=True)} estimated")
        elif self.cost:
            parts.append("billed" if self.billed else "estimated")
        if self.unknown:
            parts.append(f"{self.unknown} of unknown cost")
        if self.unattributed:
            parts.append(f"{self.unattributed} unattributed")
        return f"<Spend {' · '.join(parts)}>"


# None where nothing was ever said of a context; no block at all is said by `heard_by`.
_listeners: contextvars.ContextVar[tuple[Spend, ...] | None] = contextvars.ContextVar("aisa_track", default=None)
_open: list[Spend] = []
_everywhere: tuple[Spend, ...] = ()
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
    spend._outer = _listeners.get() or ()
    with _registry_lock:
        _open.append(spend)
    try:
        with _listening((spend,)):
            yield spend
    finally:
        with _registry_lock:
            _open.remove(spend)


@contextlib.contextmanager
def _listening(chain: tuple[Spend, ...]) -> Iterator[None]:
    own = _listeners.get() or ()
    with heard_by((*own, *(spend for spend in chain if spend not in own))):
        yield


@contextlib.contextmanager
def heard_by(audience: tuple[Spend, ...]) -> Iterator[None]:
    """Count the calls of this context to exactly these blocks.

    For a thread that makes calls in place of the one it was started in, whose `listeners()` these are.
    """
    token = _listeners.set(audience)
    try:
        yield
    finally:
        # A framework may leave a block in another context than it entered it in, as FastAPI does with a plain
        # dependency that yields: that context never listened.
        with contextlib.suppress(ValueError):
            _listeners.reset(token)


def heard_everywhere(spend: Spend) -> Callable[[], None]:
    """Count every call of this process that starts from now on, and return what ends that.

    Blocks know nothing of it: they nest, and plain threads count to them, as if it were not there.
    """
    global _everywhere
    with _registry_lock:
        _everywhere = (*_everywhere, spend)

    def ended() -> None:
        global _everywhere
        with _registry_lock:
            _everywhere = tuple(other for other in _everywhere if other is not spend)

    return ended


async def _listened(chain: tuple[Spend, ...], work: Coroutine[Any, Any, Any]) -> Any:
    with _listening(chain):
        return await work


def listeners() -> tuple[Spend, ...]:
    """Return who listens to a call that starts now; counts it as `unattributed` where that can't be known."""
    blocks = _listening_blocks()
    return (*blocks, *(spend for spend in _everywhere if spend not in blocks)) if _everywhere else blocks


def _listening_blocks() -> tuple[Spend, ...]:
    own = _listeners.get()
    if own is not None or not _open or threading.current_thread() is threading.main_thread():
        return own or ()
    with _registry_lock:
        if not _open or _loop_knows_its_own():
            return ()
        certain = tuple(spend for spend in _open if all(spend._is_in_one_nest_with(other) for other in _open))
        for spend in _open:
            if spend not in certain:
                spend._unattributed += 1
    return certain


def _loop_knows_its_own() -> bool:
    """Say whether a loop runs in this thread whose tasks open blocks: then a task without one belongs to none."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    here = threading.get_ident()
    return any(spend._thread == here for spend in _open)
