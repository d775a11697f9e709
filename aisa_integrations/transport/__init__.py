"""The policy layer on the HTTP transport: one exchange without I/O, and the two drivers that run it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .asynchronous import AsyncAisaTransport
    from .sync import AisaTransport

__all__ = ["AisaTransport", "AsyncAisaTransport"]

_HOMES = {"AisaTransport": "sync", "AsyncAisaTransport": "asynchronous"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
