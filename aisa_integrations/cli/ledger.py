"""The command's own ledger: what each call used and cost, in a file that holds not a word of what was said."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from ..errors import AisaError
from ..stores.folders import data_folder
from ..stores.sqlite_file import FileTrouble, Layout, SqliteFile, Trouble, shared_file
from ..tracking import Spend
from ..usage import Exchange
from .screen import Screen

_NAME: Final = "usage.sqlite"
# Seconds to wait for other processes: an answer is on the screen already, and its reader waits for the prompt.
_PATIENCE: Final = 2.0
_LIKE_A_KEY: Final = re.compile(r"(?<!\w)sk-[\w-]{16,}")
_LAYOUT: Final = Layout(
    what="usage",
    application_id=0x41495355,  # "AISU"
    version=1,
    schema=(
        "CREATE TABLE calls (at REAL NOT NULL, origin TEXT NOT NULL, verb TEXT NOT NULL, asked TEXT, served TEXT, "
        "prompt_tokens INTEGER, completion_tokens INTEGER, billed TEXT NOT NULL, estimated TEXT NOT NULL, "
        "unknown INTEGER NOT NULL, cached INTEGER NOT NULL, saved TEXT, cause TEXT)",
        "CREATE INDEX calls_at ON calls (at)",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One logical call.

    Args:
        at: UNIX seconds when it was written down, which is right after it ended.
        origin: of the gateway: one on this machine bills too, but no money.
        verb: of the command, such as `chat`.
        asked: the model that was asked.
        served: the one that answered, or None.
        prompt_tokens: None where nobody said.
        completion_tokens: None where nobody said.
        billed: USD by the gateway's word; failed attempts that it billed are in it.
        estimated: USD by the catalogue's prices.
        unknown: whether more may have been billed than is said here.
        cached: whether it was answered from the caller's own cache.
        saved: USD that a cached answer did not cost again.
        cause: of its failure, or None.
    """

    at: float
    origin: str
    verb: str
    asked: str | None
    served: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    billed: Decimal
    estimated: Decimal
    unknown: bool
    cached: bool
    saved: Decimal | None
    cause: str | None


def entry(exchange: Exchange, *, verb: str, origin: str, at: float) -> Entry:
    """Return what is written down of a call; it counts as `track()` counts it."""
    spend = Spend()
    spend.record(exchange)
    return Entry(
        at=at,
        origin=origin,
        verb=verb,
        asked=_named(exchange.model),
        served=_named(exchange.served_by),
        prompt_tokens=exchange.usage.prompt_tokens,
        completion_tokens=exchange.usage.completion_tokens,
        billed=spend.billed,
        estimated=spend.estimated,
        unknown=bool(spend.unknown),
        cached=exchange.cached,
        saved=exchange.saved,
        cause=exchange.error,
    )


def _named(model: str | None) -> str | None:
    if model is None:
        return None
    key = os.environ.get("AISA_API_KEY", "").strip()
    if _LIKE_A_KEY.search(model) or (key and key in model):
        return "(a key)"  # given where a model's id belongs; the ledger is no place for it
    # Half a surrogate pair is legal in a Python string and can't be stored.
    return model.encode("utf-8", "backslashreplace").decode()


class Ledger:
    """The file with a row for each call, shared by every process of this user."""

    def __init__(self, path: Path | None = None) -> None:
        """Take the file's path; else it is in the data folder.

        Raises:
            ConfigurationError: there is no such folder.
        """
        self.path = path or data_folder() / _NAME

    def append(self, entries: Iterable[Entry]) -> None:
        """Write calls down.

        Raises:
            FileTrouble: the file is locked, broken or out of reach.
        """
        rows = [_row(one) for one in entries]
        with self._file().transaction() as connection:
            connection.executemany("INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def since(self, at: float) -> list[Entry]:
        """Return the calls since a UNIX time, oldest first; none where nothing was ever written.

        Raises:
            FileTrouble: the file is locked, broken or out of reach.
        """
        if not self.path.exists():
            return []
        with self._file().transaction() as connection:
            rows = connection.execute("SELECT * FROM calls WHERE at >= ? ORDER BY at", (at,)).fetchall()
        return [_entry(row) for row in rows]

    def set_aside(self) -> Path | None:
        """Move a broken file out of the way; return where it is now, None where another process already has."""
        return self._file().set_aside()

    def _file(self) -> SqliteFile:
        return shared_file(self.path, _LAYOUT, patience=_PATIENCE)


def _row(one: Entry) -> tuple[Any, ...]:
    # In the order of the table's columns. Money is text, exact to the last digit.
    return tuple(f"{value:f}" if isinstance(value, Decimal) else value for value in astuple(one))


def _entry(row: tuple[Any, ...]) -> Entry:
    at, origin, verb, asked, served, prompt, completion, billed, estimated, unknown, cached, saved, cause = row
    return Entry(
        at=at,
        origin=origin,
        verb=verb,
        asked=asked,
        served=served,
        prompt_tokens=prompt,
        completion_tokens=completion,
        billed=Decimal(billed),
        estimated=Decimal(estimated),
        unknown=bool(unknown),
        cached=bool(cached),
        saved=None if saved is None else Decimal(saved),
        cause=cause,
    )


class Bookkeeper:
    """Write a session's calls to the ledger, each once. What goes wrong is said once, and fails nothing.

    Args:
        verb: whose calls they are.
        origin: of the gateway that they go to.
        spend: the calls so far.
        screen: where trouble is told.
    """

    def __init__(self, verb: str, origin: str, spend: Spend, screen: Screen) -> None:
        self._verb = verb
        self._origin = origin
        self._spend = spend
        self._screen = screen
        self._written = 0
        self._gave_up = False

    def catch_up(self) -> None:
        """Write down what has ended since the last time."""
        ended = self._spend.exchanges[self._written :]
        if not ended or self._gave_up:
            return
        try:
            ledger = Ledger()
            now = time.time()
            entries = [entry(exchange, verb=self._verb, origin=self._origin, at=now) for exchange in ended]
            try:
                ledger.append(entries)
            except FileTrouble as trouble:
                if trouble.kind is not Trouble.CORRUPT:
                    raise
                aside = ledger.set_aside()
                self._warn(f"{trouble.reason}; a new one begins{f', and it is kept as {aside}' if aside else ''}")
                ledger.append(entries)
            self._written += len(ended)
        except (FileTrouble, AisaError) as trouble:
            self._gave_up = True
            self._warn(f"not in `aisa usage`: {trouble}")

    def _warn(self, text: str) -> None:
        self._screen.note(text, style="yellow")
