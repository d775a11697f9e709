"""Where the rows of an A/B test are kept: a file of JSON lines, a SQLite file, or the memory of this process.

Both files may be written by several threads and processes at once, and take a row as a whole or not at all.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Protocol

from ..errors import ConfigurationError
from ..stores.folders import resolve_path
from ..stores.sqlite_file import FileTrouble, Layout, shared_file
from .row import COLUMNS, OUTCOMES, Row

logger: Final = logging.getLogger("aisa_integrations")

_LINES: Final = (".jsonl", ".ndjson")
_TABLES: Final = (".sqlite", ".sqlite3", ".db")
_MONEY: Final = ("cost_usd", "failed_cost_usd")
_FLAGS: Final = ("stream", "cached")
# Seconds to wait for other processes: thousands of their rows fit in.
_PATIENCE: Final = 5.0
_LAYOUT: Final = Layout(
    what="A/B test",
    application_id=0x41495354,  # "AIST"
    version=1,
    schema=(
        "CREATE TABLE calls (time REAL NOT NULL, arm TEXT NOT NULL, model TEXT NOT NULL, outcome TEXT NOT NULL, "
        "served_by TEXT, stream INTEGER NOT NULL, latency_s REAL NOT NULL, ttft_s REAL, input_tokens INTEGER, "
        "output_tokens INTEGER, cost_usd TEXT, cost_kind TEXT, failed_cost_usd TEXT, attempts INTEGER NOT NULL, "
        "cached INTEGER NOT NULL, error TEXT, prompt TEXT, response TEXT)",
    ),
)


class Log(Protocol):
    """Keep rows."""

    def add(self, row: Row) -> None:
        """Keep one more; an `OSError` or a `FileTrouble` says that it could not be."""

    def rows(self) -> list[Row]:
        """Return all, in the order in which they were added."""


def log_at(path: str | os.PathLike[str] | None) -> Log:
    """Return the log in a file, which is made if it is not there; or in memory, for None.

    Raises:
        ConfigurationError: the file can't be used, or its name does not say what it is.
    """
    if path is None:
        return _Memory()
    whole = resolve_path(path, "log")
    log = _opened(whole)
    try:
        log.prepare()
    except (OSError, FileTrouble) as error:
        raise ConfigurationError(f"the log of an A/B test can't be written: {error}") from None
    return log


def read_rows(path: str | os.PathLike[str]) -> list[Row]:
    """Return the rows of a file.

    Raises:
        ConfigurationError: there is no such file, or it holds something else.
    """
    whole = resolve_path(path, "the log")
    log = _opened(whole)
    if not whole.exists():
        raise ConfigurationError(f"there is no log of an A/B test at {whole}.")
    try:
        return log.rows()
    except (OSError, FileTrouble) as error:
        raise ConfigurationError(f"the log of an A/B test can't be read: {error}") from None


def _opened(path: Path) -> _Lines | _Table:
    if path.suffix in _LINES:
        return _Lines(path)
    if path.suffix in _TABLES:
        return _Table(path)
    raise ConfigurationError(f"log is a file of JSON lines ({_LINES[0]}) or SQLite ({_TABLES[0]}), not {path.name!r}.")


class _Memory:
    def __init__(self) -> None:
        self._rows: list[Row] = []

    def add(self, row: Row) -> None:
        self._rows.append(row)

    def rows(self) -> list[Row]:
        return list(self._rows)


class _Lines:
    """A line of JSON for each row. Opened anew for each, so that a file that is moved away begins again."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def prepare(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._write(b"")

    def add(self, row: Row) -> None:
        values = {name: value for name, value in row.to_dict().items() if value is not None}
        # Half a surrogate pair is legal in a Python string: as ASCII it is written as an escape.
        self._write(json.dumps(values).encode("ascii") + b"\n")

    def _write(self, line: bytes) -> None:
        # One write to a file that is appended to: whoever else writes, the lines come one after the other.
        file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            if line and _ends_torn(file):
                line = b"\n" + line
            if os.write(file, line) != len(line):
                raise OSError(f"{self._path} took only a part of a row")
        finally:
            os.close(file)

    def rows(self) -> list[Row]:
        with self._path.open(encoding="ascii") as lines:
            found = [self._row(number, line.strip()) for number, line in enumerate(lines, start=1) if line.strip()]
        return [row for row in found if row is not None]

    def _row(self, number: int, line: str) -> Row | None:
        if line.startswith("{") and not line.endswith("}"):
            # A full disk or the end of the machine, or a row that is being written this moment.
            logger.warning("line %d of %s is only the start of a row, and is left out", number, self._path)
            return None
        try:
            values = json.loads(line)
            # As text, for a float's shortest form is the very amount that was written.
            money = {name: Decimal(repr(values[name])) for name in _MONEY if name in values}
            return _checked({**dict.fromkeys(COLUMNS), **values, **money})
        except (ValueError, TypeError, ArithmeticError) as error:
            raise ConfigurationError(f"line {number} of {self._path} is no row of an A/B test: {error}") from None


def _ends_torn(file: int) -> bool:
    """Say whether a file ends within a line, so that the next row would be lost with it."""
    if not os.lseek(file, 0, os.SEEK_END):
        return False
    os.lseek(file, -1, os.SEEK_END)
    return os.read(file, 1) != b"\n"


class _Table:
    def __init__(self, path: Path) -> None:
        self._path = path

    def prepare(self) -> None:
        with self._transaction():
            pass

    def add(self, row: Row) -> None:
        values = [_stored(getattr(row, name)) for name in COLUMNS]
        places = ", ".join("?" * len(COLUMNS))
        with self._transaction() as connection:
            connection.execute(f"INSERT INTO calls ({', '.join(COLUMNS)}) VALUES ({places})", values)  # noqa: S608 - ours

    def rows(self) -> list[Row]:
        with self._transaction() as connection:
            found = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM calls ORDER BY rowid").fetchall()  # noqa: S608
        return [_checked(_loaded(dict(zip(COLUMNS, values, strict=True)))) for values in found]

    def _transaction(self) -> Any:
        # Found anew each time, so that a copy of the test in another process has a connection of its own.
        return shared_file(self._path, _LAYOUT, patience=_PATIENCE).transaction()


def _stored(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _loaded(values: dict[str, Any]) -> dict[str, Any]:
    money = {name: Decimal(values[name]) for name in _MONEY if values[name] is not None}
    return {**values, **money, **{name: bool(values[name]) for name in _FLAGS}}


def _checked(values: Mapping[str, Any]) -> Row:
    if values["outcome"] not in OUTCOMES:
        raise ValueError(f"its outcome is {values['outcome']!r}")
    return Row(**values)
