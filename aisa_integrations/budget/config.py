"""`Budget`: a limit on spending as a frozen value, with one ledger behind it that all its users share."""

from __future__ import annotations

import secrets
import time
import weakref
from dataclasses import KW_ONLY, dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final, Literal

from ..errors import ConfigurationError
from ..stores.folders import data_folder, resolve_path
from .answers import BudgetState, Period, Unavailable
from .decisions import Terms
from .ledger import Ledger
from .memory import MemoryBook
from .sqlite import SqliteBook

_FILE: Final = "budget.sqlite3"
# The budgets of this process that are kept in memory, so that a pickle made here finds its own again.
_in_memory: weakref.WeakValueDictionary[str, Ledger] = weakref.WeakValueDictionary()


@dataclass(frozen=True, slots=True, init=False)
class Budget:
    """Limit what calls may cost, before they are sent.

    Clients that are given the same object share it. Without a path it counts in this process's memory: a forked child
    goes on from a copy of what was spent, and a pickle in another process starts at 0. With a path, or per day, it
    counts in a SQLite file (on a local disk), for every process that names it and for the next run too; a file that
    can't be used refuses calls rather than spend unseen. What a process reserved before it died stays reserved, for
    the day or the life of the file, since it may have been billed.

    Args:
        usd: the limit.
        per: `run` is the life of this object, or of the file; `day` is the UTC day.
        unknown: `refuse` calls whose price is not known, or `allow` them and count them when they are billed.
        assume_output_tokens: tokens to reserve for an answer where the call sets no `max_tokens`.
        path: the file; None is memory for a run, and `budget.sqlite3` in `AISA_HOME` (else the platform's folder for
            data) for a day.

    Raises:
        ConfigurationError: for a value that cannot work.
    """

    usd: Decimal
    _: KW_ONLY
    per: Period
    unknown: Literal["refuse", "allow"]
    assume_output_tokens: int | None
    path: Path | None
    _token: str | None = field(init=False, repr=False)
    _ledger: Ledger = field(init=False, repr=False, compare=False)

    def __init__(
        self,
        usd: Decimal | float | str,
        *,
        per: Period = "run",
        unknown: Literal["refuse", "allow"] = "refuse",
        assume_output_tokens: int | None = None,
        path: str | Path | None = None,
    ) -> None:
        if per not in ("run", "day"):
            raise ConfigurationError(f'per is "run" or "day", not {per!r}.')
        where = resolve_path(path, "path") if path is not None else data_folder() / _FILE if per == "day" else None
        values = (_checked_usd(usd), per, _checked_unknown(unknown), _checked_tokens(assume_output_tokens), where)
        self._set(*values, None if where is not None else secrets.token_hex(16))

    @property
    def ledger(self) -> Ledger:
        """Return what keeps the count."""
        return self._ledger

    def state(self) -> BudgetState:
        """Return what is spent, reserved and left.

        Raises:
            ConfigurationError: the budget's file can't be used.
        """
        state = self._ledger.state(time.time())
        if isinstance(state, Unavailable):
            raise ConfigurationError(f"The budget can't be read: {state.reason}.")
        return state

    def _set(
        self,
        usd: Decimal,
        per: Period,
        unknown: Literal["refuse", "allow"],
        tokens: int | None,
        path: Path | None,
        token: str | None,
    ) -> None:
        ledger = _ledger(Terms(usd, per, unknown), path, token)
        names = ("usd", "per", "unknown", "assume_output_tokens", "path", "_token", "_ledger")
        for name, value in zip(names, (usd, per, unknown, tokens, path, token, ledger), strict=True):
            object.__setattr__(self, name, value)

    def __copy__(self) -> Budget:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Budget:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        fields = (self.usd, self.per, self.unknown, self.assume_output_tokens, self.path, self._token)
        return (_rebuild, fields)


def _rebuild(*fields: Any) -> Budget:
    budget = Budget.__new__(Budget)
    budget._set(*fields)
    return budget


def _ledger(terms: Terms, path: Path | None, token: str | None) -> Ledger:
    if path is not None:
        return Ledger(terms, SqliteBook(path))
    assert token is not None
    known = _in_memory.get(token)
    return known if known is not None else _in_memory.setdefault(token, Ledger(terms, MemoryBook()))


def _checked_usd(usd: object) -> Decimal:
    try:
        # By way of its text, a float is the decimal that was written.
        limit = Decimal(str(usd)) if isinstance(usd, (int, float, str, Decimal)) and not isinstance(usd, bool) else None
        if limit is not None and 0 <= limit < Decimal("1e15"):
            return limit
    except InvalidOperation:
        pass
    raise ConfigurationError(f"usd is an amount of dollars, 0 or more, not {usd!r}.")


def _checked_unknown(unknown: Any) -> Literal["refuse", "allow"]:
    if unknown not in ("refuse", "allow"):
        raise ConfigurationError(f'unknown is "refuse" or "allow", not {unknown!r}.')
    checked: Literal["refuse", "allow"] = unknown
    return checked


def _checked_tokens(tokens: object) -> int | None:
    if tokens is not None and (isinstance(tokens, bool) or not isinstance(tokens, int) or tokens < 1):
        raise ConfigurationError(f"assume_output_tokens is a whole number above 0, or None, not {tokens!r}.")
    return tokens
