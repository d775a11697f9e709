"""What is told of a call after its answer: who served it, after which failures, what it cost and by whose word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..display.money import usd
from ..errors import AisaError
from ..usage import Attempt, Exchange, Usage
from .wording import in_words

if TYPE_CHECKING:
    from ..tracking import Spend


def receipt(exchange: Exchange) -> str:
    """Return one line: serving model, those that failed before it, tokens, cost, time."""
    failed = [f"{attempt.model} ({attempt.cause})" for attempt in exchange.attempts if attempt.cause is not None]
    after = (f"after {', '.join(failed)}",) if failed else ()
    parts = [exchange.served_by or exchange.model or "?", *after, *tokens(exchange.usage), cost(exchange)]
    parts.append(f"{exchange.latency:.1f} s")
    if exchange.usage.credits_remaining is not None:
        parts.append(f"{usd(exchange.usage.credits_remaining, exact=True)} left")
    return " · ".join(parts)


def cost(exchange: Exchange) -> str:
    """Return what a call cost, and whether that was billed or estimated."""
    if exchange.cached:
        saved = f", {usd(exchange.saved, exact=True)} saved" if exchange.saved is not None else ""
        return f"$0 from the cache{saved}"
    if exchange.usage.cost is None:
        return "cost unknown"
    return f"{usd(exchange.usage.cost, exact=True)} {exchange.usage.cost_kind}"


def tokens(usage: Usage) -> tuple[str, ...]:
    """Return the tokens that are known."""
    if usage.prompt_tokens is None or usage.completion_tokens is None:
        return ()
    return (f"{usage.prompt_tokens:,} in, {usage.completion_tokens:,} out",)


def total(spend: Spend) -> str:
    """Return what several calls cost: billed, estimated and unknown apart."""
    sums = ((spend.billed, "billed"), (spend.estimated, "estimated"))
    parts = [f"{usd(amount, exact=True)} {kind}" for amount, kind in sums if amount]
    if spend.unknown:
        parts.append(f"{spend.unknown} of unknown cost")
    calls = f"{spend.calls} call{'' if spend.calls == 1 else 's'}"
    return " · ".join([calls, *(parts or ["$0"])])


def exchange_record(exchange: Exchange) -> dict[str, Any]:
    """Return a call as `--json` tells it."""
    usage = exchange.usage
    return {
        "model": exchange.model,
        "served_by": exchange.served_by,
        "input_tokens": usage.prompt_tokens,
        "output_tokens": usage.completion_tokens,
        "cost_usd": usage.cost,
        "cost_kind": usage.cost_kind,
        "credits_remaining_usd": usage.credits_remaining,
        "latency_s": round(exchange.latency, 6),
        "cached": exchange.cached,
        "attempts": [attempt_record(attempt) for attempt in exchange.attempts],
    }


def error_record(error: AisaError, code: int) -> dict[str, Any]:
    """Return an error as `--json` tells it."""
    told: dict[str, Any] = {
        "type": type(error).__name__,
        "message": in_words(error),
        "model": error.model,
        "status": error.status,
        "code": error.code,
        "request_id": error.request_id,
        "attempts": [attempt_record(attempt) for attempt in error.attempts],
    }
    for name in ("suggestions", "retry_after", "partial"):
        if hasattr(error, name):
            told[name] = getattr(error, name)
    return {"ok": False, "error": told, "exit_code": code}


def attempt_record(attempt: Attempt) -> dict[str, Any]:
    """Return one attempt as `--json` tells it."""
    return {
        "model": attempt.model,
        "status": attempt.status,
        "cause": attempt.cause,
        "latency_s": round(attempt.latency, 6),
        "cost_usd": attempt.cost,
        "note": attempt.note,
    }
