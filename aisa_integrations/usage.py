"""Records of what a call used and cost: tokens, money in USD, attempts. Values only; nothing here does I/O.

Frozen dataclasses, although each call makes some, and tuples would be made faster: users hold these, and a tuple would
unpack, compare and sort by position, and break whoever does so with the next field.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

CostKind = Literal["billed", "estimated"]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and cost of one reply; None is unknown, which is never the same as 0.

    Args:
        prompt_tokens: tokens of the prompt, cached ones included.
        completion_tokens: tokens of the answer, reasoning included.
        total_tokens: as reported, else the sum of the two where both are known.
        reasoning_tokens: the part of the answer that was reasoning.
        cached_tokens: the part of the prompt that was read from the provider's cache.
        cost: USD.
        cost_kind: `billed` when the gateway said the figure, `estimated` when it is tokens x catalogue price.
        credits_remaining: USD left in the wallet, as the gateway said it with this reply.
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None
    cost: Decimal | None = None
    cost_kind: CostKind | None = None
    credits_remaining: Decimal | None = None

    def _repr_html_(self) -> str:
        from .display.exchange import usage_html

        return usage_html(self)


NO_USAGE = Usage()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request on the wire, and how it ended.

    Args:
        model: the id that was sent.
        status: the HTTP status the gateway answered with, or None where no reply came.
        cause: why it failed (a word of `transport.verdict.Cause`), or None for an answer.
        latency: seconds from sending to the end of the attempt.
        cost: USD; None where it is not known (an attempt that timed out or was cut may have been billed).
        note: what was changed on the way, such as a parameter the model refuses; None for nothing.
    """

    model: str
    status: int | None
    cause: str | None
    latency: float
    cost: Decimal | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """One logical call: what was asked, who answered, after which attempts, at what cost.

    Args:
        model: the id that was asked, or None where the surface names none.
        served_by: the id that was sent in the attempt that answered, or None when none did.
        attempts: every request on the wire, in order.
        usage: tokens and cost of the answer alone; what other attempts cost is said on each of them.
        latency: seconds from the call to the end of its reply.
        ttft: seconds from the call to the first content (a stream), or to the whole reply.
        cached: whether the reply came from the caller's own cache.
        error: the cause of the failure, or None for an answer.
        saved: USD that a cached reply did not cost again, or None.
    """

    model: str | None
    served_by: str | None
    attempts: tuple[Attempt, ...] = ()
    usage: Usage = field(default=NO_USAGE)
    latency: float = 0.0
    ttft: float | None = None
    cached: bool = False
    error: str | None = None
    saved: Decimal | None = None

    def _repr_html_(self) -> str:
        from .display.exchange import exchange_html

        return exchange_html(self)
