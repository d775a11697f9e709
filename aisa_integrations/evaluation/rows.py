"""The rows of a data set, one after the other, whatever they come in; each with a name that a later run finds again."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..errors import ConfigurationError
from ..stores.folders import resolve_path
from .digests import NotTold, digest

# The field of rows that are plain text, and the one that is asked where no prompt is given.
PROMPT: Final = "prompt"
_KINDS: Final = ".jsonl, .ndjson, .csv and .parquet"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the data.

    Args:
        number: its place, from 0.
        id: its own id, else its number.
        fields: what it holds.
        identity: tells it from other rows, in a later run too: its id or else its content, and which one of several
            that are alike.
        content: tells what it holds from what it held before.
    """

    number: int
    id: str
    fields: Mapping[str, Any]
    identity: tuple[str, int]
    content: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows to read once.

    Args:
        fields: what each holds, read as it is asked for.
        count: how many there are, or None where only reading them tells.
    """

    fields: Iterator[Mapping[str, Any]]
    count: int | None


def rows_of(data: object) -> Rows:
    """Return the rows of a list, a generator, a data frame, or the path of a file.

    Raises:
        ConfigurationError: it is none of these, or the file can't be read.
    """
    if isinstance(data, (str, os.PathLike)):
        return _rows_of_file(resolve_path(data, "rows"))
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(data, pandas.DataFrame):
        return Rows(_rows_of_frame(data), len(data))
    if isinstance(data, (Mapping, bytes)) or not isinstance(data, Iterable):
        raise ConfigurationError(
            f"rows is a list of dicts or texts, a data frame, or the path of a file, not {type(data).__name__}."
        )
    return Rows(_checked(data), len(data) if isinstance(data, Sized) else None)


def identified(fields: Iterable[Mapping[str, Any]], id_field: str | None) -> Iterator[Row]:
    """Give each row its number and its names.

    Args:
        fields: what the rows hold.
        id_field: the field that names a row; None is `id`, where a row has it.

    Raises:
        ConfigurationError: a row without the field that was named, or one that nothing tells from another.
    """
    seen: Counter[str] = Counter()
    for number, held in enumerate(fields):
        own = _own_id(held, id_field, number)
        try:
            content = digest(held)
        except NotTold as unknown:
            if own is None:
                raise ConfigurationError(
                    f"row {number} holds {unknown}, which can't be told from another one in a later run: give each row "
                    "an id, in its field `id` or in the one that row_id=… names."
                ) from None
            content = digest(held, strictly=False)
        name = digest(["id", own]) if own is not None else content
        yield Row(number, str(number) if own is None else own, held, (name, seen[name]), content)
        seen[name] += 1


def _own_id(held: Mapping[str, Any], id_field: str | None, number: int) -> str | None:
    own = held.get("id" if id_field is None else id_field)
    if isinstance(own, (str, int, float)) and not isinstance(own, bool) and own == own and own != "":
        return str(own)
    if id_field is not None and _names_it(own):
        return str(own)
    if id_field is not None:
        raise ConfigurationError(f"row {number} has no {id_field!r} that names it: it holds {_listed(held)}.")
    return None


def _names_it(own: Any) -> bool:
    """Say whether what the named field holds can be an id: a UUID, a date, an amount, a whole number of numpy's."""
    if own is None or isinstance(own, (bool, float, Mapping, list, tuple)) or own != own or own == "":
        return False
    try:
        digest(own)
    except NotTold:
        return False
    return True


def _listed(held: Mapping[str, Any]) -> str:
    return ", ".join(map(str, held)) or "nothing"


def _checked(data: Iterable[object]) -> Iterator[Mapping[str, Any]]:
    for number, one in enumerate(data):
        yield _fields(one, f"row {number}")


def _fields(one: object, where: str) -> Mapping[str, Any]:
    if isinstance(one, str):
        return {PROMPT: one}
    if not isinstance(one, Mapping):
        raise ConfigurationError(f"{where} is a dict of fields or a text, not {type(one).__name__}.")
    return one if all(isinstance(name, str) for name in one) else {str(name): value for name, value in one.items()}


def _rows_of_frame(frame: Any) -> Iterator[Mapping[str, Any]]:
    import pandas

    names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names):
        raise ConfigurationError(f"rows has two columns of one name: {', '.join(names)}.")

    def known(value: Any) -> Any:
        missing = value is pandas.NA or value is pandas.NaT or (isinstance(value, float) and value != value)
        return None if missing else value

    for values in frame.itertuples(index=False, name=None):
        yield dict(zip(names, map(known, values), strict=True))


# ---- files ----------------------------------------------------------------------------------------------------------


def _rows_of_file(path: Path) -> Rows:
    kind = path.suffix.lower()
    try:
        if kind in (".parquet", ".pq"):
            return _rows_of_parquet(path)
        if kind not in (".jsonl", ".ndjson", ".csv"):
            raise ConfigurationError(f"rows is read from {_KINDS} files, not from {path.name!r}.")
        read = _read_csv if kind == ".csv" else _read_lines
        # Read once before anything is asked: what is wrong in its last line is better known now, and so is its length.
        return Rows(read(path), sum(1 for _ in read(path)))
    except OSError as error:
        raise ConfigurationError(f"rows: {path.name} can't be read: {error.strerror or error}.") from None
    except UnicodeError:
        raise ConfigurationError(f"rows: {path.name} is not text in UTF-8.") from None


def _read_lines(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                held = json.loads(line)
            except ValueError as error:
                raise ConfigurationError(f"rows: line {number} of {path.name} is no JSON: {error}.") from None
            yield _fields(held, f"rows: line {number} of {path.name}")


def _read_csv(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        try:
            for held in reader:
                if None in held:
                    raise ConfigurationError(
                        f"rows: line {reader.line_num} of {path.name} has more cells than columns."
                    )
                yield held
        except csv.Error as error:
            raise ConfigurationError(f"rows: line {reader.line_num} of {path.name}: {error}.") from None


def _rows_of_parquet(path: Path) -> Rows:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise ImportError('Parquet files need pyarrow: pip install "aisa-integrations[eval]"') from error
    try:
        with parquet.ParquetFile(path) as file:
            count = file.metadata.num_rows
    except pyarrow.ArrowInvalid as error:
        raise ConfigurationError(f"rows: {path.name} is no Parquet file: {error}.") from None

    def read() -> Iterator[Mapping[str, Any]]:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1_000):
                yield from batch.to_pylist()

    return Rows(read(), count)
