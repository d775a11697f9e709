"""What a call used, cost and went through, as langchain's messages carry it. Pure.

`usage_metadata` takes whole numbers alone: langchain-core's addition breaks on anything else, so money is elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata

from ..usage import NO_USAGE, Attempt, Exchange


def call_record(exchanges: Sequence[Exchange]) -> dict[str, Any]:
    """Return what `response_metadata` says of a call: cost in USD, who served, every attempt. Unknown is None.

    Args:
        exchanges: of the call; more than one where a stream was gone on with by another model.
    """
    last = exchanges[-1]
    # Of a stream that another model went on with, the first part's bill never came: the whole is not known.
    usage = last.usage if len(exchanges) == 1 else NO_USAGE
    record: dict[str, Any] = {
        "cost": _number(usage.cost),
        "cost_kind": usage.cost_kind,
        "credits_remaining": _number(last.usage.credits_remaining),
        "served_by": last.served_by,
        "attempts": [_attempt(attempt) for exchange in exchanges for attempt in exchange.attempts],
    }
    if last.cached:
        record["cached"] = True
        record["saved"] = _number(last.saved)
    return record


def told_again(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `response_metadata` says of an answer that langchain's cache gave: it cost nothing this time.

    Args:
        metadata: as the answer had it when it was kept.
    """
    if "cost" not in metadata:
        return dict(metadata)
    saved = metadata.get("saved") if metadata.get("cached") else metadata["cost"]
    return {**metadata, "cost": 0.0, "cost_kind": "billed", "attempts": [], "cached": True, "saved": saved}


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "model": attempt.model,
        "status": attempt.status,
        "cause": attempt.cause,
        "latency": attempt.latency,
        "cost": _number(attempt.cost),
        "note": attempt.note,
    }


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)


def usage_metadata(exchanges: Sequence[Exchange], told: object) -> UsageMetadata | None:
    """Return the tokens of a call; None where prompt or answer were not told.

    Args:
        exchanges: of the call.
        told: the usage as the gateway wrote it, for the details that few models give.
    """
    usage = exchanges[-1].usage
    if len(exchanges) > 1 or usage.prompt_tokens is None or usage.completion_tokens is None:
        return None
    total = usage.total_tokens
    counted = UsageMetadata(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        total_tokens=usage.prompt_tokens + usage.completion_tokens if total is None else total,
    )
    prompt, answer = _details(told, "prompt_tokens_details"), _details(told, "completion_tokens_details")
    read = _told(
        cache_read=usage.cached_tokens,
        cache_creation=prompt.get("cache_creation_tokens", prompt.get("cache_write_tokens")),
        audio=prompt.get("audio_tokens"),
    )
    written = _told(reasoning=usage.reasoning_tokens, audio=answer.get("audio_tokens"))
    if read:
        counted["input_token_details"] = InputTokenDetails(**read)  # type: ignore[typeddict-item]
    if written:
        counted["output_token_details"] = OutputTokenDetails(**written)  # type: ignore[typeddict-item]
    return counted


def _details(told: object, name: str) -> Mapping[str, Any]:
    details = told.get(name) if isinstance(told, Mapping) else None
    return details if isinstance(details, Mapping) else {}


def _told(**counts: object) -> dict[str, int]:
    """Return the counts that were told: a details' 0 is a figure, a missing one is none."""
    return {name: count for name, count in counts.items() if isinstance(count, int) and not isinstance(count, bool)}
