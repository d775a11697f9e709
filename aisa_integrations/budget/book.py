"""What a ledger writes in: pages of a book that is kept in memory, in a file, or elsewhere."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from .decisions import Line, Price, Totals


class Page(Protocol):
    """The book, while nobody else reads or writes it."""

    def totals(self, window: str) -> Totals:
        """Return what a run or day has come to."""

    def set_totals(self, window: str, totals: Totals) -> None:
        """Write what a run or day has come to."""

    def price(self, model: str) -> Price | None:
        """Return what bills say of a model's price."""

    def set_price(self, model: str, price: Price) -> None:
        """Write what a bill says of a model's price."""

    def alone_since(self, model: str) -> float | None:
        """Return when the youngest call to a model that is still under way began."""

    def line(self, name: str) -> Line | None:
        """Return a reservation."""

    def put(self, line: Line) -> None:
        """Write a reservation, new or changed."""

    def remove(self, name: str) -> None:
        """Strike a reservation."""

    def forget_before(self, day: str) -> None:
        """Strike the reservations of earlier days; what those came to stays."""


class Book(Protocol):
    """Where pages come from."""

    @property
    def mine(self) -> bool:
        """Say whether this very thread has a page open."""

    @property
    def does_io(self) -> bool:
        """Say whether opening a page may take its time, which an event loop must not wait for."""

    def page(self) -> AbstractContextManager[Page]:
        """Open the book; what was written stays when the block ends, and is undone when it raises.

        Raises:
            FileTrouble: the book can't be read or written.
        """
