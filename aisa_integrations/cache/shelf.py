"""The cache's SQLite file: bound in age and size, the least recently used goes first, and no trouble fails a call."""

from __future__ import annotations

import logging
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ..stores.sqlite_file import FileTrouble, Layout, Trouble, shared_file

if TYPE_CHECKING:
    import sqlite3

logger: Final = logging.getLogger("aisa_integrations")
T = TypeVar("T")

# A cache that is slower than this to be had is none; after trouble it is left alone for a while.
PATIENCE: Final = 0.5
REST: Final = 30.0
_LAYOUT: Final = Layout(
    what="cache",
    application_id=0x41495343,  # "AISC"
    version=1,
    schema=(
        "CREATE TABLE entries (key TEXT PRIMARY KEY, surface TEXT NOT NULL, served_by TEXT NOT NULL, cost TEXT, "
        "created REAL NOT NULL, used REAL NOT NULL, body BLOB NOT NULL)",
        "CREATE INDEX by_use ON entries (used)",
        "CREATE INDEX by_age ON entries (created)",
    ),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One complete answer.

    Args:
        body: the plain JSON reply, whole.
        surface: whose shape it has, such as `chat`.
        served_by: the id that answered.
        cost: USD that it cost, or None where that is not known.
        created: UNIX seconds.
    """

    body: bytes
    surface: str
    served_by: str
    cost: Decimal | None
    created: float


class Shelf:
    """Look answers up and store them. Thread-safe; blocks for its file, but never raises for it.

    Args:
        path: of the file, absolute.
        max_age: seconds an answer is good for, or None for ever.
        max_bytes: what the file may grow to.
    """

    def __init__(self, path: Path, max_age: float | None, max_bytes: int) -> None:
        self._file = shared_file(path, _LAYOUT, patience=PATIENCE)
        self._max_age = max_age
        self._max_bytes = max_bytes
        self._resting_until = 0.0
        self._told: set[Trouble] = set()

    def lookup(self, key: str, now: float) -> Entry | None:
        """Return the answer stored under a key, or None."""
        return self._try(lambda connection: self._lookup(connection, key, now))

    def store(self, key: str, entry: Entry, now: float) -> None:
        """Store an answer under a key, in the place of an earlier one. Only complete good answers belong here."""
        body = zlib.compress(entry.body)
        if len(body) > self._max_bytes:
            return
        cost = None if entry.cost is None else str(entry.cost)
        # Half a surrogate pair is legal in a Python string and can't be stored.
        served_by = entry.served_by.encode("utf-8", "backslashreplace").decode()
        row = (key, entry.surface, served_by, cost, entry.created, now, body)

        def write(connection: sqlite3.Connection) -> None:
            self._drop_old(connection, now)
            connection.execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            _make_room(connection, self._max_bytes)

        self._try(write)

    def clear(self) -> None:
        """Forget every answer."""

        def empty(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM entries")

        self._try(empty)

    def _lookup(self, connection: sqlite3.Connection, key: str, now: float) -> Entry | None:
        row = connection.execute(
            "SELECT surface, served_by, cost, created, body FROM entries WHERE key = ?", (key,)
        ).fetchone()
        if row is None:
            return None
        entry = _entry(*row)
        if entry is None or self._is_old(entry.created, now):
            connection.execute("DELETE FROM entries WHERE key = ?", (key,))
            return None
        connection.execute("UPDATE entries SET used = ? WHERE key = ?", (now, key))
        return entry

    def _is_old(self, created: float, now: float) -> bool:
        return self._max_age is not None and now - created > self._max_age

    def _drop_old(self, connection: sqlite3.Connection, now: float) -> None:
        if self._max_age is not None:
            connection.execute("DELETE FROM entries WHERE created < ?", (now - self._max_age,))

    def _try(self, action: Callable[[sqlite3.Connection], T]) -> T | None:
        # A finalizer, run by the collector in the middle of this very thread's own transaction, does without.
        if time.monotonic() < self._resting_until or self._file.guard.mine:
            return None
        try:
            with self._file.transaction() as connection:
                return action(connection)
        except FileTrouble as trouble:
            self._deal_with(trouble)
            return None

    def _deal_with(self, trouble: FileTrouble) -> None:
        what = "calls go on without it"
        if trouble.kind is Trouble.CORRUPT:
            try:
                aside = self._file.set_aside()
                what = f"it was moved to {aside} and is begun anew" if aside else "it was begun anew"
            except FileTrouble:
                self._resting_until = time.monotonic() + REST
        else:
            self._resting_until = time.monotonic() + REST
        if trouble.kind not in self._told:
            self._told.add(trouble.kind)
            logger.warning("cache: %s; %s", trouble.reason, what)


def _entry(surface: Any, served_by: Any, cost: Any, created: Any, body: Any) -> Entry | None:
    # SQLite keeps what it is given, whatever a column is declared as.
    if not isinstance(created, float) or not isinstance(served_by, str):
        return None
    try:
        amount = None if cost is None else Decimal(cost)
        return Entry(zlib.decompress(body), surface, served_by, amount, created)
    except (zlib.error, InvalidOperation, TypeError):
        return None


def _make_room(connection: sqlite3.Connection, max_bytes: int) -> None:
    """Drop the least recently used answers until the pages in use fit; those that were freed are used again."""
    page_size = _number(connection, "PRAGMA page_size")
    while True:
        pages = _number(connection, "PRAGMA page_count") - _number(connection, "PRAGMA freelist_count")
        excess = pages * page_size - max_bytes
        count = _number(connection, "SELECT count(*) FROM entries") if excess > 0 else 0
        if not count:
            return
        share = max(1, count * excess // (pages * page_size) // 2)
        connection.execute(
            "DELETE FROM entries WHERE key IN (SELECT key FROM entries ORDER BY used, rowid LIMIT ?)", (share,)
        )


def _number(connection: sqlite3.Connection, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])
