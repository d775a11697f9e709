"""Figures in words: seconds and tokens, the same everywhere."""

from __future__ import annotations

from ..usage import Usage


def seconds(value: float | None) -> str:
    """Write seconds: `0.45 s`, `0.004 s`; nothing where there are none."""
    return "" if value is None else f"{value:,.{2 if value >= 0.1 else 3}f} s"


def tokens(count: int | None) -> str:
    """Write a number of tokens, `?` where it is not known."""
    return "?" if count is None else f"{count:,}"


def in_and_out(usage: Usage) -> str:
    """Write the tokens of a call: `1,200 → 45`, nothing where none are known."""
    if usage.prompt_tokens is None and usage.completion_tokens is None:
        return "?"
    return f"{tokens(usage.prompt_tokens)} → {tokens(usage.completion_tokens)}"
