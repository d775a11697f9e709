"""A gateway on this machine, for development and tests: no key, no network, no money.

from aisa_integrations.local import LocalGateway

with LocalGateway() as gateway:
    print(gateway.url, gateway.api_key)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .account import DEFAULT_PRICE, Account, Call, Price
    from .backends import Backend, BackendError
    from .backends.llama import LlamaBackend
    from .backends.scripted import ScriptedBackend
    from .backends.upstream import UpstreamBackend
    from .fault import Fault
    from .faults import FAULTS
    from .limits import TIERS, Tier
    from .script import Script, Style
    from .server import DEFAULT_API_KEY, LocalGateway
    from .traffic import Request

_WHERE = {
    "Account": "account",
    "Backend": "backends",
    "BackendError": "backends",
    "Call": "account",
    "DEFAULT_API_KEY": "server",
    "DEFAULT_PRICE": "account",
    "FAULTS": "faults",
    "Fault": "fault",
    "LlamaBackend": "backends.llama",
    "LocalGateway": "server",
    "Price": "account",
    "Request": "traffic",
    "Script": "script",
    "ScriptedBackend": "backends.scripted",
    "Style": "script",
    "TIERS": "limits",
    "Tier": "limits",
    "UpstreamBackend": "backends.upstream",
}

__all__ = [
    "DEFAULT_API_KEY",
    "DEFAULT_PRICE",
    "FAULTS",
    "TIERS",
    "Account",
    "Backend",
    "BackendError",
    "Call",
    "Fault",
    "LlamaBackend",
    "LocalGateway",
    "Price",
    "Request",
    "Script",
    "ScriptedBackend",
    "Style",
    "Tier",
    "UpstreamBackend",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
