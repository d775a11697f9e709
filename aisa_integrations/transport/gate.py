"""What stands before each request of a call: the cap on its cost, the budget, the pace of the key. Pure but for stores.

A model that may not be asked is left for the next one, as if it had refused; nothing is sent to it.
"""

from __future__ import annotations

import functools
import logging
import secrets
from collections.abc import Callable, Generator
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from ..catalogue import catalogue
from ..usage import Usage
from .causes import RULES, Cause
from .effects import Consult, Effect, Happening, Wait
from .request import Call
from .unaffordable import over_budget, over_cap
from .verdict import Verdict

if TYPE_CHECKING:
    from ..budget import Reservation
    from ..routing import WorstCase

# What these answer with is not written by a model: their prompt is all that costs.
_WITHOUT_OUTPUT: Final = ("/v1/embeddings", "/v1/rerank")
_NOTHING: Final = Decimal(0)
logger: Final = logging.getLogger("aisa_integrations")


class Gate:
    """Let the requests of one call through, one at a time.

    Args:
        call: the logical call.
        key: the random name of the key, never the key.
        deadline: monotonic second after which nothing is waited for.
        monotonic: the clock of waits.
        now: UNIX seconds.
    """

    __slots__ = (
        "_budget",
        "_call",
        "_call_id",
        "_deadline",
        "_key",
        "_limits",
        "_monotonic",
        "_now",
        "_reservation",
        "_started",
        "_ticket",
    )

    def __init__(
        self, call: Call, key: str, *, deadline: float, monotonic: Callable[[], float], now: Callable[[], float]
    ) -> None:
        self._call = call
        self._key = key
        self._deadline = deadline
        self._monotonic = monotonic
        self._now = now
        self._budget = call.policy.budget if call.place.metered else None
        self._limits = call.policy.pace if call.place.metered else None
        self._call_id = ""
        self._reservation: Reservation | None = None
        # The place in the line of the key, and the monotonic second at which a request was let through.
        self._ticket: int | None = None
        self._started: float | None = None

    def enter(self, model: str | None, named: str | None) -> Generator[Effect, Happening, Verdict | None]:
        """Let a request through, waiting where that helps; return why not, or None.

        Args:
            model: the id that is sent.
            named: the id of the chain that it is, or is another spelling of.
        """
        cap = self._call.caps.get(named or "")
        if cap is None and self._budget is None and self._limits is None:
            return None
        refusal = self._check_cap(model, cap)
        if refusal is None and self._budget is not None:
            refusal = yield from self._reserve(model or "")
        if refusal is None and self._limits is not None and self._try_start() > 0:
            refusal = yield from self._stand_in_line(model or "")
        if refusal is not None:
            self._leave_limits(sent=False)
        return refusal

    def learn(self, headers: Any) -> None:
        """Take in what a reply says of the key's limits."""
        if self._limits is not None:
            self._limits.learn(self._key, headers, now=self._monotonic(), unix_now=self._now())

    def leave(self, cost: Decimal | None, usage: Usage | None, model: str | None) -> Consult | None:
        """Say that a request has ended; return what settles its reservation, or None where there is none."""
        self._leave_limits(sent=True)
        return self._settled(cost, usage, model)

    def _settled(self, cost: Decimal | None, usage: Usage | None, model: str | None) -> Consult | None:
        reservation, self._reservation = self._reservation, None
        if reservation is None or self._budget is None:
            return None
        ledger, bill = self._budget.ledger, (reservation, cost, self._now())
        kind, estimated = usage.cost_kind if usage is not None else None, _at_catalogue_price(usage, model)
        return Consult(
            functools.partial(_settle, functools.partial(ledger.settle, *bill, kind=kind, estimated=estimated), model),
            self._blocks,
            functools.partial(ledger.settle_later, *bill, kind=kind, estimated=estimated),
        )

    def leave_at_once(self, cost: Decimal | None) -> None:
        """Say that a request has ended or was never sent, where nothing may wait: while the caller is cancelled."""
        self._leave_limits(sent=cost is None)
        settle = self._settled(cost, None, None)
        if settle is not None and settle.later is not None:
            settle.later()

    @property
    def _blocks(self) -> bool:
        return self._budget is not None and self._budget.path is not None

    def _check_cap(self, model: str | None, cap: Decimal | None) -> Verdict | None:
        if cap is None or model is None:
            return None
        # The estimate that a route's caps go by, and `explain()` shows. What must never be passed is a budget.
        from ..routing import ASSUMED_OUTPUT_TOKENS

        case = self._worst_case(model, ASSUMED_OUTPUT_TOKENS)
        if case.cost is not None and case.cost <= cap:
            return None
        return _refused(Cause.OVER_CAP, over_cap(case, cap, self._call.place.surface), "max_cost_exceeded")

    def _reserve(self, model: str) -> Generator[Effect, Happening, Verdict | None]:
        from ..budget import Granted, NotYet, Refused

        assert self._budget is not None
        # Without a limit on the answer it may be as long as the model's window, but where the caller knows better.
        ledger, case = self._budget.ledger, self._worst_case(model, None)
        self._call_id = self._call_id or secrets.token_hex(8)
        while True:
            ask = functools.partial(ledger.reserve, self._call_id, model, case.cost, self._now())
            answer: Any = yield Consult(ask, self._blocks, undo=self._give_back)
            if isinstance(answer, Granted):
                self._reservation = answer.reservation
                return None
            if isinstance(answer, Refused):
                return _refused(Cause.BUDGET, over_budget(case, answer, self._call.place.surface), "budget_exceeded")
            if not isinstance(answer, NotYet):
                return _refused(Cause.BUDGET, f"the budget can't be kept: {answer.reason}", "budget_exceeded")
            if self._monotonic() + answer.wait >= self._deadline:
                words = f"the first call to {model}, whose bill tells its real price, has not ended in time"
                return _refused(Cause.BUDGET, words, "budget_exceeded")
            yield Wait(answer.wait)

    def _give_back(self, answer: Any) -> None:
        """Release what was granted to a call that had been cancelled by then."""
        reservation = getattr(answer, "reservation", None)
        if reservation is not None and self._budget is not None:
            self._budget.ledger.settle_later(reservation, _NOTHING, self._now())

    def _stand_in_line(self, model: str) -> Generator[Effect, Happening, Verdict | None]:
        """Wait for a turn. Meanwhile the money is free for others; it is reserved anew before the request is sent."""
        settle = self._settled(_NOTHING, None, None)
        if settle is not None:
            yield settle
        while (wait := self._try_start()) > 0:
            if self._monotonic() + wait >= self._deadline:
                words = "the limit on requests leaves no time for this one within the deadline"
                return Verdict(Cause.KEY_RATE_LIMIT, 429, words, "client_rate_limit", retry_after=wait)
            yield Wait(wait)
        if self._budget is None or self._limits is None or self._started is None:
            return None
        refusal = yield from self._reserve(model)
        if refusal is None:
            # It may have waited for another call's bill: the gateway counts from when it is sent.
            self._started = self._limits.restarted(self._key, self._started, self._monotonic())
        return refusal

    def _try_start(self) -> float:
        """Start a request at the pace of the key, and return 0; else the seconds after which to try again."""
        assert self._limits is not None
        now = self._monotonic()
        turn = self._limits.try_start(self._key, now, self._ticket)
        self._ticket = turn.ticket
        if not turn.wait:
            self._started = now
        return turn.wait

    def _leave_limits(self, *, sent: bool) -> None:
        if self._limits is None:
            return
        if self._ticket is not None:
            self._limits.leave_line(self._key, self._ticket)
            self._ticket = None
        if self._started is not None:
            self._limits.ended(self._key, unsent=None if sent else self._started)
            self._started = None

    def _worst_case(self, model: str, output_tokens: int | None) -> WorstCase:
        """Measure the call.

        Args:
            model: the id.
            output_tokens: the length of the answer where neither the call nor the budget sets one; None is the window.
        """
        from ..routing import WorstCase

        assumed = self._budget.assume_output_tokens if self._budget is not None else None
        if self._call.place.path in _WITHOUT_OUTPUT:
            assumed = 0
        return WorstCase.of(model, self._call.body, assume_output_tokens=output_tokens if assumed is None else assumed)


def is_gated(call: Call) -> bool:
    """Say whether anything stands before the requests of a call."""
    return bool(call.caps) or (call.place.metered and (call.policy.budget or call.policy.pace) is not None)


def _settle(settle: Callable[[], Any], model: str | None) -> None:
    settled = settle()
    if getattr(settled, "overrun", False):
        logger.warning(
            "%s was billed $%s, above the $%s set aside for it: its price is dearer than was known, "
            "and the budget may have been passed",
            model or "a model",
            settled.cost,
            settled.reserved,
        )


def _refused(cause: Cause, words: str, code: str) -> Verdict:
    return Verdict(cause, RULES[cause].status, words, code)


def _at_catalogue_price(usage: Usage | None, model: str | None) -> Decimal | None:
    if usage is None or model is None or usage.prompt_tokens is None or usage.completion_tokens is None:
        return None
    return catalogue().estimate_cost(
        model,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cached_tokens=usage.cached_tokens or 0,
    )
