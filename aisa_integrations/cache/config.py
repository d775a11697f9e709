"""`Cache`: where answers are kept, as a frozen value that several clients may share."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any, Final

from ..errors import ConfigurationError
from ..stores.folders import cache_folder, resolve_path
from .shelf import Shelf

_FILE: Final = "cache.sqlite3"
WEEK: Final = 7 * 86_400.0
DEFAULT_BYTES: Final = 256 * 1024 * 1024
# The empty file, with its tables and indexes, takes a good half of this.
_SMALLEST: Final = 64 * 1024


@dataclass(frozen=True, slots=True, init=False)
class Cache:
    """Answer a request that was answered before from a file, at no cost.

    Two requests are the same where their JSON, the origin and the API key are; whether the answer is asked for plain or
    as a stream does not matter. The file holds whole replies, compressed, and a hash of each request: a prompt is in it
    only where a reply repeats it, and the API key never. It is made readable by its owner alone. A file that is locked
    or broken is done without; a broken one is moved aside.

    Args:
        path: the SQLite file, on a local disk; None is `cache.sqlite3` in `AISA_HOME`, else in the platform's folder
            for caches.
        max_age: seconds an answer is good for; None for ever.
        max_bytes: what the file may grow to (its write-ahead log takes a few MB beside it); the answers that were
            not used for longest go first.

    Raises:
        ConfigurationError: for a value that cannot work.
    """

    path: Path
    _: KW_ONLY
    max_age: float | None
    max_bytes: int
    _shelf: Shelf = field(init=False, repr=False, compare=False)

    def __init__(
        self, path: str | Path | None = None, *, max_age: float | None = WEEK, max_bytes: int = DEFAULT_BYTES
    ) -> None:
        where = resolve_path(path, "path") if path is not None else cache_folder() / _FILE
        age, size = _checked_age(max_age), _checked_size(max_bytes)
        fields = {"path": where, "max_age": age, "max_bytes": size, "_shelf": Shelf(where, age, size)}
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    @property
    def shelf(self) -> Shelf:
        """Return what keeps the answers."""
        return self._shelf

    def clear(self) -> None:
        """Forget every answer in the file."""
        self._shelf.clear()

    def __copy__(self) -> Cache:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Cache:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (self.path, self.max_age, self.max_bytes))


def _rebuild(path: Path, max_age: float | None, max_bytes: int) -> Cache:
    return Cache(path, max_age=max_age, max_bytes=max_bytes)


def _checked_age(age: object) -> float | None:
    if age is None:
        return None
    if isinstance(age, bool) or not isinstance(age, (int, float)) or not 0 < age < math.inf:
        raise ConfigurationError(f"max_age is a number of seconds above 0, or None for no limit, not {age!r}.")
    return float(age)


def _checked_size(size: object) -> int:
    if isinstance(size, bool) or not isinstance(size, int) or size < _SMALLEST:
        raise ConfigurationError(f"max_bytes is a whole number of bytes, {_SMALLEST} or more, not {size!r}.")
    return size
