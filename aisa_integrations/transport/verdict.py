"""What a reply means: an answer, or a failure with its cause. Pure, and the same for every surface."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any, Final

from .causes import RULES, Cause, Rule
from .effects import Failed, FailureKind, Head
from .error_forms import bare_words, changed_texts, code_in, error_of, plain_error, status_in
from .surfaces import Surface

# Codes of the gateway's skill text and documentation, and what sister gateways call the same things.
_CAUSE_BY_CODE: Final = {
    "invalid_api_key": (401, Cause.AUTH),
    "revoked_api_key": (401, Cause.AUTH),
    "authentication_error": (401, Cause.AUTH),
    "unauthenticated": (401, Cause.AUTH),
    "unauthorized": (401, Cause.AUTH),
    "permission_denied": (403, Cause.AUTH),
    "model_not_allowed": (403, Cause.NOT_ALLOWED),
    "region_blocked": (403, Cause.NOT_ALLOWED),
    "insufficient_credits": (402, Cause.CREDITS),
    "insufficient_balance": (402, Cause.CREDITS),
    "insufficient_quota": (402, Cause.CREDITS),
    "insufficient_funds": (402, Cause.CREDITS),
    "payment_required": (402, Cause.CREDITS),
    "estimated_price_exceeds_max_price": (402, Cause.CREDITS),
    "model_not_found": (404, Cause.MODEL_NOT_FOUND),
    "unknown_model": (404, Cause.MODEL_NOT_FOUND),
    "model_not_available": (404, Cause.MODEL_NOT_FOUND),
    "unknown_endpoint": (404, Cause.NOT_FOUND),
    "quota_exceeded": (429, Cause.QUOTA),
    "rate_limited": (429, Cause.RATE_LIMIT),
    "rate_limit_error": (429, Cause.RATE_LIMIT),
    "rate_limit_exceeded": (429, Cause.RATE_LIMIT),
    "upstream_rate_limit": (429, Cause.RATE_LIMIT),
    "resource_exhausted": (429, Cause.RATE_LIMIT),
    "context_length_exceeded": (400, Cause.CONTEXT_WINDOW),
    # max_tokens is above what this model writes at most, whatever the prompt: a parameter that another may well take.
    "max_tokens_exceeded": (422, Cause.PARAMETER),
    "unsupported_parameter": (422, Cause.PARAMETER),
    "unsupported_value": (400, Cause.PARAMETER),
    "content_policy_violation": (422, Cause.CONTENT_POLICY),
    "content_filter": (400, Cause.CONTENT_POLICY),
    "invalid_request": (400, Cause.BAD_REQUEST),
    "missing_parameter": (400, Cause.BAD_REQUEST),
    "json_parse_error": (400, Cause.BAD_REQUEST),
    "invalid_argument": (400, Cause.BAD_REQUEST),
    "upstream_unavailable": (503, Cause.SERVER_ERROR),
    "upstream_timeout": (504, Cause.SERVER_ERROR),
    "gateway_error": (502, Cause.SERVER_ERROR),
    # The readers' own words for a stream that is none.
    "finish_reason_error": (502, Cause.NO_ANSWER),
    "not_json": (502, Cause.NOT_JSON),
}
# Seconds; also a bound on UNIX seconds. What is larger is another unit, or a mistake, and no sleep takes it.
_LONGEST_WAIT: Final = 9e9
# Refusals that may say when they will have passed.
_PASSING_REFUSALS: Final = frozenset(
    {Cause.RATE_LIMIT, Cause.KEY_RATE_LIMIT, Cause.QUOTA, Cause.SERVER_ERROR, Cause.TIMEOUT}
)
_CAUSE_BY_STATUS: Final = {
    401: Cause.AUTH,
    402: Cause.CREDITS,
    403: Cause.AUTH,
    404: Cause.NOT_FOUND,
    408: Cause.TIMEOUT,
    429: Cause.RATE_LIMIT,
}
_NO_MODEL: Final = re.compile(r"no available channels?|model_not_found|no such model|unknown model", re.I)
_MODEL_MISSING: Final = re.compile(
    r"\bmodels?\b.*\b(not (found|available|exist\w*|supported)|does not exist)", re.I | re.S
)
_WINDOW: Final = re.compile(
    r"context (length|window)|maximum context|prompt is too long|input is too long|too many (input )?tokens"
    r"|token count .*exceeds|exceeds the (maximum|max) (number of )?(input )?tokens",
    re.I,
)
_PARAMETER: Final = re.compile(
    r"(is|are) allowed for this model|(not supported|unsupported)\b.*\b(this|the|with) model"
    r"|unsupported (parameter|value)|does not support|\bmodel\b.* not support",
    re.I,
)
# Where there is one of these, an object on a surface without a shape of its own is more than an error's words.
_OF_AN_ANSWER: Final = ("data", "id", "name", "results")
_POLICY: Final = re.compile(r"content (policy|filter|management)|content_policy|content_filter|moderation", re.I)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Say why an attempt failed.

    Args:
        cause: the cause, which `RULES` says more about.
        status: the HTTP status that a reply about it carries.
        message: the gateway's own words, or ours where it had none.
        code: the gateway's word for it, or ours.
        error: the gateway's error object, unknown fields kept; None where there was none.
        seen: the status the gateway really answered with; None where no reply came.
        request_id: the gateway's id of the request.
        retry_after: seconds until it may help to ask again; None where it was not said.
    """

    cause: Cause
    status: int
    message: str
    code: str | None = None
    error: Mapping[str, Any] | None = None
    seen: int | None = None
    request_id: str | None = None
    retry_after: float | None = None

    @property
    def rule(self) -> Rule:
        """Return what this cause asks for."""
        return RULES[self.cause]

    def told(self, conceal: Callable[[str], str]) -> Verdict:
        """Return it as it may be shown: with what `conceal` takes out of every text that is the gateway's."""
        said = {"message": self.message, "code": self.code, "error": self.error, "request_id": self.request_id}
        return replace(self, **changed_texts(said, conceal))


