"""What becomes of each fault: the contract's table, fault by fault, as a caller sees it."""

from dataclasses import dataclass, replace
from typing import Literal

import aisa_integrations as aisa

Then = Literal["raise", "next", "wait"]


@dataclass(frozen=True, slots=True)
class End:
    """How a call ends that meets a fault and has no other model to ask.

    Args:
        error: the class that the dict faces raise.
        status: the HTTP status of the error reply that an SDK gets; None where the network's own error stays.
        code: the word for it.
        cause: the word for it in the list of attempts.
        then: what follows where the chain has another model: raise at once, ask it, or wait for the key.
        again: whether another round may help.
        seen: the status that the gateway really answered with; None where it is `status`, 0 for no reply.
        interrupted: whether content had come.
    """

    error: type[aisa.AisaError]
    status: int | None
    code: str
    cause: str
    then: Then
    again: bool = False
    seen: int | None = None
    interrupted: bool = False

    @property
    def seen_status(self) -> int | None:
        """The status in the list of attempts."""
        return (self.status if self.seen is None else self.seen) or None


def _key(status: int, code: str) -> End:
    return End(aisa.AuthenticationError, status, code, "auth", "raise")


def _not_allowed(code: str) -> End:
    return End(aisa.AuthenticationError, 403, code, "not_allowed", "next")


def _credits(code: str = "insufficient_credits") -> End:
    return End(aisa.InsufficientCreditsError, 402, code, "insufficient_credits", "next")


def _no_model(code: str = "model_not_found", seen: int = 404) -> End:
    return End(aisa.ModelNotFoundError, 404, code, "model_not_found", "next", seen=seen)


def _rate(code: str) -> End:
    return End(aisa.RateLimitError, 429, code, "rate_limit", "next", again=True)


def _server(status: int, code: str = "server_error", seen: int | None = None) -> End:
    return End(aisa.GatewayError, status, code, "server_error", "next", again=True, seen=seen)


def _none(cause: str, code: str | None = None) -> End:
    """A 200 that is none."""
    return End(aisa.GatewayError, 502, code or cause, cause, "next", again=True, seen=200)


def _request(status: int, code: str) -> End:
    return End(aisa.BadRequestError, status, code, "bad_request", "raise")


def _parameter(status: int, code: str) -> End:
    return End(aisa.BadRequestError, status, code, "parameter", "next")


def _network(error: type[aisa.AisaError], cause: str, seen: int = 0) -> End:
    """The network's own error, which SDKs raise as their own timeout or connection error."""
    return End(error, None, cause, cause, "next", again=True, seen=seen)


def _broken(code: str, status: int = 502) -> End:
    return End(aisa.InterruptedStreamError, status, code, "interrupted", "raise", seen=200, interrupted=True)


_TIMEOUT = _network(aisa.RequestTimeoutError, "timeout")
_LOST = _network(aisa.ConnectionFailedError, "connection_lost")

