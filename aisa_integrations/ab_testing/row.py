"""The row of a call: what is written down of it, which is no word of what was said unless that is asked for. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, Final, Literal, get_args

from ..errors import AisaError
from ..tracking import Spend
from ..usage import NO_USAGE, CostKind, Exchange

Outcome = Literal["answered", "failed", "cancelled"]
OUTCOMES: Final = get_args(Outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One call of an A/B test.

    Args:
        time: UNIX seconds when it began.
        arm: the model that it was dealt to.
        model: the id that was asked: another one than `arm` where the call named one itself.
        outcome: `cancelled` is the caller's doing: Ctrl-C, a cancelled task, a stream that was left.
        served_by: the id that answered: another one for a fallback, a route or another spelling.
        stream: whether it was asked for as a stream.
        latency_s: seconds to its end.
        ttft_s: seconds to the first content of a stream; None for a plain reply, which comes whole.
        input_tokens: None where nobody said.
        output_tokens: None where nobody said.
        cost_usd: of the answer; None is unknown.
        cost_kind: by whose word: `billed` or `estimated`.
        failed_cost_usd: billed for attempts that did not answer; None where that of one is not known.
        attempts: requests on the wire.
        cached: whether it was answered from a cache.
        error: the kind of error and its code, without its text, which may quote the prompt.
        prompt: what was asked, where that is to be kept.
        response: what was answered, or the text of the error, likewise.
    """

    time: float
    arm: str
    model: str
    outcome: Outcome
    served_by: str | None
    stream: bool
    latency_s: float
    ttft_s: float | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: Decimal | None
    cost_kind: CostKind | None
    failed_cost_usd: Decimal | None
    attempts: int
    cached: bool
    error: str | None
    prompt: str | None = None
    response: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the row as plain values; money is a float here, None is unknown."""
        return {name: float(v) if isinstance(v := getattr(self, name), Decimal) else v for name in COLUMNS}

    @property
    def spend(self) -> tuple[Decimal, Decimal, bool]:
        """Return USD billed, USD estimated, and whether there is more to it that is not known."""
        known, other = self.cost_usd or Decimal(0), self.failed_cost_usd or Decimal(0)
        unknown = self.failed_cost_usd is None or (self.cost_usd is None and self.outcome == "answered")
        return (other, known, unknown) if self.cost_kind == "estimated" else (other + known, Decimal(0), unknown)


COLUMNS: Final = tuple(field.name for field in fields(Row))


def row_of(
    *,
    time: float,
    arm: str,
    stream: bool,
    seconds: float,
    exchanges: Sequence[Exchange],
    error: BaseException | None,
    prompt: str | None = None,
    response: str | None = None,
) -> Row:
    """Return the row of a call.

    Args:
        time: UNIX seconds when it began.
        arm: the model that it was dealt to.
        stream: whether it was asked for as a stream.
        seconds: to its end, by the caller's watch, for where no record says it.
        exchanges: the records of the call: several where another model went on with a stream, none where it failed
            before anything was sent.
        error: what it ended in, or None.
        prompt: what was asked, where that is to be kept.
        response: what was answered, likewise.
    """
    last = exchanges[-1] if exchanges else None
    # Of a stream that another model went on with, the first part's bill never came: the whole is not known.
    usage = last.usage if last is not None and len(exchanges) == 1 else NO_USAGE
    return Row(
        time=time,
        arm=arm,
        model=(exchanges[0].model if exchanges else None) or arm,
        outcome=_outcome(error),
        served_by=last.served_by if last is not None else None,
        stream=stream,
        latency_s=sum(exchange.latency for exchange in exchanges) if exchanges else seconds,
        ttft_s=exchanges[0].ttft if stream and exchanges else None,
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        cost_usd=usage.cost,
        cost_kind=usage.cost_kind,
        failed_cost_usd=_failed_cost(exchanges),
        attempts=sum(len(exchange.attempts) for exchange in exchanges),
        cached=any(exchange.cached for exchange in exchanges),
        error=None if error is None else _named(error),
        prompt=prompt,
        response=response,
    )


def _outcome(error: BaseException | None) -> Outcome:
    if error is None:
        return "answered"
    return "failed" if isinstance(error, Exception) else "cancelled"


def _failed_cost(exchanges: Sequence[Exchange]) -> Decimal | None:
    """Return what attempts that did not answer were billed, or None where one's bill is not known."""
    if len(exchanges) > 1:
        return None
    spend = Spend()
    for exchange in exchanges:
        # The last attempt's is `cost_usd`, but for one that was cut before its bill came.
        has_bill = exchange.served_by is not None and (exchange.error is None or exchange.usage.cost is not None)
        attempts = exchange.attempts[: -1 if has_bill else None]
        spend.record(Exchange(exchange.model, None, attempts, error=exchange.error or "none"))
    return None if spend.unknown else spend.billed


def _named(error: BaseException) -> str:
    code = error.code if isinstance(error, AisaError) else None
    return f"{type(error).__name__} ({code})" if code else type(error).__name__
