"""One SQLite file, as threads, forks and other processes may share it: short transactions on one connection a process.

SQLite forbids to use, and even to close, a connection that was opened before a fork; the child leaves it alone and
opens its own. What goes wrong comes out as `FileTrouble`, and never as anything of `sqlite3`.
"""

from __future__ import annotations

import contextlib
import os
import time
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..forks import renew_after_fork
from .guard import Guard

if TYPE_CHECKING:
    import sqlite3

# Primary result codes (https://sqlite.org/rescode.html); the extended ones have them in their lowest byte.
_BUSY, _LOCKED, _CORRUPT, _NOT_A_DATABASE = 5, 6, 11, 26
_RETRY_SECONDS: Final = 0.01


class Trouble(Enum):
    """Name what is wrong with a file."""

    LOCKED = "locked"
    CORRUPT = "corrupt"
    FOREIGN = "foreign"
    OTHER = "other"


class FileTrouble(Exception):
    """Tell that a file can't be used now: what kind of trouble it is, and a sentence that names the file."""

    def __init__(self, kind: Trouble, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Layout:
    """Say what a file of one kind holds.

    Args:
        what: a word for it, as in "the budget file".
        application_id: SQLite's mark of whose file it is.
        version: of the schema; a file of another version is left alone.
        schema: the statements that make the tables.
    """

    what: str
    application_id: int
    version: int
    schema: tuple[str, ...]


class _Opened:
    """The connection of this process, apart from its file, so that a finalizer can close it."""

    connection: sqlite3.Connection | None = None
    identity: tuple[int, int] | None = None

    def close(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.close()

    def leave_to_the_parent(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            # Kept for ever: collecting it would close it, which a child must not (https://sqlite.org/howtocorrupt.html).
            import ctypes

            ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


class SqliteFile:
    """Run transactions on a file, which is made when it is first needed.

    Args:
        path: absolute.
        layout: what it holds.
        patience: seconds that a transaction may wait for others, in all.
    """

    def __init__(self, path: Path, layout: Layout, *, patience: float) -> None:
        self.path = path
        self.guard = Guard()
        self._layout = layout
        self._patience = patience
        self._opened = _Opened()
        weakref.finalize(self, self._opened.close)
        renew_after_fork(self)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give the connection inside a transaction that writes; it is undone when the block raises.

        Raises:
            FileTrouble: the file is locked, broken, somebody else's, or can't be reached.
        """
        expires = time.monotonic() + self._patience
        if not self.guard.acquire(self._patience):
            raise self._locked()
        try:
            with self._as_trouble():
                connection = self._connection(expires)
                self._begin(connection, expires)
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    with contextlib.suppress(Exception):
                        connection.execute("ROLLBACK")
                    raise
        finally:
            self.guard.release()

    def set_aside(self) -> Path | None:
        """Move a broken file out of the way, under a name that says so; None where another process already has."""
        if not self.guard.acquire(self._patience):
            raise self._locked()
        try:
            seen = self._opened.identity
            self._opened.close()
            if seen is not None and seen != _identity(self.path):
                return None
            aside = self.path.with_name(f"{self.path.name}.corrupt-{time.time_ns()}")
            with self._as_trouble():
                for suffix in ("-wal", "-shm"):
                    with contextlib.suppress(FileNotFoundError):
                        os.replace(f"{self.path}{suffix}", f"{aside}{suffix}")
                with contextlib.suppress(FileNotFoundError):
                    os.replace(self.path, aside)
            self._opened.identity = None
            return aside
        finally:
            self.guard.release()

    def _begin(self, connection: sqlite3.Connection, expires: float) -> None:
        left = max(0, int((expires - time.monotonic()) * 1000))
        connection.execute(f"PRAGMA busy_timeout = {left}")
        connection.execute("BEGIN IMMEDIATE")

    def _connection(self, expires: float) -> sqlite3.Connection:
        opened = self._opened
        if opened.connection is not None and opened.identity == _identity(self.path):
            return opened.connection
        # Deleted or replaced: who writes on to a file without a name writes for nobody.
        opened.close()
        while True:
            try:
                opened.connection, opened.identity = self._open(expires)
                return opened.connection
            except Exception as error:
                # Two processes that switch a new file to WAL at once: one is refused without any waiting.
                if _code(error) not in (_BUSY, _LOCKED) or time.monotonic() >= expires:
                    raise
            time.sleep(_RETRY_SECONDS)

    def _open(self, expires: float) -> tuple[sqlite3.Connection, tuple[int, int] | None]:
        import sqlite3

        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # What is in it is the user's own; SQLite gives its side files the same mode. One that is there is not opened:
        # to close it would drop the locks that another connection of this process has on it, and rows would be lost.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        identity = self._opened.identity = _identity(self.path)
        left = max(0.0, expires - time.monotonic())
        connection = sqlite3.connect(self.path, timeout=left, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection, identity

    def _prepare(self, connection: sqlite3.Connection) -> None:
        layout = self._layout
        # Looked at before it is changed in any way, and in one piece: another process may be making it this moment.
        connection.execute("BEGIN")
        self._check(connection)
        connection.execute("COMMIT")
        # A commit is safe from a crash of any process at once, and from one of the machine after the next checkpoint.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("BEGIN IMMEDIATE")
        if not self._check(connection):
            for statement in layout.schema:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {layout.application_id}")
            connection.execute(f"PRAGMA user_version = {layout.version}")
        connection.execute("COMMIT")

    def _check(self, connection: sqlite3.Connection) -> bool:
        """Say whether the file is ours and ready, or empty; raise where it is neither."""
        layout = self._layout
        application_id = _number(connection, "PRAGMA application_id")
        version = _number(connection, "PRAGMA user_version")
        if (application_id, version) == (layout.application_id, layout.version):
            return True
        if application_id == 0 and _number(connection, "SELECT count(*) FROM sqlite_master") == 0:
            return False
        found = "of another version of this library" if application_id == layout.application_id else "something else's"
        raise FileTrouble(Trouble.FOREIGN, f"the {layout.what} file {self.path} is {found}, and is left as it is")

    def _locked(self) -> FileTrouble:
        return FileTrouble(
            Trouble.LOCKED, f"the {self._layout.what} file {self.path} was locked for {self._patience:g} s"
        )

    @contextlib.contextmanager
    def _as_trouble(self) -> Iterator[None]:
        import sqlite3

        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise self._trouble(error) from None

    def _trouble(self, error: Exception) -> FileTrouble:
        code = _code(error)
        if code in (_BUSY, _LOCKED):
            return self._locked()
        # Whatever it was: the next transaction begins with a fresh look at the file.
        self._opened.close()
        kind, what = Trouble.OTHER, "can't be used"
        if code in (_CORRUPT, _NOT_A_DATABASE):
            kind, what = Trouble.CORRUPT, "is corrupt"
        return FileTrouble(kind, f"the {self._layout.what} file {self.path} {what} ({error})")

    def _renew_after_fork(self) -> None:
        self._opened.leave_to_the_parent()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _code(error: Exception) -> int:
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else 0


def _number(connection: sqlite3.Connection, query: str) -> int:
    row: tuple[Any, ...] | None = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


_files: weakref.WeakValueDictionary[tuple[Path, str], SqliteFile] = weakref.WeakValueDictionary()


def shared_file(path: Path, layout: Layout, *, patience: float) -> SqliteFile:
    """Return the one `SqliteFile` of this process for a path, so that copies and pickles share a connection."""
    file = _files.get((path, layout.what))
    if file is None:
        file = _files[path, layout.what] = SqliteFile(path, layout, patience=patience)
    return file
