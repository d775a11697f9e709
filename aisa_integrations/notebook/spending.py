"""What the calls of a notebook cost: all of them since the extension was loaded, and those of the last cell."""

from __future__ import annotations

from typing import Any

from ..tracking import Spend, heard_everywhere


class Spending:
    """Count every call of this process, whichever face, cell, task or thread makes it.

    Args:
        shell: whose cells are told apart.

    Attributes:
        notebook: the calls so far.
    """

    def __init__(self, shell: Any) -> None:
        self.notebook = Spend()
        self._end = heard_everywhere(self.notebook)
        self._events = shell.events
        self._running = 0
        self._last = (0, 0)
        self._events.register("pre_run_cell", self._cell_begins)
        self._events.register("post_run_cell", self._cell_ends)

    def last_cell(self) -> Spend:
        """Return the calls that ended while this cell ran, or where there are none, the last cell that had any."""
        now = self.notebook.calls
        first, end = (self._running, now) if now > self._running else self._last
        spend = Spend()
        for exchange in self.notebook.exchanges[first:end]:
            spend.record(exchange)
        return spend

    def close(self) -> None:
        """Count no more."""
        self._end()
        self._events.unregister("pre_run_cell", self._cell_begins)
        self._events.unregister("post_run_cell", self._cell_ends)

    def _cell_begins(self, info: object) -> None:
        self._running = self.notebook.calls

    def _cell_ends(self, result: object) -> None:
        if self.notebook.calls > self._running:
            self._last = (self._running, self.notebook.calls)
