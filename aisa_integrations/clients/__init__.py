"""Factories of the vendors' own clients, preconfigured for the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .gemini import genai_client
    from .openai_sdk import async_openai_client, openai_client

__all__ = ["async_openai_client", "genai_client", "openai_client"]

_HOMES = {"async_openai_client": "openai_sdk", "genai_client": "gemini", "openai_client": "openai_sdk"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
