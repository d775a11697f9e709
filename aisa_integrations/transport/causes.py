"""Why an attempt failed, and what each cause asks for: the contract's table as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final


class Cause(StrEnum):
    """Name why an attempt failed."""

    AUTH = "auth"
    NOT_ALLOWED = "not_allowed"
    QUOTA = "quota_exceeded"
    CREDITS = "insufficient_credits"
    MODEL_NOT_FOUND = "model_not_found"
    NOT_FOUND = "not_found"
    KEY_RATE_LIMIT = "key_rate_limit"
    RATE_LIMIT = "rate_limit"
    SERVER_ERROR = "server_error"
    NOT_JSON = "not_json"
    NO_ANSWER = "no_answer"
    NOT_A_STREAM = "not_a_stream"
    CUT = "cut"
    TIMEOUT = "timeout"
    CONNECT = "connect"
    CONNECTION_LOST = "connection_lost"
    CONTEXT_WINDOW = "context_window"
    PARAMETER = "parameter"
    BAD_REQUEST = "bad_request"
    CONTENT_POLICY = "content_policy"
    REDIRECT = "redirect"
    INTERRUPTED = "interrupted"
    BUDGET = "budget_exceeded"
    OVER_CAP = "over_cost_cap"
    LIVE_FORBIDDEN = "live_forbidden"
    ALL_MODELS_FAILED = "all_models_failed"


class Action(Enum):
    """Name what to do about a failed attempt."""

    RAISE = "raise"
    NEXT_MODEL = "next model"
    OTHER_SPELLING = "another spelling of the same model, then the next model"
    LARGER_WINDOW = "the next model whose window is larger"
    WAIT_FOR_KEY = "wait for the key's limit to reset, then the same model"
    RETRY_SAME = "wait, then the same model"


@dataclass(frozen=True, slots=True)
class Rule:
    """Say what one cause asks for.

    Args:
        action: what to do next.
        passes: whether another round may help.
        may_be_billed: whether the attempt may have cost money though no answer came.
        status: the HTTP status a reply about it carries, where the gateway's own was none or a 200.
    """

    action: Action
    passes: bool = False
    may_be_billed: bool = False
    status: int = 502


RULES: Final = {
    # Every model shares the key, so no other model helps.
    Cause.AUTH: Rule(Action.RAISE, status=401),
    Cause.QUOTA: Rule(Action.RAISE, status=429),
    # A 403 that names the model or its region: another model may well be allowed.
    Cause.NOT_ALLOWED: Rule(Action.NEXT_MODEL, status=403),
    # A model gated by balance looks just like an empty wallet (gateway notes, errors, 8).
    Cause.CREDITS: Rule(Action.NEXT_MODEL, status=402),
    Cause.MODEL_NOT_FOUND: Rule(Action.OTHER_SPELLING, status=404),
    Cause.NOT_FOUND: Rule(Action.RAISE, status=404),
    Cause.KEY_RATE_LIMIT: Rule(Action.WAIT_FOR_KEY, passes=True, status=429),
    Cause.RATE_LIMIT: Rule(Action.NEXT_MODEL, passes=True, status=429),
    Cause.SERVER_ERROR: Rule(Action.NEXT_MODEL, passes=True),
    Cause.NOT_JSON: Rule(Action.NEXT_MODEL, passes=True, may_be_billed=True),
    Cause.NO_ANSWER: Rule(Action.NEXT_MODEL, passes=True, may_be_billed=True),
    Cause.NOT_A_STREAM: Rule(Action.NEXT_MODEL, passes=True, may_be_billed=True),
    Cause.CUT: Rule(Action.NEXT_MODEL, passes=True, may_be_billed=True),
    Cause.TIMEOUT: Rule(Action.NEXT_MODEL, passes=True, may_be_billed=True, status=504),
    Cause.CONNECTION_LOST: Rule(Action.NEXT_MODEL, passes=True, may_be_billed=True),
    Cause.CONNECT: Rule(Action.RETRY_SAME, passes=True),
    Cause.CONTEXT_WINDOW: Rule(Action.LARGER_WINDOW, status=400),
    Cause.PARAMETER: Rule(Action.NEXT_MODEL, status=400),
    Cause.BAD_REQUEST: Rule(Action.RAISE, status=400),
    Cause.CONTENT_POLICY: Rule(Action.RAISE, status=400),
    # A redirect comes from the gateway's edge, whatever the model; following it would take the key along.
    Cause.REDIRECT: Rule(Action.RAISE),
    Cause.INTERRUPTED: Rule(Action.RAISE, may_be_billed=True),
    # Ours, and nothing was sent: a cheaper model of the chain may still fit.
    Cause.BUDGET: Rule(Action.NEXT_MODEL, status=402),
    Cause.OVER_CAP: Rule(Action.NEXT_MODEL, status=402),
    # A switch of the caller's, for tests: no other model and no later time helps.
    Cause.LIVE_FORBIDDEN: Rule(Action.RAISE, status=403),
    Cause.ALL_MODELS_FAILED: Rule(Action.RAISE),
}
