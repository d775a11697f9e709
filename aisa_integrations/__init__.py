"""One client library for many models through one gateway.

    from aisa_integrations import openai_client

    client = openai_client()  # a real openai.OpenAI; the key is AISA_API_KEY
    reply = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hello"}])

Everything here is imported when it is first used: importing the package loads no SDK and does no I/O.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .ab_testing import ABSummary
    from .budget import Budget, BudgetState
    from .cache import Cache
    from .clients.gemini import genai_client
    from .clients.openai_sdk import async_openai_client, openai_client
    from .comparison import Comparison, Result, acompare, compare
    from .cooldown import Cooldown, Cooling
    from .errors import (
        AisaError,
        AllModelsFailedError,
        AuthenticationError,
        BadRequestError,
        BudgetExceededError,
        ConfigurationError,
        ConnectionFailedError,
        ContentPolicyError,
        ContextWindowError,
        GatewayError,
        InsufficientCreditsError,
        InterruptedStreamError,
        MissingKeyError,
        ModelNotFoundError,
        QuotaExceededError,
        RateLimitError,
        RequestTimeoutError,
    )
    from .evaluation import Evaluation, aevaluate, evaluate
    from .gateway_client import AsyncGatewayClient, GatewayClient, Reply
    from .langchain import ChatAisa
    from .pacing import PacingState, RateLimits
    from .policy import FailoverEvent, Policy
    from .router_client import LLMRouterClient
    from .routing import Fallback, RouteDecision, Routes, explain
    from .standing import State, state
    from .tracking import Spend, track
    from .transport.network import NetworkOptions
    from .usage import Attempt, Exchange, Usage

__version__ = "0.1.0"

__all__ = [
    "ABSummary",
    "AisaError",
    "AllModelsFailedError",
    "AsyncGatewayClient",
    "Attempt",
    "AuthenticationError",
    "BadRequestError",
    "Budget",
    "BudgetExceededError",
    "BudgetState",
    "Cache",
    "ChatAisa",
    "Comparison",
    "ConfigurationError",
    "ConnectionFailedError",
    "ContentPolicyError",
    "ContextWindowError",
    "Cooldown",
    "Cooling",
    "Evaluation",
    "Exchange",
    "FailoverEvent",
    "Fallback",
    "GatewayClient",
    "GatewayError",
    "InsufficientCreditsError",
    "InterruptedStreamError",
    "LLMRouterClient",
    "MissingKeyError",
    "ModelNotFoundError",
    "NetworkOptions",
    "PacingState",
    "Policy",
    "QuotaExceededError",
    "RateLimitError",
    "RateLimits",
    "Reply",
    "RequestTimeoutError",
    "Result",
    "RouteDecision",
    "Routes",
    "Spend",
    "State",
    "Usage",
    "acompare",
    "aevaluate",
    "async_openai_client",
    "compare",
    "evaluate",
    "explain",
    "genai_client",
    "openai_client",
    "state",
    "track",
]

_HOMES = {
    "ABSummary": "ab_testing",
    "AsyncGatewayClient": "gateway_client",
    "Attempt": "usage",
    "Budget": "budget",
    "BudgetState": "budget",
    "Cache": "cache",
    "ChatAisa": "langchain",
    "Comparison": "comparison",
    "Cooldown": "cooldown",
    "Cooling": "cooldown",
    "Evaluation": "evaluation",
    "Exchange": "usage",
    "FailoverEvent": "policy",
    "Fallback": "routing",
    "GatewayClient": "gateway_client",
    "LLMRouterClient": "router_client",
    "NetworkOptions": "transport.network",
    "PacingState": "pacing",
    "Policy": "policy",
    "RateLimits": "pacing",
    "Reply": "gateway_client",
    "Result": "comparison",
    "RouteDecision": "routing",
    "Routes": "routing",
    "Spend": "tracking",
    "State": "standing",
    "Usage": "usage",
    "acompare": "comparison",
    "aevaluate": "evaluation",
    "async_openai_client": "clients.openai_sdk",
    "compare": "comparison",
    "evaluate": "evaluation",
    "explain": "routing",
    "genai_client": "clients.gemini",
    "openai_client": "clients.openai_sdk",
    "state": "standing",
    "track": "tracking",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f".{_HOMES.get(name, 'errors')}", __name__), name)
    # Kept, so that the next look-up is a plain one, and a submodule of the same name does not hide the function.
    globals()[name] = value
    return value


def load_ipython_extension(shell: Any) -> None:
    """Put `%%aisa`, `%%compare` and `%aisa_spend` into a notebook: `%load_ext aisa_integrations`."""
    from .notebook.extension import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take them out again, and close what they hold open: `%unload_ext aisa_integrations`."""
    from .notebook.extension import unload

    unload(shell)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
