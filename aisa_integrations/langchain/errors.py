"""The errors of the tree, joined with langchain-core's: a failed call is caught as either, and can be pickled.

The names are those of the tree. `is_retryable` is langchain-core's word for whether the same request may succeed later.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from langchain_core import exceptions as core

from .. import errors as tree
from ..transport.causes import RULES, Cause

if TYPE_CHECKING:
    from langchain_core.exceptions import ModelRefusalError
    from langchain_core.messages import BaseMessage
else:
    # langchain-core has it from 1.7.5 on; before, a refusal is a model's error like any other.
    ModelRefusalError = getattr(core, "ModelRefusalError", core.ModelError)


class ConfigurationError(tree.ConfigurationError, core.ModelInvalidRequestError):
    """Report an argument or setting that cannot work, or forbids what was asked; nothing was sent."""


class MissingKeyError(tree.MissingKeyError, core.ModelAuthenticationError):
    """Report that no API key was given or found; nothing was sent."""


class AuthenticationError(tree.AuthenticationError, core.ModelAuthenticationError):
    """Report a key that the gateway does not accept (401)."""


class PermissionDeniedError(tree.AuthenticationError, core.ModelPermissionDeniedError):
    """Report a key that may not use this model (403)."""


class InsufficientCreditsError(tree.InsufficientCreditsError, core.ModelPermissionDeniedError):
    """Report an empty wallet, a model gated by balance, or a price cap (402)."""


class BudgetExceededError(tree.BudgetExceededError, core.ModelPermissionDeniedError):
    """Report a call refused by the caller's own budget; nothing was sent."""


class ModelNotFoundError(tree.ModelNotFoundError, core.ModelNotFoundError):
    """Report a model that the gateway does not serve, in any of the forms it says so."""


class RateLimitError(tree.RateLimitError, core.ModelRateLimitError):
    """Report too many requests or tokens for now (429)."""


class QuotaExceededError(tree.QuotaExceededError, core.ModelRateLimitError):
    """Report that the key reached its own spend cap: waiting does not help."""

    is_retryable = False


class BadRequestError(tree.BadRequestError, core.ModelInvalidRequestError):
    """Report a request that the gateway or the model refuses (400, 422)."""


class ContextWindowError(tree.ContextWindowError, core.ContextOverflowError, core.ModelInvalidRequestError):
    """Report a prompt longer than the model's window."""


class ContentPolicyError(tree.ContentPolicyError, core.ModelInvalidRequestError):
    """Report a request refused for what it says."""


class RefusalError(tree.ContentPolicyError, ModelRefusalError):
    """Report a model that declined in its answer where a structured one was asked for.

    Args:
        raw_message: the answer.
    """

    def __init__(self, message: str, *, raw_message: BaseMessage | None = None, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.raw_message = raw_message


class UnfitAnswerError(tree.AisaError, core.OutputParserException):
    """Report an answer that is not in the form that was asked for.

    Args:
        llm_output: the answer, as far as it is known.
    """

    def __init__(self, message: str, *, llm_output: str | None = None, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.llm_output = llm_output
        self.observation = None
        self.send_to_llm = False


class GatewayError(tree.GatewayError, core.ModelAPIError):
    """Report a failure of the gateway or the model behind it (5xx), or a reply that is none."""


class ConnectionFailedError(tree.ConnectionFailedError, core.ModelConnectionError):
    """Report that the gateway could not be reached, or that the connection broke before an answer."""


class RequestTimeoutError(tree.RequestTimeoutError, core.ModelTimeoutError):
    """Report that no answer came in time."""


class InterruptedStreamError(tree.InterruptedStreamError, core.ModelAPIError):
    """Report a stream that broke after its first content; `partial` is what had come."""


class AllModelsFailedError(tree.AllModelsFailedError, core.ModelAPIError):
    """Report that every model of the chain failed, each for its own reason."""

    @property
    def is_retryable(self) -> bool:  # type: ignore[override]
        """Say whether the cause of any attempt is one that passes."""
        return any(RULES[Cause(attempt.cause)].passes for attempt in self.attempts if attempt.cause in RULES)


_JOINED: Final[dict[type[tree.AisaError], type[tree.AisaError]]] = {
    cls.__bases__[0]: cls
    for cls in (
        ConfigurationError, MissingKeyError, AuthenticationError, InsufficientCreditsError, BudgetExceededError,
        ModelNotFoundError, RateLimitError, QuotaExceededError, BadRequestError, ContextWindowError,
        ContentPolicyError, GatewayError, ConnectionFailedError, RequestTimeoutError, InterruptedStreamError,
        AllModelsFailedError,
    )
}  # fmt: skip


class joining:
    """Turn an error of the tree that leaves the block into its joined class; it stays the same object."""

    __slots__ = ()

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: TracebackType | None) -> None:
        if isinstance(error, tree.AisaError):
            denied = type(error) is tree.AuthenticationError and error.status == 403
            # Its frames, cause and fields stay as they are, which a second exception around it would bury.
            error.__class__ = PermissionDeniedError if denied else _JOINED.get(type(error), type(error))