ENDS: dict[str, End] = {
    # Every model shares the key.
    "bad_key": _key(401, "invalid_api_key"),
    "invalid_api_key": _key(401, "invalid_api_key"),
    "revoked_api_key": _key(401, "revoked_api_key"),
    "gemini_unauthenticated": _key(401, "auth"),
    "gemini_permission_denied": _key(403, "auth"),
    "quota_exceeded": End(aisa.QuotaExceededError, 429, "quota_exceeded", "quota_exceeded", "raise"),
    # A 403 that names the model or the region: another model may well be allowed.
    "model_not_allowed": _not_allowed("model_not_allowed"),
    "region_blocked": _not_allowed("region_blocked"),
    # 402, whatever its code.
    "out_of_credits": _credits(),
    "wallet_empty": _credits(),
    "no_key_402": _credits(),
    "payment_required_no_code": _credits(),
    "gemini_payment_required": _credits(),
    "model_gated": _credits("insufficient_balance_for_model"),
    "price_cap": _credits("estimated_price_exceeds_max_price"),
    # A model that is unknown, and the disguises of that.
    "model_not_found": _no_model(),
    "unknown_model": _no_model("unknown_model"),
    "gemini_not_found": _no_model(),
    "no_channels": _no_model(seen=503),
    "model_not_found_500": _no_model(seen=500),
    "unknown_endpoint": End(aisa.ModelNotFoundError, 404, "unknown_endpoint", "not_found", "raise"),
    "not_found_text": End(aisa.ModelNotFoundError, 404, "not_found", "not_found", "raise"),
    # Too many requests.
    "rate_limited": _rate("rate_limited"),
    "rate_limit_exceeded": _rate("rate_limit_exceeded"),
    "upstream_rate_limit": _rate("upstream_rate_limit"),
    "gemini_resource_exhausted": _rate("rate_limit"),
    "retry_after": _rate("rate_limit_exceeded"),
    "key_spent": End(aisa.RateLimitError, 429, "rate_limit_exceeded", "key_rate_limit", "wait", again=True),
    # The gateway or what is behind it.
    "request_timeout": End(aisa.RequestTimeoutError, 408, "request_timeout", "timeout", "next", again=True),
    "server_error": _server(500),
    "error_string": _server(500),
    "html_502": _server(502),
    "gateway_error": _server(502, "gateway_error"),
    "upstream_unavailable": _server(503, "upstream_unavailable"),
    "upstream_timeout": _server(504, "upstream_timeout"),
    "gemini_internal": _server(500),
    "gemini_unavailable": _server(503),
    "gemini_deadline_exceeded": _server(504),
    "redirect_307": End(aisa.GatewayError, 502, "redirect", "redirect", "raise", seen=307),
    # A 200 that is none.
    "error_in_200": _server(502, "upstream_error", seen=200),
    "error_string_in_200": _server(502, seen=200),
    "html_200": _none("not_json"),
    "empty_200": _none("not_json"),
    "invalid_json_200": _none("not_json"),
    "no_choices_200": _none("no_answer"),
    "choices_empty_200": _none("no_answer"),
    "choices_null_200": _none("no_answer"),
    "json_to_stream": _none("not_a_stream"),
    "finish_error": _none("no_answer", "finish_reason_error"),
    "finish_error_before_content": _none("no_answer", "finish_reason_error"),
    # What the request itself is refused for.
    "invalid_request": _request(400, "invalid_request"),
    "missing_parameter": _request(400, "missing_parameter"),
    "json_parse_error": _request(400, "json_parse_error"),
    "gemini_invalid_argument": _request(400, "bad_request"),
    "content_policy_violation": End(
        aisa.ContentPolicyError, 422, "content_policy_violation", "content_policy", "raise"
    ),
    "context_overflow": End(aisa.ContextWindowError, 400, "context_length_exceeded", "context_window", "next"),
    "max_tokens_exceeded": _parameter(422, "max_tokens_exceeded"),
    "unsupported_parameter": _parameter(422, "unsupported_parameter"),
    "invalid_temperature": _parameter(400, "invalid_request_error"),
    # The network.
    "hang": _TIMEOUT,
    "connection_reset": _LOST,
    "connection_closed": _LOST,
    "body_cut": replace(_LOST, seen=200),
    # A stream before its first content.
    "error_event_before_content": _server(502, "upstream_error", seen=200),
    "error_string_event_before_content": _server(502, seen=200),
    "error_int_event_before_content": _server(503, seen=200),
    "silent_end_before_content": _none("cut"),
    "empty_stream": _none("cut"),
    "comments_only": _none("cut"),
    "cut_before_content": replace(_LOST, seen=200),
    "hang_before_content": replace(_TIMEOUT, seen=200),
    "comment_trickle_before_content": replace(_TIMEOUT, seen=200),
    # A stream after it.
    "error_event_after_content": _broken("upstream_error"),
    "error_string_event_after_content": _broken("server_error"),
    "error_int_event_after_content": _broken("server_error", 503),
    "silent_end_after_content": _broken("interrupted"),
    "choice_unfinished": _broken("interrupted"),
    "cut_after_content": _broken("connection_lost"),
    "hang_after_content": _broken("timeout", 504),
    "comment_trickle_after_content": _broken("timeout", 504),
}

STREAMED = {
    # The same fault where a stream was asked for.
    "finish_error": _broken("finish_reason_error"),
    "prompt_blocked": _none("not_a_stream"),
}

# Forms that are no failure: the answer comes all the same.
TOLERATED = frozenset({"slow_first_content", "slow_first_byte", "prompt_blocked", "usage_rejected"})

# A word of the next step that the message must name, by the cause.
STEPS = {
    "auth": "AISA_API_KEY",
    "not_allowed": "another model",
    "quota_exceeded": "waiting does not help",
    "insufficient_credits": "wallet",
    "model_not_found": "/v1/models",
    "not_found": "base_url",
    "rate_limit": "later",
    "key_rate_limit": "after the reset",
    "timeout": "timeout=",
    "server_error": "fallbacks=",
    "redirect": "base_url",
    "not_json": "base_url",
    "no_answer": "Ask again",
    "not_a_stream": "without stream",
    "bad_request": "Change the request",
    "content_policy": "Change what the request says",
    "context_window": "Shorten",
    "parameter": "Leave the parameter out",
    "connection_lost": "Ask again",
    "cut": "Ask again",
    "interrupted": "`partial`",
}


def end_of(fault: str, *, stream: bool) -> End | None:
    """Return how a fault ends, or None for one that is tolerated."""
    found = (STREAMED.get(fault) if stream else None) or ENDS.get(fault)
    assert found is not None or fault in TOLERATED, f"the table has no row for {fault}"
    return found
