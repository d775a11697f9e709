"""Tokens and cost out of a reply, whatever the surface calls them: billed where the gateway says, else estimated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal, InvalidOperation
from typing import Any, Final

import jiter

from ..catalogue import catalogue
from ..usage import NO_USAGE, Usage

# The gateway promises usage.cost and usage.credits_remaining; no capture of either was found, and a header is named
# nowhere. These are the names in use among gateways of its kind, read when present and never required.
_COST_HEADERS: Final = ("x-aisa-cost", "x-request-cost", "x-cost")
# No amount of USD and no count of tokens is larger or finer; `1e999999999` is a number too, and would fill the memory.
_LARGEST: Final = 15
_FINEST: Final = -60
_LONGEST: Final = 64
# Counts up to here are taken as they stand; above, it is asked whether they can be true.
_PLAIN: Final = 10**12
_EXACT: Final = Context(prec=100)  # a caller's own decimal context must not round our sums


def exact_json(data: bytes) -> Any:
    """Parse JSON with its fractions as they are written, so that a bill keeps its last digit; None for no JSON."""
    try:
        # As decimals, the vectors of a few embeddings would take eight times as long.
        return jiter.from_json(data, float_mode="lossless-float")
    except ValueError:
        return None


def read_usage(replies: Iterable[Any], headers: Mapping[str, str], model: str | None) -> Usage:
    """Return the usage in one reply.

    Args:
        replies: a reply, or the events that hold usage, by `exact_json`: what a later one says counts.
        headers: the head's, which may hold the cost.
        model: the id that was sent, to look its price up.
    """
    found: dict[str, Any] = {}
    for reply in replies:
        found |= _find_usage(reply)
    if not found and not any(name in headers for name in _COST_HEADERS):
        return NO_USAGE
    prompt = _first_int(found, "prompt_tokens", "input_tokens", "promptTokenCount")
    completion = _first_int(found, "completion_tokens", "output_tokens", "candidatesTokenCount")
    reasoning = _nested_int(found, "completion_tokens_details", "output_tokens_details", key="reasoning_tokens")
    thoughts = _first_int(found, "thoughtsTokenCount")
    if thoughts is not None:
        # Gemini counts thoughts beside the candidates; both are output, and both are billed.
        reasoning, completion = thoughts, (completion or 0) + thoughts
    cached = _nested_int(found, "prompt_tokens_details", "input_tokens_details", key="cached_tokens")
    if cached is None:
        cached = _first_int(found, "cachedContentTokenCount", "cache_read_input_tokens")
        if prompt is not None and "input_tokens" in found:
            # Anthropic counts what was read from or written to its cache beside the input tokens.
            prompt += (cached or 0) + (_first_int(found, "cache_creation_input_tokens") or 0)
    total = _first_int(found, "total_tokens", "totalTokenCount")
    if total is None and prompt is not None and completion is not None:
        total = prompt + completion
    elif completion is None and total is not None and prompt is not None and total >= prompt:
        # Embeddings have no completion, and Gemini leaves a count of 0 out.
        completion = total - prompt
    billed = _billed_cost(found, headers)
    estimated = None
    if billed is None and prompt is not None and completion is not None and model is not None:
        estimated = catalogue().estimate_cost(
            model, prompt_tokens=prompt, completion_tokens=completion, cached_tokens=cached or 0
        )
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=total,
        reasoning_tokens=reasoning,
        cached_tokens=cached,
        cost=billed if billed is not None else estimated,
        cost_kind="billed" if billed is not None else "estimated" if estimated is not None else None,
        # The last call before a wallet is empty may take it below zero.
        credits_remaining=_number(found.get("credits_remaining", found.get("creditsRemaining"))),
    )


def _find_usage(reply: Any) -> dict[str, Any]:
    if not isinstance(reply, dict):
        return {}
    found: dict[str, Any] = {}
    # Responses nest the reply in their last event, Anthropic's first event in `message`.
    for holder in (reply, reply.get("response"), reply.get("message")):
        if isinstance(holder, dict):
            for key in ("usageMetadata", "usage"):
                if isinstance(holder.get(key), dict):
                    found |= {name: value for name, value in holder[key].items() if value is not None}
    return found


def _first_int(found: Mapping[str, Any], *keys: str) -> int | None:
    for key in keys:
        said = found.get(key)
        if said is None or isinstance(said, str):
            continue
        if type(said) is int and 0 <= said < _PLAIN:
            return said
        value = _number(said)
        if value is not None and value >= 0 and value == value.to_integral_value():
            return int(value)
    return None


def _nested_int(found: Mapping[str, Any], *holders: str, key: str) -> int | None:
    for holder in holders:
        details = found.get(holder)
        if isinstance(details, dict) and (value := _first_int(details, key)) is not None:
            return value
    return None


def _billed_cost(found: Mapping[str, Any], headers: Mapping[str, str]) -> Decimal | None:
    cost = _amount(found.get("cost"))
    if cost is not None:
        return cost
    for name in _COST_HEADERS:
        value, _, kind = headers.get(name, "").partition(";")
        # Another gateway of this library in between says which of the two its figure is.
        if kind.strip() != "estimated" and (cost := _amount(value)) is not None:
            return cost
    return None


def _amount(value: Any) -> Decimal | None:
    """Return what something cost, or None for what can't be a cost: a negative, NaN, a word, true."""
    amount = _number(value)
    return None if amount is None or amount < 0 else amount


def _number(value: Any) -> Decimal | None:
    """Return a number as the gateway said it, to the last digit, or None for what is none or is out of all reason."""
    if isinstance(value, bool) or not isinstance(value, (int, jiter.LosslessFloat, str)):
        return None
    text = value if isinstance(value, int) else str(value)
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    if not number:
        return Decimal(0)
    sane = number.is_finite() and _FINEST <= number.adjusted() < _LARGEST
    return number if sane and (isinstance(text, int) or len(text) <= _LONGEST) else None


def micros_to_usd(value: Any) -> Decimal | None:
    """Return USD from the gateway's millionths of a dollar, or None for what is no number."""
    micros = _number(value)
    return None if micros is None else micros.scaleb(-6, _EXACT)
