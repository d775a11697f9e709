"""A budget's book in a SQLite file: of every process that names the file, and of the next run too.

Money is text, exact to the last digit. The reservations of a process that died stay for their day (or, of a run, for
the life of the file): its calls may have been billed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..stores.processes import has_ended, this_process
from ..stores.sqlite_file import FileTrouble, Layout, Trouble, shared_file
from .decisions import Line, Price, Totals

if TYPE_CHECKING:
    import sqlite3

# Seconds to wait for other processes before a call is refused: thousands of their transactions fit in.
PATIENCE: Final = 5.0
_LAYOUT: Final = Layout(
    what="budget",
    application_id=0x41495342,  # "AISB"
    version=1,
    schema=(
        "CREATE TABLE totals (period TEXT PRIMARY KEY, spent TEXT NOT NULL, reserved TEXT NOT NULL, "
        "overrun INTEGER NOT NULL)",
        "CREATE TABLE prices (model TEXT PRIMARY KEY, ratio TEXT, seen REAL NOT NULL)",
        "CREATE TABLE reservations (id TEXT PRIMARY KEY, period TEXT NOT NULL, model TEXT NOT NULL, "
        "amount TEXT NOT NULL, estimate TEXT, made REAL NOT NULL, kept INTEGER NOT NULL, holder TEXT NOT NULL)",
        "CREATE INDEX under_way ON reservations (model, kept)",
    ),
)


class SqliteBook:
    """Keep totals, prices and reservations in a file."""

    def __init__(self, path: Path) -> None:
        self._file = shared_file(path, _LAYOUT, patience=PATIENCE)

    @property
    def mine(self) -> bool:
        """Say whether this very thread has a page open."""
        return self._file.guard.mine

    @property
    def does_io(self) -> bool:
        """Say whether opening a page may take its time, which an event loop must not wait for."""
        return True

    @contextlib.contextmanager
    def page(self) -> Iterator[SqlitePage]:
        """Open the book in one transaction.

        Raises:
            FileTrouble: the file is locked, broken or out of reach.
        """
        with self._file.transaction() as connection:
            try:
                yield SqlitePage(connection)
            except InvalidOperation:
                reason = f"the budget file {self._file.path} is corrupt (an amount in it can't be one)"
                raise FileTrouble(Trouble.CORRUPT, reason) from None


class SqlitePage:
    """The book inside one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def totals(self, window: str) -> Totals:
        """Return what a run or day has come to."""
        row = self._connection.execute(
            "SELECT spent, reserved, overrun FROM totals WHERE period = ?", (window,)
        ).fetchone()
        return Totals() if row is None else Totals(_amount(row[0]), _amount(row[1]), bool(row[2]))

    def set_totals(self, window: str, totals: Totals) -> None:
        """Write what a run or day has come to."""
        self._connection.execute(
            "INSERT OR REPLACE INTO totals VALUES (?, ?, ?, ?)",
            (window, str(totals.spent), str(totals.reserved), totals.overrun),
        )

    def price(self, model: str) -> Price | None:
        """Return what bills say of a model's price."""
        row = self._connection.execute("SELECT ratio, seen FROM prices WHERE model = ?", (_name(model),)).fetchone()
        return None if row is None else Price(_optional(row[0]), row[1])

    def set_price(self, model: str, price: Price) -> None:
        """Write what a bill says of a model's price."""
        self._connection.execute(
            "INSERT OR REPLACE INTO prices VALUES (?, ?, ?)", (_name(model), _text(price.ratio), price.seen)
        )

    def alone_since(self, model: str) -> float | None:
        """Return when the youngest call to a model that is still under way began; those of dead processes are not."""
        rows = self._connection.execute(
            "SELECT made, holder FROM reservations WHERE model = ? AND kept = 0", (_name(model),)
        ).fetchall()
        ended = {holder for holder in {row[1] for row in rows} if has_ended(holder)}
        for holder in ended:
            self._connection.execute("UPDATE reservations SET kept = 1 WHERE holder = ?", (holder,))
        return max((made for made, holder in rows if holder not in ended), default=None)

    def line(self, name: str) -> Line | None:
        """Return a reservation."""
        row = self._connection.execute(
            "SELECT id, period, model, amount, estimate, made, kept FROM reservations WHERE id = ?", (name,)
        ).fetchone()
        if row is None:
            return None
        return Line(row[0], row[1], row[2], _amount(row[3]), _optional(row[4]), row[5], bool(row[6]))

    def put(self, line: Line) -> None:
        """Write a reservation, new or changed."""
        self._connection.execute(
            "INSERT OR REPLACE INTO reservations VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                line.id,
                line.window,
                _name(line.model),
                str(line.amount),
                _text(line.estimate),
                line.made,
                line.kept,
                this_process(),
            ),
        )

    def remove(self, name: str) -> None:
        """Strike a reservation."""
        self._connection.execute("DELETE FROM reservations WHERE id = ?", (name,))

    def forget_before(self, day: str) -> None:
        """Strike the reservations of earlier days; what those came to stays."""
        self._connection.execute("DELETE FROM reservations WHERE period < ?", (day,))


def _name(model: str) -> str:
    # Half a surrogate pair is legal in a Python string and can't be stored.
    return model.encode("utf-8", "backslashreplace").decode()


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)


def _amount(text: str) -> Decimal:
    amount = Decimal(text)
    if not amount >= 0 or amount.is_infinite():
        raise InvalidOperation
    return amount


def _optional(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
