"""Fault answers as bytes: the templates of the registry, filled in for one request."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from .connection import Header
from .fault import Answer, Break
from .script import PlayedFault


def answer(played: PlayedFault, play: Answer, model: str, surface: str) -> tuple[int, list[Header], bytes]:
    """Status, headers and body of a fault that is a whole reply."""
    options = played.options
    template = play.gemini_body if surface == "gemini" and play.gemini_body is not None else play.body
    if isinstance(template, str):
        body = template.replace("{model}", model)
    else:
        body = json.dumps(_with_options(template, options)).replace("{model}", json.dumps(model)[1:-1])
    reset = str(int(time.time() + float(options.get("reset_in", 1))) + 1)
    values = {
        "{retry_after}": str(options.get("retry_after", 1)),
        "{reset}": reset,
        "{location}": str(options.get("location", "http://redirect.invalid/v1/chat/completions")),
    }
    headers = [(name, values.get(value, value)) for name, value in play.headers]
    if "retry_after" in options and all(name != "Retry-After" for name, _ in headers):
        headers.append(("Retry-After", str(options["retry_after"])))
    headers += [(name, str(value)) for name, value in dict(options.get("headers", {})).items()]
    headers.append(("Content-Type", play.content_type))
    encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    return int(options.get("status", played.fault.status)), encoded, body.encode()


def error_event(played: PlayedFault, play: Break) -> Any:
    """The error event of a broken stream."""
    return _with_options(play.event or {}, played.options)


def _with_options(body: Mapping[str, Any], options: Mapping[str, Any]) -> Mapping[str, Any]:
    error = body.get("error")
    chosen = {key: options[key] for key in ("code", "message") if key in options}
    if not chosen or error is None:
        return body
    if isinstance(error, str):
        return {**body, "error": chosen.get("message", error)}
    return {**body, "error": {**error, **chosen}}
