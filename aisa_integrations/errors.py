"""Errors of the library's own faces (the SDK factories raise the SDK's own classes instead).

AisaError                              .model .status .code .request_id .attempts
├─ MissingKeyError                     no key was given or found; nothing was sent
├─ ConfigurationError                  an argument or setting that cannot work, or forbids it; nothing was sent
├─ AuthenticationError                 401, 403: the key, or what it may use
├─ InsufficientCreditsError            402: the wallet, a gated model, or a price cap
│   └─ BudgetExceededError             402 budget_exceeded: our own limit; nothing was sent
├─ ModelNotFoundError                  404 and its disguises        .suggestions
├─ RateLimitError                      429                          .retry_after
│   └─ QuotaExceededError              429 quota_exceeded: the key's own spend cap
├─ BadRequestError                     400, 422
│   ├─ ContextWindowError              the prompt is longer than the model's window
│   └─ ContentPolicyError              refused for what it says
├─ GatewayError                        5xx, a 200 that is none, not JSON
├─ ConnectionFailedError               the gateway could not be reached, or the connection broke
├─ RequestTimeoutError                 no answer in time
├─ InterruptedStreamError              a stream broke after its first content   .partial
└─ AllModelsFailedError                every model of the chain failed, each for its own reason
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .usage import Attempt


class AisaError(Exception):
    """Report a failed call: what happened, with which model, and what to do next.

    Args:
        message: one or more plain sentences.
        model: the model id that was asked, as sent.
        status: the HTTP status, 0 to 599, or None where no reply came.
        code: the gateway's or the library's word for the cause, such as `rate_limit_exceeded`.
        request_id: the gateway's id of the failed request, for its support.
        attempts: every attempt of the logical call, in order.
    """

    def __init__(
        self,
        message: str,
        *,
        model: str | None = None,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        attempts: tuple[Attempt, ...] = (),
    ) -> None:
        super().__init__(message)
        self.model = model
        self.status = status
        self.code = code
        self.request_id = request_id
        self.attempts = attempts

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception.__reduce__ calls cls(*args), which would lose every keyword-only field.
        return (_rebuild, (type(self), self.args, self.__dict__.copy()))


def _rebuild(cls: type[AisaError], args: tuple[Any, ...], fields: dict[str, Any]) -> AisaError:
    error = cls.__new__(cls, *args)
    Exception.__init__(error, *args)
    error.__dict__.update(fields)
    return error


class ConfigurationError(AisaError, ValueError):
    """Report an argument or setting that cannot work, or forbids what was asked; nothing was sent."""


class MissingKeyError(AisaError):
    """Report that no API key was given or found; nothing was sent."""


class AuthenticationError(AisaError):
    """Report a key that the gateway does not accept, or may not use this model (401, 403)."""


class InsufficientCreditsError(AisaError):
    """Report an empty wallet, a model gated by balance, or a price cap (402)."""


class BudgetExceededError(InsufficientCreditsError):
    """Report a call refused by the caller's own budget; nothing was sent (402 `budget_exceeded`)."""


class ModelNotFoundError(AisaError):
    """Report a model that the gateway does not serve, in any of the forms it says so.

    Args:
        suggestions: ids of the catalogue that look like the one asked, best first.
    """

    def __init__(self, message: str, *, suggestions: tuple[str, ...] = (), **fields: Any) -> None:
        super().__init__(message, **fields)
        self.suggestions = suggestions


class RateLimitError(AisaError):
    """Report too many requests or tokens for now (429).

    Args:
        retry_after: seconds after which the gateway will answer again, or None where it did not say.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.retry_after = retry_after


class QuotaExceededError(RateLimitError):
    """Report that the key reached its own spend cap: waiting does not help (429 `quota_exceeded`)."""


class BadRequestError(AisaError):
    """Report a request that the gateway or the model refuses (400, 422)."""


class ContextWindowError(BadRequestError):
    """Report a prompt longer than the model's window."""


class ContentPolicyError(BadRequestError):
    """Report a request refused for what it says."""


class GatewayError(AisaError):
    """Report a failure of the gateway or the model behind it (5xx), or a reply that is none."""


class ConnectionFailedError(AisaError):
    """Report that the gateway could not be reached, or that the connection broke before an answer."""


class RequestTimeoutError(AisaError):
    """Report that no answer came in time."""


class InterruptedStreamError(AisaError):
    """Report a stream that broke after its first content.

    Args:
        partial: the text that had come before the break.
    """

    def __init__(self, message: str, *, partial: str = "", **fields: Any) -> None:
        super().__init__(message, **fields)
        self.partial = partial


class AllModelsFailedError(AisaError):
    """Report that every model of the chain failed, each for its own reason; `attempts` lists them."""
