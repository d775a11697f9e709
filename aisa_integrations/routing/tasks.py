"""The built-in routes that are chains of named models: data alone, which tests hold against the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Task:
    """One route: the models to ask, best first.

    Args:
        why: what it is for, in words that complete "models …".
        chat: for the chat surface, of different developers, so that one vendor's outage is not the end.
        gemini: for the native Gemini surface; empty where none of its models is meant.
    """

    why: str
    chat: tuple[str, ...]
    gemini: tuple[str, ...] = ()


# The first seven are the tasks of the skill's map. Where its id is no longer served, the chain begins with what the
# catalogue names instead: o1 → gpt-5.2, llama-3.1-70b → gpt-oss-120b, qwen-max → qwen3.7-max. claude-opus-4-1 is still
# listed under its date, at three times the price of its successor, which is meant here.
TASKS: Final[Mapping[str, Task]] = MappingProxyType(
    {
        "code": Task(
            "for code",
            ("gpt-4.1", "claude-sonnet-5", "qwen3-coder-plus", "glm-5.2"),
            ("gemini-3.1-pro-preview", "gemini-2.5-pro", "gemini-3.5-flash"),
        ),
        "creative": Task(
            "for creative writing",
            ("claude-opus-4-8", "gpt-5.4", "gemini-3.1-pro-preview", "kimi-k2.6"),
            ("gemini-3.1-pro-preview", "gemini-2.5-pro", "gemini-3.5-flash"),
        ),
        "fast": Task(
            "that answer quickly",
            ("gemini-2.5-flash", "gpt-4.1-mini", "claude-haiku-4-5-20251001", "qwen-flash"),
            ("gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-3.5-flash"),
        ),
        "vision": Task(
            "that see pictures",
            ("gpt-4o", "claude-sonnet-5", "gemini-2.5-flash", "qwen3-vl-plus"),
            ("gemini-2.5-flash", "gemini-3.5-flash", "gemini-2.5-pro"),
        ),
        "reasoning": Task(
            "for hard questions",
            ("gpt-5.2", "claude-opus-4-8", "gemini-3.1-pro-preview", "deepseek-v4-pro"),
            ("gemini-3.1-pro-preview", "gemini-2.5-pro", "gemini-3.5-flash"),
        ),
        "open_source": Task(
            "with open weights",
            ("gpt-oss-120b", "deepseek-v3.2", "kimi-k2-thinking", "glm-5"),
        ),
        "chinese": Task(
            "for Chinese",
            ("qwen3.7-max", "deepseek-v4-pro", "glm-5.2", "kimi-k2.6"),
        ),
        # What aisa/auto needs beside them.
        "tools": Task(
            "that call tools",
            ("claude-sonnet-5", "gpt-5.4", "qwen3.7-plus", "glm-5.2"),
            ("gemini-3.5-flash", "gemini-3.1-pro-preview", "gemini-2.5-pro"),
        ),
        "long": Task(
            "with a large window, the largest first",
            ("gpt-5.4", "gemini-2.5-pro", "claude-sonnet-5", "qwen3.7-plus"),
            ("gemini-2.5-pro", "gemini-3.5-flash", "gemini-3.1-pro-preview"),
        ),
        "strong": Task(
            "that are strong all round",
            ("claude-sonnet-5", "gpt-5.4", "gemini-3.1-pro-preview", "glm-5.2"),
            ("gemini-3.1-pro-preview", "gemini-2.5-pro", "gemini-3.5-flash"),
        ),
    }
)
