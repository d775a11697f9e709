"""The error of the tree that a failed call is."""

from __future__ import annotations

from typing import Any, Final

from ..errors import (
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
    ModelNotFoundError,
    QuotaExceededError,
    RateLimitError,
    RequestTimeoutError,
)
from ..transport.causes import Cause
from ..transport.effects import Answer, Fail, HandOver, PassOn
from ..transport.failures import explain
from ..transport.request import Call
from ..transport.surfaces import Surface
from ..transport.verdict import Verdict
from ..usage import Exchange

_ERRORS: Final[dict[Cause, type[AisaError]]] = {
    Cause.AUTH: AuthenticationError,
    Cause.NOT_ALLOWED: AuthenticationError,
    Cause.QUOTA: QuotaExceededError,
    Cause.CREDITS: InsufficientCreditsError,
    Cause.MODEL_NOT_FOUND: ModelNotFoundError,
    Cause.NOT_FOUND: ModelNotFoundError,
    Cause.KEY_RATE_LIMIT: RateLimitError,
    Cause.RATE_LIMIT: RateLimitError,
    Cause.TIMEOUT: RequestTimeoutError,
    Cause.CONNECT: ConnectionFailedError,
    Cause.CONNECTION_LOST: ConnectionFailedError,
    Cause.CONTEXT_WINDOW: ContextWindowError,
    Cause.PARAMETER: BadRequestError,
    Cause.BAD_REQUEST: BadRequestError,
    Cause.CONTENT_POLICY: ContentPolicyError,
    Cause.INTERRUPTED: InterruptedStreamError,
    Cause.BUDGET: BudgetExceededError,
    Cause.OVER_CAP: BudgetExceededError,
    Cause.LIVE_FORBIDDEN: ConfigurationError,
    Cause.ALL_MODELS_FAILED: AllModelsFailedError,
}


def error_of(effect: Answer | HandOver | PassOn | Fail, call: Call) -> AisaError:
    """Return the error of the tree that a failed call is."""
    if isinstance(effect, Fail):
        error = error_for(effect.verdict, call.model, effect.exchange, (), surface=call.place.surface)
        error.status = None  # no reply came, or not the whole of it
        return error
    if isinstance(effect, Answer) and effect.verdict is not None and effect.exchange is not None:
        return error_for(effect.verdict, call.model, effect.exchange, effect.suggestions, surface=call.place.surface)
    return GatewayError("the gateway answered with something else than what was asked for", model=call.model)


def error_for(
    verdict: Verdict,
    model: str | None,
    exchange: Exchange,
    suggestions: tuple[str, ...],
    partial: str = "",
    surface: Surface = Surface.CHAT,
) -> AisaError:
    """Return the error that a verdict stands for, with everything that is known of the call."""
    cls = _ERRORS.get(verdict.cause, GatewayError)
    fields: dict[str, Any] = {
        "model": model,
        "status": verdict.seen if verdict.seen is not None and verdict.seen >= 400 else verdict.status,
        "code": verdict.code,
        "request_id": verdict.request_id,
        "attempts": exchange.attempts,
    }
    if issubclass(cls, ModelNotFoundError):
        fields["suggestions"] = suggestions
    elif issubclass(cls, RateLimitError):
        fields["retry_after"] = verdict.retry_after
    elif issubclass(cls, InterruptedStreamError):
        fields["partial"] = partial
    return cls(explain(verdict, model, exchange.attempts, surface), **fields)
