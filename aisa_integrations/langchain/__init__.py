"""langchain on the gateway: `ChatAisa`, a chat model, and what is built on it. Needs the extra `langchain`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .chat_model import ChatAisa

__all__ = ["ChatAisa"]

_HOMES = {"ChatAisa": "chat_model"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        importlib.import_module("langchain_core")
    except ImportError as error:
        raise ImportError(f'{name} needs langchain-core: pip install "aisa-integrations[langchain]"') from error
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
