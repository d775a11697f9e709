"""A budget's book in memory: of one process alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ..forks import renew_after_fork
from ..stores.guard import Guard
from .decisions import Line, Price, Totals, give_back


class MemoryBook:
    """Keep totals, prices and reservations in dictionaries; it is its own page."""

    def __init__(self) -> None:
        self._guard = Guard()
        self._totals: dict[str, Totals] = {}
        self._prices: dict[str, Price] = {}
        self._lines: dict[str, Line] = {}
        self._under_way: dict[str, dict[str, float]] = {}
        renew_after_fork(self)

    @property
    def mine(self) -> bool:
        """Say whether this very thread has a page open."""
        return self._guard.mine

    @property
    def does_io(self) -> bool:
        """Say whether opening a page may take its time, which an event loop must not wait for."""
        return False

    @contextlib.contextmanager
    def page(self) -> Iterator[MemoryBook]:
        """Open the book; nothing in memory fails halfway, so there is nothing to undo."""
        self._guard.acquire()
        try:
            yield self
        finally:
            self._guard.release()

    def totals(self, window: str) -> Totals:
        """Return what a run or day has come to."""
        return self._totals.get(window, Totals())

    def set_totals(self, window: str, totals: Totals) -> None:
        """Write what a run or day has come to."""
        self._totals[window] = totals

    def price(self, model: str) -> Price | None:
        """Return what bills say of a model's price."""
        return self._prices.get(model)

    def set_price(self, model: str, price: Price) -> None:
        """Write what a bill says of a model's price."""
        self._prices[model] = price

    def alone_since(self, model: str) -> float | None:
        """Return when the youngest call to a model that is still under way began."""
        return max(self._under_way.get(model, {}).values(), default=None)

    def line(self, name: str) -> Line | None:
        """Return a reservation."""
        return self._lines.get(name)

    def put(self, line: Line) -> None:
        """Write a reservation, new or changed."""
        self._lines[line.id] = line
        if line.kept:
            self._no_longer_under_way(line)
        else:
            self._under_way.setdefault(line.model, {})[line.id] = line.made

    def remove(self, name: str) -> None:
        """Strike a reservation."""
        if (line := self._lines.pop(name, None)) is not None:
            self._no_longer_under_way(line)

    def forget_before(self, day: str) -> None:
        """Strike the reservations of earlier days; what those came to stays."""
        for line in [line for line in self._lines.values() if line.window < day]:
            self.remove(line.id)

    def _no_longer_under_way(self, line: Line) -> None:
        if (calls := self._under_way.get(line.model)) is not None:
            calls.pop(line.id, None)
            if not calls:
                del self._under_way[line.model]

    def _renew_after_fork(self) -> None:
        # Calls under way are the parent's, and settled there; what was spent, and may have been, stays known here.
        for line in [line for line in self._lines.values() if not line.kept]:
            self._totals[line.window] = give_back(self.totals(line.window), line.amount)
            self.remove(line.id)
