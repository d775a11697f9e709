"""How far an evaluation is, what it has cost, and what all of it will cost: counted as answers are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Final

from .record import ZERO, Answer

_EXACT: Final = Context(prec=200)


@dataclass(slots=True)
class Count:
    """What the calls to one model, or to all, come to."""

    calls: int = 0
    failed: int = 0
    billed: Decimal = ZERO
    estimated: Decimal = ZERO
    unknown: int = 0

    def add(self, answer: Answer) -> None:
        """Add one call."""
        self.calls += 1
        self.failed += not answer.ok
        self.billed = _EXACT.add(self.billed, answer.billed)
        self.estimated = _EXACT.add(self.estimated, answer.estimated)
        self.unknown += answer.unknown

    @property
    def cost(self) -> Decimal:
        """Return USD that are known: billed and estimated."""
        return _EXACT.add(self.billed, self.estimated)


class Tally:
    """Count what is done; `on_change` hears of each call.

    Args:
        models: the ids.
        rows: how many rows there are, or None where that is not known yet.
        on_change: called with this tally after each change.
    """

    def __init__(
        self, models: Iterable[str], rows: int | None, on_change: Callable[[Tally], None] | None = None
    ) -> None:
        self.by_model = {model: Count() for model in models}
        self.rows = rows
        self.whole = Count()
        self.new = Count()
        self._on_change = on_change

    @property
    def total(self) -> int | None:
        """Return how many calls there are in all, or None."""
        return None if self.rows is None else self.rows * len(self.by_model)

    def add(self, answer: Answer, *, new: bool) -> None:
        """Count a call that is kept; `new` where it was made in this run."""
        self.whole.add(answer)
        self.by_model[answer.model].add(answer)
        if new:
            self.new.add(answer)
        self.scored()

    def scored(self) -> None:
        """Say that something was done which is counted already."""
        if self._on_change is not None:
            self._on_change(self)

    @property
    def told(self) -> str:
        """Return how many calls are done, as `12 of 4,000`."""
        return f"{self.whole.calls:,}" + ("" if self.total is None else f" of {self.total:,}")

    @property
    def forecast(self) -> Decimal | None:
        """Return what all calls will have cost, if those to come cost as those before; None where that is not known."""
        if self.rows is None:
            return None
        expected = ZERO
        for count in self.by_model.values():
            known = count.calls - count.unknown
            if known <= 0:
                return None  # a model that nothing is known of
            share = _EXACT.divide(Decimal(self.rows), Decimal(known))
            expected = _EXACT.add(expected, _EXACT.multiply(count.cost, share))
        return expected
