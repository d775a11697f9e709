"""The forms an error comes in: an object, a string, a flag, a list, a problem+json, plain text, a page. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from .effects import Head


def error_of(parsed: Any) -> Any:
    """Return the error that a JSON body holds, which Gemini's may hold in a list; None for none."""
    if isinstance(parsed, list) and len(parsed) == 1:
        parsed = parsed[0]
    return error_in(parsed) if isinstance(parsed, Mapping) else None


def error_in(reply: Mapping[str, Any]) -> Any:
    """Return the error that a JSON object holds; None for none."""
    error = reply.get("error") or None
    if error is None or isinstance(error, (str, Mapping)):
        return error
    return {**reply, "message": bare_words(reply)}  # `"error": true`, with the words beside it


def bare_words(reply: Mapping[str, Any]) -> str:
    """Return what an object without an `error` says in words: a problem+json, a bare error."""
    return str(reply.get("message") or reply.get("detail") or reply.get("title") or "")


def plain_error(head: Head, body: bytes, parsed: Any) -> dict[str, Any]:
    """Return as an error what a body without an `error` says: a problem+json, a bare object, plain text, a page."""
    if isinstance(parsed, Mapping):
        return {**parsed, "message": bare_words(parsed)}
    text = body.decode("utf-8", "replace").strip()
    if text.startswith("<") or "html" in head.headers.get("content-type", ""):
        title = re.search(r"<title[^>]*>(.*?)</title>", text, re.I | re.S)
        text = "an HTML page" + (f", {title[1].strip()!r}" if title else "")
    return {"message": text[:300]} if text else {}


def code_in(word: Any) -> str | None:
    """Return an error's code, or its type; None for what nobody compares with, such as the URI of a problem+json."""
    is_uri = isinstance(word, str) and ("://" in word or word == "about:blank")
    return word if isinstance(word, str) and word and not is_uri else None


def status_in(fields: Mapping[str, Any]) -> int | None:
    """Return the HTTP status that an error names, or None."""
    for key in ("status", "status_code", "code"):
        value = fields.get(key)
        if isinstance(value, str) and value.isdecimal():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599:
            return value
    return None


def changed_texts(value: Any, change: Callable[[str], str]) -> Any:
    """Return a JSON value with every text in it, keys included, as `change` gives it."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change(key): changed_texts(one, change) for key, one in value.items()}
    return [changed_texts(one, change) for one in value] if isinstance(value, list) else value