def judge(surface: Surface, head: Head, body: bytes, parsed: Any, *, now: float) -> Verdict | None:
    """Judge a whole reply: None for an answer, else why it is none.

    Args:
        surface: which shape an answer has.
        head: status and headers.
        body: the whole body.
        parsed: the body as Python values; None where it is not JSON.
        now: UNIX seconds, to read reset times.
    """
    if 300 <= head.status < 400:
        target = head.headers.get("location", "elsewhere")
        return _verdict(
            Cause.REDIRECT, head, f"the gateway redirects to {target}, which is not followed: the key stays"
        )
    error = error_of(parsed)
    if head.status >= 400:
        return judge_error(head, error if error is not None else plain_error(head, body, parsed), now=now)
    if error is not None and (surface.full_policy or not _has_answer(surface, parsed)):
        return judge_error(head, error, now=now)
    if not _is_shaped(surface, parsed):
        return _verdict(Cause.NOT_JSON, head, _not_json(body, parsed))
    if isinstance(parsed, dict) and not _has_answer(surface, parsed):
        if bare_words(parsed):
            return judge_error(head, plain_error(head, body, parsed), now=now)
        return _verdict(Cause.NO_ANSWER, head, "the reply holds no answer")
    if surface is Surface.CHAT and any(choice.get("finish_reason") == "error" for choice in parsed["choices"]):
        return _verdict(Cause.NO_ANSWER, head, "the model ended with finish_reason 'error'", code="finish_reason_error")
    return None


def judge_error(head: Head, error: Any, *, now: float) -> Verdict:
    """Judge an error the gateway put in words: an object in any of its forms, or a string."""
    fields = error if isinstance(error, Mapping) else {}
    message = str(
        fields.get("message") or (error if isinstance(error, str) else "") or fields.get("type") or ""
    ).strip()
    code = next((word for key in ("code", "type") if (word := code_in(fields.get(key))) is not None), None)
    status, cause = _classify(head, fields, code, message)
    if cause is Cause.RATE_LIMIT and _key_is_spent(head.headers):
        cause = Cause.KEY_RATE_LIMIT
    # The header first, as the SDKs have it.
    request_id = head.headers.get("x-request-id") or fields.get("request_id")
    return Verdict(
        cause=cause,
        status=status,
        message=message or f"the gateway answered with status {head.status} and no words",
        code=code or cause.value,
        error=fields or None,
        seen=head.status,
        request_id=request_id if isinstance(request_id, str) else None,
        retry_after=retry_after(head.headers, now=now) if cause in _PASSING_REFUSALS else None,
    )


def _classify(head: Head, fields: Mapping[str, Any], code: str | None, message: str) -> tuple[int, Cause]:
    status = head.status if head.status >= 400 else status_in(fields)
    known = _CAUSE_BY_CODE.get((code or "").lower()) or _CAUSE_BY_CODE.get(str(fields.get("status", "")).lower())
    if (known is not None and known[1] is Cause.MODEL_NOT_FOUND) or _NO_MODEL.search(message):
        # Seen as 404, as 500 model_not_found and as 503 "No available channels": one and the same thing.
        return 404, Cause.MODEL_NOT_FOUND
    if status in (400, 413, 422) or (status is None and known is not None and known[0] in (400, 422)):
        return status or known[0], _refusal(known[1] if known else None, message)  # type: ignore[index]
    if status == 404 and _MODEL_MISSING.search(message):
        return 404, Cause.MODEL_NOT_FOUND
    if known is not None and (status is None or status == known[0]):
        return known
    if status is None:
        return 502, Cause.SERVER_ERROR
    if status >= 500:
        return status, Cause.SERVER_ERROR
    return status, _CAUSE_BY_STATUS.get(status, Cause.BAD_REQUEST)


def _refusal(known: Cause | None, message: str) -> Cause:
    if known not in (None, Cause.BAD_REQUEST):
        return known
    for pattern, cause in (
        (_WINDOW, Cause.CONTEXT_WINDOW),
        (_PARAMETER, Cause.PARAMETER),
        (_POLICY, Cause.CONTENT_POLICY),
        (_MODEL_MISSING, Cause.MODEL_NOT_FOUND),
    ):
        if pattern.search(message):
            return cause
    return Cause.BAD_REQUEST


