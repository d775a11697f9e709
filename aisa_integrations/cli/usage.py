"""`aisa usage`: what the command's calls cost, by UTC day and model, from its own ledger."""

from __future__ import annotations

import functools
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ..display.money import usd
from ..errors import AisaError
from . import options
from .screen import Screen

if TYPE_CHECKING:
    from rich.table import Table

    from .ledger import Entry

_DAY: Final = 86_400
_EXACT: Final = Context(prec=200)


def usage(
    days: Annotated[
        int, typer.Option("--days", metavar="N", min=1, max=36_500, help="UTC days, today among them.")
    ] = 30,
    as_json: options.AsJson = False,
) -> None:
    """Show what this command's calls cost, by day and model. Days are UTC, as those of --budget N/day are.

    The ledger is a file on this machine, which --json names: models, tokens and costs, no text. It knows the calls of
    `aisa` alone, and not those with --local. The table is of one gateway: $AISA_BASE_URL, else the live one. Sums are
    rounded in the table; --json has every digit.
    """
    from ..settings import resolve_origin
    from ..stores.sqlite_file import FileTrouble, Trouble
    from .ledger import Ledger

    screen = Screen(as_json)
    origin, ledger = str(resolve_origin()), Ledger()
    since = (int(time.time()) // _DAY - days + 1) * _DAY
    try:
        entries = ledger.since(since)
    except FileTrouble as trouble:
        locked = trouble.kind is Trouble.LOCKED
        way_out = "Try again in a moment." if locked else "Move it away, and the next call begins a new one."
        raise AisaError(f"{trouble.reason}. {way_out}") from None
    here = [entry for entry in entries if entry.origin == origin]
    rows = by_day_and_model(here)
    total = added_up("total", "", here)
    elsewhere = Counter(entry.origin for entry in entries if entry.origin != origin)
    if as_json:
        told = {"ok": True, "origin": origin, "days": days, "timezone": "UTC", "since": _day(since)}
        screen.document(
            {
                **told,
                "rows": [row.record() for row in rows],
                "total": total.record(named=False),
                "calls_elsewhere": elsewhere,
                "ledger": str(ledger.path),
            }
        )
        return
    if rows:
        screen.table(_table(rows, total))
    else:
        screen.line(f"No calls to {origin} since {_day(since)} (UTC).")
    if elsewhere:
        screen.note(_not_shown(elsewhere))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What the calls of one day to one model add up to; tokens are None where no call's are known."""

    day: str
    model: str
    calls: int
    failed: int
    cached: int
    prompt_tokens: int | None
    completion_tokens: int | None
    billed: Decimal
    estimated: Decimal
    saved: Decimal
    unknown: int

    def record(self, *, named: bool = True) -> dict[str, Any]:
        """Return it as `--json` tells it."""
        return {
            **({"day": self.day, "model": self.model} if named else {}),
            "calls": self.calls,
            "failed": self.failed,
            "cached": self.cached,
            "input_tokens": self.prompt_tokens,
            "output_tokens": self.completion_tokens,
            "billed_usd": self.billed,
            "estimated_usd": self.estimated,
            "saved_usd": self.saved,
            "calls_of_unknown_cost": self.unknown,
        }


def by_day_and_model(entries: Iterable[Entry]) -> list[Row]:
    """Add calls up by UTC day, newest first, and by the model that answered, else the one that was asked."""
    groups: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        groups.setdefault((_day(entry.at), entry.served or entry.asked or "?"), []).append(entry)
    rows = [added_up(day, model, group) for (day, model), group in groups.items()]
    rows.sort(key=lambda row: (-row.billed - row.estimated, row.model))
    return sorted(rows, key=lambda row: row.day, reverse=True)


def added_up(day: str, model: str, entries: Iterable[Entry]) -> Row:
    """Add calls up."""
    entries = list(entries)
    return Row(
        day=day,
        model=model,
        calls=len(entries),
        failed=sum(entry.cause is not None for entry in entries),
        cached=sum(entry.cached for entry in entries),
        prompt_tokens=_known(entry.prompt_tokens for entry in entries),
        completion_tokens=_known(entry.completion_tokens for entry in entries),
        billed=_sum(entry.billed for entry in entries),
        estimated=_sum(entry.estimated for entry in entries),
        saved=_sum(entry.saved for entry in entries if entry.saved is not None),
        unknown=sum(entry.unknown for entry in entries),
    )


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return functools.reduce(_EXACT.add, amounts, Decimal(0))


def _known(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


def _not_shown(elsewhere: Mapping[str, int]) -> str:
    calls = sum(elsewhere.values())
    count = f"Not in it: {calls:,} call{'' if calls == 1 else 's'} to"
    if len(elsewhere) == 1:
        (other,) = elsewhere
        return f"{count} {other}; AISA_BASE_URL={other} shows {'it' if calls == 1 else 'them'}."
    return f"{count} {len(elsewhere):,} other gateways, which --json names; AISA_BASE_URL=… shows those of one."


def _table(rows: Iterable[Row], total: Row) -> Table:
    from .tables import plain_table

    table = plain_table("UTC day", ">calls", ">in", ">out", ">billed", ">estimated", ">unknown")
    day = ""
    for row in rows:
        if row.day != day:
            day = row.day
            table.add_row(day, style="bold")
        table.add_row(f"  {row.model}", *_cells(row))
    table.add_section()
    table.add_row("total", *_cells(total), style="bold")
    return table


def _cells(row: Row) -> tuple[str, ...]:
    prompt, completion = (_tokens(tokens) for tokens in (row.prompt_tokens, row.completion_tokens))
    return f"{row.calls:,}", prompt, completion, _about(row.billed), _about(row.estimated), f"{row.unknown:,}"


def _tokens(count: int | None) -> str:
    if count is None:
        return "?"
    if count < 10_000:
        return f"{count:,}"
    unit, size = next((unit, size) for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)) if count >= size)
    return f"{count / size:.1f}{unit}" if count < 100 * size else f"{count // size}{unit}"


def _about(amount: Decimal) -> str:
    """Return a sum as short as it can be read; never as nothing where there was something. --json has it exactly."""
    if amount >= Decimal("0.01"):
        return f"${amount:,.4f}"
    return usd(Decimal(f"{amount:.3g}"))
