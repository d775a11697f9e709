"""The ledger of one budget: it reserves before a call is sent and settles after. Thread-safe; blocks for its file."""

from __future__ import annotations

import contextlib
import secrets
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from ..forks import renew_after_fork
from ..stores.sqlite_file import FileTrouble
from ..usage import CostKind
from . import decisions
from .answers import BudgetState, Granted, NotYet, Refused, Reservation, Settled, Unavailable
from .book import Book, Page
from .decisions import Bill, Facts, Line, Terms, Totals, money

_RUN: Final = "run"


@dataclass(frozen=True, slots=True)
class _Late:
    reservation: Reservation
    bill: Bill
    now: float


class Ledger:
    """Keep what a budget has spent and set aside.

    Every amount is USD, every `now` UNIX seconds. No method raises for a file that can't be used: a call is then
    refused (`Unavailable`), and a bill waits for the next time the file can be written.
    """

    def __init__(self, terms: Terms, book: Book) -> None:
        self._terms = terms
        self._book = book
        self._late: deque[_Late] = deque()
        renew_after_fork(self)

    @property
    def does_io(self) -> bool:
        """Say whether its methods wait for a file, so that an event loop runs them in a thread."""
        return self._book.does_io

    def reserve(
        self, call_id: str, model: str, amount: Decimal | None, now: float
    ) -> Granted | Refused | NotYet | Unavailable:
        """Set aside what a request could cost, before it is sent.

        Args:
            call_id: the logical call; each of its requests is reserved for.
            model: the id that is sent.
            amount: the worst case at the catalogue's price; None where that is not known.
            now: UNIX seconds.
        """
        amount = money(amount)
        try:
            with self._page() as page:
                window = self._window(now)
                facts = self._facts(page, window, model, now)
                decision = decisions.decide(self._terms, facts, model, amount, now)
                if not isinstance(decision, Decimal):
                    return decision
                line = Line(secrets.token_hex(16), window, model, decision, amount, now)
                page.set_totals(window, decisions.set_aside(facts.totals, decision))
                page.put(line)
        except FileTrouble as trouble:
            return Unavailable(trouble.reason)
        return Granted(Reservation(line.id, call_id, model, line.amount))

    def settle(
        self,
        reservation: Reservation,
        cost: Decimal | None,
        now: float,
        *,
        kind: CostKind | None = None,
        estimated: Decimal | None = None,
    ) -> Settled | Unavailable:
        """Put a bill in the place of a reservation; a second bill of the same reservation changes nothing.

        Args:
            reservation: what was granted.
            cost: what the request cost; 0 where it surely cost nothing; None where it may have been billed and
                nobody said how much, which keeps the reservation.
            now: UNIX seconds.
            kind: who says the cost: the gateway (`billed`) or the catalogue (`estimated`). Left out, a cost above 0
                counts as billed, and 0 as no answer, which says nothing of the price.
            estimated: what the catalogue's price makes of the tokens that were billed, to compare the two.
        """
        if kind is None and cost:
            kind = "billed"
        bill = Bill(cost, kind, estimated)
        if self._book.mine:
            # A finalizer, run by the collector in the middle of this very thread's own page.
            self._late.append(_Late(reservation, bill, now))
            return Settled(cost, reservation.amount, overrun=False, kept=cost is None)
        try:
            with self._page() as page:
                return self._settle(page, reservation, bill, now)
        except FileTrouble as trouble:
            self._late.append(_Late(reservation, bill, now))
            return Unavailable(trouble.reason)

    def settle_later(
        self,
        reservation: Reservation,
        cost: Decimal | None,
        now: float,
        *,
        kind: CostKind | None = None,
        estimated: Decimal | None = None,
    ) -> None:
        """Note a bill without touching the book, for whoever must not block; the next use of the ledger settles it."""
        self._late.append(_Late(reservation, Bill(cost, "billed" if kind is None and cost else kind, estimated), now))

    def release(self, reservation: Reservation, now: float) -> Settled | Unavailable:
        """Give a reservation back whose request was never sent, or surely cost nothing."""
        return self.settle(reservation, decisions.ZERO, now)

    def dearer(self, model: str, amount: Decimal | None, now: float) -> Decimal | None:
        """Return an estimate at the dearer of the catalogue's price and the one last billed; None for no price."""
        amount = money(amount)
        try:
            with self._page() as page:
                return decisions.dearer(decisions.current(page.price(model), now), amount)
        except FileTrouble:
            return amount

    def state(self, now: float) -> BudgetState | Unavailable:
        """Return how the budget stands."""
        window = self._window(now)
        try:
            with self._page() as page:
                totals = page.totals(window)
        except FileTrouble as trouble:
            return Unavailable(trouble.reason)
        terms = self._terms
        return BudgetState(
            spent=totals.spent,
            reserved=totals.reserved,
            limit=terms.limit,
            remaining=max(decisions.ZERO, decisions.remaining(terms.limit, totals)),
            per=terms.per,
            day=window if terms.per == "day" else None,
            overrun=totals.overrun,
        )

    def _facts(self, page: Page, window: str, model: str, now: float) -> Facts:
        totals = page.totals(window)
        if totals == Totals() and window != _RUN:
            # A new day: a stream of yesterday may still flow, one of the day before does not.
            page.forget_before(_day(now, ago=1))
        price = decisions.current(page.price(model), now)
        return Facts(totals, price, page.alone_since(model) if price is None else None)

    def _settle(self, page: Page, reservation: Reservation, bill: Bill, now: float) -> Settled:
        line = page.line(reservation.id)
        if line is None:
            return Settled(None, decisions.ZERO)
        totals, price = page.totals(line.window), decisions.current(page.price(line.model), now)
        change = decisions.settle(self._terms, totals, price, line, bill, now)
        page.set_totals(line.window, change.totals)
        if change.line is None:
            page.remove(line.id)
        else:
            page.put(change.line)
        if change.price is not None:
            page.set_price(line.model, change.price)
        return change.settled

    @contextlib.contextmanager
    def _page(self) -> Iterator[Page]:
        """Open the book, and settle first what could not be settled before."""
        late: list[_Late] = []
        try:
            with self._book.page() as page:
                # Taken one by one: a finalizer that adds one meanwhile would break an iteration.
                while self._late:
                    late.append(self._late.popleft())
                for each in late:
                    self._settle(page, each.reservation, each.bill, each.now)
                yield page
        except BaseException:
            # Nothing was written. Settling twice changes nothing, losing a bill would.
            self._late.extendleft(reversed(late))
            raise

    def _window(self, now: float) -> str:
        return _day(now) if self._terms.per == "day" else _RUN

    def _renew_after_fork(self) -> None:
        # The parent's calls are settled by the parent.
        self._late.clear()


def _day(now: float, *, ago: int = 0) -> str:
    return (datetime.fromtimestamp(now, UTC) - timedelta(days=ago)).date().isoformat()