def _is_shaped(surface: Surface, parsed: Any) -> bool:
    if surface is Surface.OTHER:
        return parsed is not None  # nothing is known of it but that it is JSON
    return isinstance(parsed, dict) or (surface is Surface.JSON and isinstance(parsed, list))


def _has_answer(surface: Surface, parsed: Any) -> bool:
    if not isinstance(parsed, dict):
        return False
    if surface is Surface.CHAT:
        return _all_say(parsed.get("choices"), "message", "finish_reason")
    if surface is Surface.GEMINI:
        feedback = parsed.get("promptFeedback")
        blocked = isinstance(feedback, dict) and bool(feedback.get("blockReason"))
        return blocked or _all_say(parsed.get("candidates"), "content", "finishReason")
    if surface is Surface.RESPONSES:
        # A failed response of /v1/responses is a reply of its own, with its error inside.
        return isinstance(parsed.get("output"), list) or parsed.get("status") in ("failed", "incomplete", "queued")
    if surface is Surface.MESSAGES:
        return isinstance(parsed.get("content"), list)
    if parsed.get("error"):
        return "data" in parsed
    is_a_thing = surface is Surface.OTHER or any(key in parsed for key in _OF_AN_ANSWER)
    return is_a_thing or not (bare_words(parsed) or not parsed)


def _all_say(choices: Any, content: str, end: str) -> bool:
    """Say whether there are choices, and each has said something or come to an end."""
    if not isinstance(choices, list) or not choices:
        return False
    return all(isinstance(choice, dict) and (choice.get(content) or choice.get(end)) for choice in choices)


def _not_json(body: bytes, parsed: Any) -> str:
    if not body.strip():
        return "the reply is empty"
    kind = "no JSON object" if parsed is not None else "an HTML page" if body.lstrip()[:1] == b"<" else "not JSON"
    return f"the reply is {kind}, though its status says success"


def _verdict(cause: Cause, head: Head, message: str, code: str | None = None) -> Verdict:
    return Verdict(
        cause,
        RULES[cause].status,
        message,
        code or cause.value,
        seen=head.status,
        request_id=head.headers.get("x-request-id"),
    )


def judge_stream(cause: Cause, head: Head, message: str) -> Verdict:
    """Judge a stream that brought no answer."""
    return _verdict(cause, head, message)


_CAUSE_BY_FAILURE: Final = {
    FailureKind.CONNECT: Cause.CONNECT,
    FailureKind.TIMEOUT: Cause.TIMEOUT,
    FailureKind.LOST: Cause.CONNECTION_LOST,
    FailureKind.LOCAL: Cause.BAD_REQUEST,
    FailureKind.FORBIDDEN: Cause.LIVE_FORBIDDEN,
}


def judge_failure(failed: Failed, seen: int | None = None) -> Verdict:
    """Judge a failure that brought no reply, or cut one short."""
    cause = _CAUSE_BY_FAILURE[failed.kind]
    if cause is Cause.LIVE_FORBIDDEN:
        return Verdict(cause, RULES[cause].status, failed.message, cause.value, seen=seen)
    words = {
        Cause.CONNECT: "the gateway can't be reached",
        Cause.TIMEOUT: "no answer in time",
        Cause.CONNECTION_LOST: "the connection was lost",
        Cause.BAD_REQUEST: "the request can't be sent",
    }[cause]
    detail = f"{failed.error}: {failed.message}" if failed.message else failed.error
    return Verdict(cause, RULES[cause].status, f"{words} ({detail})", cause.value, seen=seen)


def _key_is_spent(headers: Mapping[str, str]) -> bool:
    return any(headers.get(f"x-ratelimit-remaining-{what}", "").strip() == "0" for what in ("requests", "tokens"))


def retry_after(headers: Mapping[str, str], *, now: float) -> float | None:
    """Return the seconds after which the gateway says it will answer again, or None where it does not say.

    `Retry-After` is in seconds, or a date where something in front of the gateway answers; the reset headers are UNIX
    seconds, and count only where nothing remains (gateway notes, "Limits").
    """
    waits: list[float] = []
    said = _number(headers.get("retry-after"))
    if said is None:
        said = _seconds_until(headers.get("retry-after"), now)
    if said is not None:
        waits.append(said)
    else:
        for what in ("requests", "tokens"):
            reset = _number(headers.get(f"x-ratelimit-reset-{what}"))
            if reset is not None and headers.get(f"x-ratelimit-remaining-{what}", "").strip() == "0":
                waits.append(reset - now)
    return max(0.0, *waits) if waits else None


def _seconds_until(date: str | None, now: float) -> float | None:
    try:
        return max(0.0, parsedate_to_datetime(date).timestamp() - now) if date is not None else None
    except (ValueError, OverflowError):
        return None


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else None
    except ValueError:
        return None
    return value if value is not None and 0 <= value < _LONGEST_WAIT else None
