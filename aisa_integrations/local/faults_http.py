"""Faults that are whole HTTP replies: every error form of the gateway."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .fault import Answer, Fault

CHAT = frozenset({"plain", "stream", "chat"})
GEMINI = frozenset({"plain", "stream", "gemini"})
REQUEST_ID = "req_local_fault"

_SKILL = "errors, form 1 (skill)"
_DOCS = "errors, form 2 (docs)"
_HTML = "<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"


def skill_error(code: str, message: str) -> dict[str, Any]:
    """An error body as the skill shows it."""
    return {"error": {"code": code, "message": message}}


def docs_error(kind: str, code: str, message: str) -> dict[str, Any]:
    """An error body as the docs show it."""
    return {"error": {"type": kind, "code": code, "message": message, "request_id": REQUEST_ID}}


def gemini_error(code: int, status: str, message: str) -> dict[str, Any]:
    """An error body of the Gemini surface."""
    return {"error": {"code": code, "message": message, "status": status}}


NO_KEY_BODY: Mapping[str, Any] = {
    "type": "https://paymentauth.org/problems/payment-required",
    "title": "Payment Required",
    "status": 402,
    "detail": "Payment is required.",
}
NO_KEY_HEADERS = (("WWW-Authenticate", 'Payment realm="aisa"'),)
BAD_KEY_BODY = skill_error("invalid_api_key", "Invalid or missing API key")
WALLET_EMPTY_BODY = skill_error("insufficient_credits", "Insufficient credits. Please top up your account.")

# name: (status, code, message)
_SKILL_FORMS: Mapping[str, tuple[int, str, str]] = {
    "bad_key": (401, "invalid_api_key", "Invalid or missing API key"),
    "out_of_credits": (402, "insufficient_credits", "Insufficient credits. Please top up your account."),
    "model_not_found": (404, "model_not_found", "Model '{model}' is not available"),
    "rate_limited": (429, "rate_limited", "Too many requests"),
    "server_error": (500, "server_error", "Internal server error"),
}

# code, which is the name too: (status, type, message)
_DOCS_FORMS: Mapping[str, tuple[int, str, str]] = {
    "invalid_request": (400, "invalid_request_error", "The request is invalid"),
    "missing_parameter": (400, "invalid_request_error", "Missing required parameter: 'messages'"),
    "json_parse_error": (400, "invalid_request_error", "Could not parse the JSON body"),
    "invalid_api_key": (401, "authentication_error", "Invalid API key"),
    "revoked_api_key": (401, "authentication_error", "This API key was revoked"),
    "model_not_allowed": (403, "permission_error", "This key may not use '{model}'"),
    "region_blocked": (403, "permission_error", "Not available in your region"),
    "unknown_model": (404, "not_found_error", "Unknown model '{model}'"),
    "unknown_endpoint": (404, "not_found_error", "Unknown endpoint"),
    "max_tokens_exceeded": (422, "invalid_request_error", "max_tokens is above this model's limit"),
    "unsupported_parameter": (422, "invalid_request_error", "Unsupported parameter for '{model}'"),
    "content_policy_violation": (422, "invalid_request_error", "The request violates the content policy"),
    "rate_limit_exceeded": (429, "rate_limit_error", "Rate limit exceeded"),
    "upstream_rate_limit": (429, "rate_limit_error", "The upstream provider is rate limited"),
    "quota_exceeded": (429, "rate_limit_error", "This key's spend cap is reached"),
    "gateway_error": (502, "api_error", "The gateway failed"),
    "upstream_unavailable": (503, "api_error", "The upstream provider is unavailable"),
    "upstream_timeout": (504, "api_error", "The upstream provider timed out"),
}

# name: (code, status, message)
_GEMINI_FORMS: Mapping[str, tuple[int, str, str]] = {
    "gemini_invalid_argument": (400, "INVALID_ARGUMENT", "Request contains an invalid argument."),
    "gemini_unauthenticated": (401, "UNAUTHENTICATED", "Request had invalid authentication credentials."),
    "gemini_payment_required": (402, "FAILED_PRECONDITION", "Insufficient credits."),
    "gemini_permission_denied": (403, "PERMISSION_DENIED", "The caller does not have permission."),
    "gemini_not_found": (404, "NOT_FOUND", "models/{model} is not found."),
    "gemini_resource_exhausted": (429, "RESOURCE_EXHAUSTED", "Resource has been exhausted."),
    "gemini_internal": (500, "INTERNAL", "An internal error has occurred."),
    "gemini_unavailable": (503, "UNAVAILABLE", "The model is overloaded."),
    "gemini_deadline_exceeded": (504, "DEADLINE_EXCEEDED", "The deadline expired."),
}


def _reply(name: str, status: int, play: Answer, description: str, source: str, **rest: Any) -> Fault:
    return Fault(name, "reply", status, play, description, source, **rest)


def _tables() -> Iterator[Fault]:
    for name, (status, code, message) in _SKILL_FORMS.items():
        yield _reply(name, status, Answer(skill_error(code, message)), f"{status} with code {code}", _SKILL)
    for code, (status, kind, message) in _DOCS_FORMS.items():
        yield _reply(code, status, Answer(docs_error(kind, code, message)), f"{status} with code {code}", _DOCS)
    for name, (code_number, word, message) in _GEMINI_FORMS.items():
        play = Answer(gemini_error(code_number, word, message))
        yield _reply(name, code_number, play, f"{code_number} {word}", "errors, form 4 (Gemini native)", tags=GEMINI)


def _disguises() -> Iterator[Fault]:
    source = "errors, 3: a wrong or undated id can be this, not only 404"
    no_channels = skill_error("", "No available channels for model '{model}'")
    del no_channels["error"]["code"]
    yield _reply("no_channels", 503, Answer(no_channels), "503 No available channels, without a code", source)
    unknown = Answer(skill_error("model_not_found", "Model '{model}' is not available"))
    yield _reply("model_not_found_500", 500, unknown, "500 with code model_not_found", source)


def _bodies() -> Iterator[Fault]:
    source = "errors, 5"
    yield _reply("error_string", 500, Answer({"error": "upstream failed"}), "the error is a mere string", source)
    text = Answer("404 page not found", "text/plain; charset=utf-8")
    yield _reply("not_found_text", 404, text, "text/plain 404", source)
    page = Answer(_HTML.format(title="502 Bad Gateway"), "text/html")
    yield _reply("html_502", 502, page, "an HTML page with 502", source)
    page = Answer(_HTML.format(title="Welcome"), "text/html")
    yield _reply("html_200", 200, page, "an HTML page with 200", source)
    source = "errors, 6: an error body inside HTTP 200"
    hidden = Answer(skill_error("upstream_error", "The upstream provider failed"))
    yield _reply("error_in_200", 200, hidden, "an error object in a 200; JSON to a stream request too", source)
    hidden = Answer({"error": "upstream failed"})
    yield _reply("error_string_in_200", 200, hidden, "a string as error in a 200; JSON to a stream request too", source)
    source = "errors, 6, its relatives: a 200 that is none"
    yield _reply("empty_200", 200, Answer(""), "an empty body", source)
    yield _reply("invalid_json_200", 200, Answer('{"id":"chatcmpl-local","choi'), "JSON that breaks off", source)
    shell = {"id": "chatcmpl-local", "object": "chat.completion", "created": 0, "model": "{model}"}
    used = {"usageMetadata": {"promptTokenCount": 1, "totalTokenCount": 1}, "modelVersion": "{model}"}
    for name, chat, gemini in (
        ("no_choices_200", shell, used),
        ("choices_empty_200", {**shell, "choices": []}, {**used, "candidates": []}),
        ("choices_null_200", {**shell, "choices": None}, {**used, "candidates": None}),
    ):
        yield _reply(name, 200, Answer(chat, gemini_body=gemini), "a completion without an answer in it", source)


def _money_and_refusals() -> Iterator[Fault]:
    no_key = Answer(NO_KEY_BODY, "application/problem+json", NO_KEY_HEADERS)
    yield _reply("no_key_402", 402, no_key, "what a request without any key gets", "errors, 7 (seen)")
    source = "errors, 8: 402 means one of three"
    yield _reply("wallet_empty", 402, Answer(WALLET_EMPTY_BODY), "the wallet is empty", source)
    gated = Answer(skill_error("insufficient_balance_for_model", "Your balance is too low for '{model}'"))
    yield _reply("model_gated", 402, gated, "this model is gated by balance, others answer; the code is ours", source)
    capped = Answer(skill_error("estimated_price_exceeds_max_price", "The estimated price is above max_price"))
    yield _reply("price_cap", 402, capped, "a price cap was hit", source)
    bare = Answer({"error": {"message": "Payment required"}})
    yield _reply("payment_required_no_code", 402, bare, "402 without a code", source)

    message = "invalid temperature: only 1 is allowed for this model"
    refused = Answer({"error": {"message": message, "type": "invalid_request_error"}})
    yield _reply("invalid_temperature", 400, refused, "a parameter that this model refuses", "errors, 9")
    refused = Answer(docs_error("invalid_request_error", "unsupported_parameter", "Unsupported: 'stream_options'"))
    yield _reply(
        "usage_rejected", 400, refused, "refuses stream_options, where asked for", "errors, 9", when="stream_options"
    )
    message = "This model's maximum context length is 8192 tokens, however you requested more."
    overflow = Answer(docs_error("invalid_request_error", "context_length_exceeded", message))
    yield _reply("context_overflow", 400, overflow, "the prompt is longer than the window", _DOCS)


def _waits() -> Iterator[Fault]:
    limited = docs_error("rate_limit_error", "rate_limit_exceeded", "Rate limit exceeded")
    source = "limits"
    play = Answer(limited, headers=(("Retry-After", "{retry_after}"),))
    yield _reply("retry_after", 429, play, "429 with Retry-After (option retry_after, default 1)", source)
    spent = (
        ("X-RateLimit-Limit-Requests", "60"),
        ("X-RateLimit-Remaining-Requests", "0"),
        ("X-RateLimit-Reset-Requests", "{reset}"),
    )
    description = "429: the key's requests are spent until the reset (option reset_in, seconds, default 1)"
    yield _reply("key_spent", 429, Answer(limited, headers=spent), description, source)
    timeout = Answer(skill_error("request_timeout", "Request timeout"))
    yield _reply("request_timeout", 408, timeout, "408", "errors, by analogy")
    moved = Answer("", "text/plain", (("Location", "{location}"),))
    description = "a redirect to another host (option location): the key must not follow it"
    yield _reply("redirect_307", 307, moved, description, "auth")


HTTP_FAULTS: tuple[Fault, ...] = (
    *_tables(),
    *_disguises(),
    *_bodies(),
    *_money_and_refusals(),
    *_waits(),
    _reply(
        "prompt_blocked",
        200,
        Answer({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 1}}),
        "no candidates, a block reason instead",
        "Gemini native",
        tags=GEMINI,
    ),
)
