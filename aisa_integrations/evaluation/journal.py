"""What is done, by the key of each call: in memory, or in a file that a later run goes on from."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

from ..errors import ConfigurationError
from .exclusive import Busy, hold
from .record import Answer, from_fields

FORMAT: Final = "aisa_evaluation"
_VERSION: Final = 1
# How every file of ours begins, so that no other one is written to.
_BEGINNING: Final = f'{{"{FORMAT}": '.encode()


class Journal(Protocol):
    """What an evaluation has done. Later entries of a key add to earlier ones, or take their place field by field."""

    path: Path | None

    def get(self, key: str) -> Answer | None:
        """Return what is known of a call."""

    def has(self, key: str) -> bool:
        """Say whether anything is known of a call."""

    def add(self, fields: Mapping[str, Any]) -> None:
        """Keep an entry; it holds its `key`. When this returns, the entry outlives the process."""

    def read(self, keys: Iterator[str]) -> Iterator[Answer]:
        """Give the answers of these keys; those that have none are passed over."""

    def close(self) -> None:
        """Let go of what is held; reading goes on to work."""


class MemoryJournal:
    """A journal that ends with its process."""

    path: Path | None = None

    def __init__(self) -> None:
        self._held: dict[str, dict[str, Any]] = {}

    def get(self, key: str) -> Answer | None:
        """Return what is known of a call."""
        held = self._held.get(key)
        return from_fields(held) if held is not None else None

    def has(self, key: str) -> bool:
        """Say whether anything is known of a call."""
        return key in self._held

    def add(self, fields: Mapping[str, Any]) -> None:
        """Keep an entry."""
        self._held.setdefault(fields["key"], {}).update(fields)

    def read(self, keys: Iterator[str]) -> Iterator[Answer]:
        """Give the answers of these keys."""
        return (from_fields(self._held[key]) for key in keys if key in self._held)

    def close(self) -> None:
        """Do nothing."""


class FileJournal:
    """A journal in a file of JSON lines, written by one process at a time.

    A line is handed to the operating system before its call counts as done: then the end of this process, however it
    comes, loses nothing. It is not forced onto the disk, which would take longer than many a call; a power cut may lose
    the last seconds, whose calls are asked again. What was written in part is removed when the file is opened.

    Args:
        path: the file; made where there is none.
        run: what is told of this run, in a line of its own.

    Raises:
        ConfigurationError: the file is another's, is in use, or can't be read or written.
    """

    def __init__(self, path: Path, run: Mapping[str, Any]) -> None:
        self.path: Path | None = path
        # Where the lines of each key begin, the earliest first.
        self._places: dict[str, tuple[int, ...]] = {}
        self._fd = _opened(path)
        try:
            with path.open("rb") as file:
                self._end, runs = self._taken_in(file)
            os.ftruncate(self._fd, self._end)
            if run not in runs:
                self._append({FORMAT: _VERSION, "run": run})
            self._reader = path.open("rb")
        except BaseException:
            os.close(self._fd)
            raise

    def get(self, key: str) -> Answer | None:
        """Return what is known of a call."""
        return self._read(self._reader, key) if key in self._places else None

    def has(self, key: str) -> bool:
        """Say whether anything is known of a call."""
        return key in self._places

    def add(self, fields: Mapping[str, Any]) -> None:
        """Write a line.

        Raises:
            OSError: it can't be written, as on a full disk; the file holds what it held.
        """
        place = self._append(fields)
        self._places[fields["key"]] = (*self._places.get(fields["key"], ()), place)

    def read(self, keys: Iterator[str]) -> Iterator[Answer]:
        """Give the answers of these keys, read from the file one by one."""
        assert self.path is not None
        with self.path.open("rb") as file:
            for key in keys:
                if key in self._places:
                    yield self._read(file, key)

    def close(self) -> None:
        """Force what was written onto the disk, and let another process have the file."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            self._reader.close()
            try:
                os.fsync(fd)
            finally:
                os.close(fd)

    def _append(self, fields: Mapping[str, Any]) -> int:
        line = json.dumps(fields, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace") + b"\n"
        place, written = self._end, 0
        try:
            while written < len(line):
                written += os.write(self._fd, line[written:])
        except OSError:
            os.ftruncate(self._fd, place)
            raise
        self._end += len(line)
        return place

    def _read(self, file: BinaryIO, key: str) -> Answer:
        held: dict[str, Any] = {}
        for place in self._places[key]:
            file.seek(place)
            line = file.readline()
            entry = _decoded(line)
            if entry is None or entry.get("key") != key:
                raise ConfigurationError(f"{self.path} was changed by another program while it was in use.")
            held.update(entry)
        try:
            return from_fields(held)
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            raise ConfigurationError(
                f"{self.path} was edited: of the call with the key {key} something is missing or no longer what it was "
                f"({type(error).__name__}: {error}). Remove the lines with that key, and it is asked again."
            ) from None

    def _taken_in(self, file: BinaryIO) -> tuple[int, list[Any]]:
        """Index a file and return where its last whole line ends, and what it tells of runs."""
        beginning = file.read(len(_BEGINNING))
        if not _BEGINNING.startswith(beginning[: len(_BEGINNING)]):
            raise ConfigurationError(
                f"{self.path} exists and holds something else than an evaluation; name another file."
            )
        file.seek(0)
        end, runs = 0, []
        for number, line in enumerate(file, 1):
            entry = _decoded(line) if line.endswith(b"\n") else None
            if entry is None:
                # Only what was written last can be there in part.
                if file.read(1):
                    raise ConfigurationError(f"line {number} of {self.path} is damaged; remove that line to go on.")
                break
            if FORMAT in entry:
                if entry[FORMAT] != _VERSION:
                    raise ConfigurationError(f"{self.path} is of another version of this package; name another file.")
                runs.append(entry.get("run"))
            elif isinstance(key := entry.get("key"), str) and ("model" in entry or key in self._places):
                self._places[key] = (*self._places.get(key, ()), end)
            end += len(line)
        return end, runs


def _opened(path: Path) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
    try:
        fd = os.open(path, flags, 0o644)
    except OSError as error:
        raise ConfigurationError(f"out: {path} can't be written: {error.strerror or error}.") from None
    try:
        hold(fd)
    except Busy:
        os.close(fd)
        raise ConfigurationError(
            f"{path} is being written by another evaluation; wait for it, or name another file."
        ) from None
    except BaseException:
        os.close(fd)
        raise
    return fd


def _decoded(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
