"""What stands before each request of a call: the cap on its cost, the budget, the pace of the key. Pure but for stores.

A model that may not be asked is left for the next one, as if it had refused; nothing is sent to it.
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable, Generator
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from ..catalogue import catalogue
from ..usage import Usage
from .causes import RULES, Cause
from .effects import Consult, Effect, Happening, Wait
from .request import Call
from .surfaces import Surface
from .verdict import Verdict

if TYPE_CHECKING:
    from ..budget import Reservation

# What these answer with is not written by a model: their prompt is all that costs.
_WITHOUT_OUTPUT: Final = ("/v1/embeddings", "/v1/rerank")
_NOTHING: Final = Decimal(0)


class Gate:
    """Let the requests of one call through, one at a time.

    Args:
        call: the logical call.
        deadline: monotonic second after which nothing is waited for.
        monotonic: the clock of waits.
        now: UNIX seconds.
    """

    __slots__ = ("_budget", "_call", "_call_id", "_deadline", "_limits", "_monotonic", "_now", "_paced", "_reservation")

    def __init__(
        self, call: Call, *, deadline: float, monotonic: Callable[[], float], now: Callable[[], float]
    ) -> None:
        self._call = call
        self._deadline = deadline
        self._monotonic = monotonic
        self._now = now
        self._budget = call.policy.budget if call.place.metered else None
        self._limits = call.policy.limits if call.place.metered else None
        self._call_id = ""
        self._reservation: Reservation | None = None
        self._paced = False

    def enter(self, model: str | None) -> Generator[Effect, Happening, Verdict | None]:
        """Let a request to `model` through, waiting where that helps; return why not, or None."""
        cap = self._call.caps.get(model or "")
        if cap is None and self._budget is None and self._limits is None:
            return None
        refusal = self._check_cap(model, cap)
        if refusal is None and self._budget is not None:
            refusal = yield from self._reserve(model or "")
        if refusal is None and self._limits is not None:
            refusal = yield from self._keep_pace()
            if refusal is not None:
                self.leave_at_once(_NOTHING)
        return refusal

    def learn(self, headers: Any) -> None:
        """Take in what a reply says of the key's limits."""
        if self._limits is not None:
            self._limits.learn(headers, now=self._monotonic(), unix_now=self._now())

    def leave(self, cost: Decimal | None, usage: Usage | None, model: str | None) -> Consult | None:
        """Say that a request has ended; return what settles its reservation, or None where there is none."""
        if self._paced and self._limits is not None:
            self._paced = False
            self._limits.ended()
        reservation, self._reservation = self._reservation, None
        if reservation is None or self._budget is None:
            return None
        ledger, bill = self._budget.ledger, (reservation, cost, self._now())
        kind, estimated = usage.cost_kind if usage is not None else None, _at_catalogue_price(usage, model)
        return Consult(
            functools.partial(ledger.settle, *bill, kind=kind, estimated=estimated),
            self._blocks,
            functools.partial(ledger.settle_later, *bill, kind=kind, estimated=estimated),
        )

    def leave_at_once(self, cost: Decimal | None) -> None:
        """Say that a request has ended, where nothing may wait: while the caller is being cancelled."""
        settle = self.leave(cost, None, None)
        if settle is not None and settle.later is not None:
            settle.later()

    @property
    def _blocks(self) -> bool:
        return self._budget is not None and self._budget.path is not None

    def _check_cap(self, model: str | None, cap: Decimal | None) -> Verdict | None:
        if cap is None or model is None:
            return None
        cost = self._worst_cost(model)
        if cost is not None and cost <= cap:
            return None
        known = "what it would cost is not known" if cost is None else f"the call could cost ${cost:f}"
        return _refused(Cause.OVER_CAP, f"{known}, and the cap for {model} is ${cap:f}", "max_cost_exceeded")

    def _reserve(self, model: str) -> Generator[Effect, Happening, Verdict | None]:
        from ..budget import Granted, NotYet, Refused

        assert self._budget is not None
        ledger, amount = self._budget.ledger, self._worst_cost(model)
        self._call_id = self._call_id or secrets.token_hex(8)
        while True:
            ask = functools.partial(ledger.reserve, self._call_id, model, amount, self._now())
            answer: Any = yield Consult(ask, self._blocks)
            if isinstance(answer, Granted):
                self._reservation = answer.reservation
                return None
            if isinstance(answer, Refused):
                return _refused(Cause.BUDGET, answer.message, "budget_exceeded")
            if not isinstance(answer, NotYet):
                return _refused(Cause.BUDGET, f"the budget can't be kept: {answer.reason}", "budget_exceeded")
            if self._monotonic() + answer.wait >= self._deadline:
                words = f"the first call to {model}, whose bill tells its real price, has not ended in time"
                return _refused(Cause.BUDGET, words, "budget_exceeded")
            yield Wait(answer.wait)

    def _keep_pace(self) -> Generator[Effect, Happening, Verdict | None]:
        assert self._limits is not None
        while (wait := self._limits.try_start(self._monotonic())) > 0:
            if self._monotonic() + wait >= self._deadline:
                words = "the limit on requests leaves no time for this one within the deadline"
                return Verdict(Cause.KEY_RATE_LIMIT, 429, words, "client_rate_limit", retry_after=wait)
            yield Wait(wait)
        self._paced = True
        return None

    def _worst_cost(self, model: str) -> Decimal | None:
        """Return the most that the call could cost with a model at the catalogue's price, or None where unknown."""
        from ..routing import estimate_request_cost

        body = self._call.body
        if body is None:
            return None
        assumed = self._budget.assume_output_tokens if self._budget is not None else None
        if self._call.place.surface is Surface.OTHER and self._call.place.path in _WITHOUT_OUTPUT:
            assumed = 0
        return estimate_request_cost(
            model, body, assume_output_tokens=assumed if assumed is not None else catalogue().window(model)
        )


def is_gated(call: Call) -> bool:
    """Say whether anything stands before the requests of a call."""
    return bool(call.caps) or (call.place.metered and (call.policy.budget or call.policy.limits) is not None)


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
