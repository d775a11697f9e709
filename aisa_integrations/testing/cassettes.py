"""What a cassette may hold, and what makes two requests the same: a configuration for vcrpy that leaks nothing.

Whatever is not allowed is left out, so that a header of tomorrow does not leak today.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ..settings import DEFAULT_BASE_URL, parse_origin
from ..transport.request import FOREIGN_QUERY
from .redaction import body_without_keys, keys_in, without_keys

if TYPE_CHECKING:
    from vcr.request import Request

_HINT: Final = 'pip install "vcrpy>=8.2.1"'
_REQUEST_HEADERS: Final = re.compile(r"content-type|accept", re.IGNORECASE)
_RESPONSE_HEADERS: Final = re.compile(r"content-type|x-request-id|retry-after|x-ratelimit-[\w-]+", re.IGNORECASE)
# The wallet of whoever records is nobody else's business.
_BALANCE: Final = re.compile(rb'("(?:credits_?[rR]emaining|\w+_micros_usd)":\s*)-?[\d.eE+-]+')


def cassette_options(*, base_url: str | None = None) -> dict[str, Any]:
    """Return what `vcr.VCR(**…)` and pytest-recording's `vcr_config` take: who is asked, what is kept, what matches.

    Args:
        base_url: the gateway that is recorded; else the one in `AISA_BASE_URL`. Whichever it is, the cassette reads as
            if it had been the live one, and so plays for any.

    Raises:
        ImportError: vcrpy is missing, or so old that it lets requests of httpx2 out and records nothing.
    """
    _check_vcrpy()
    return {
        "match_on": ("method", "scheme", "host", "port", "path", "query", "body"),
        "decode_compressed_response": True,
        "before_record_request": partial(_kept_of_request, base_url),
        "before_record_response": _kept_of_response,
    }


def _check_vcrpy() -> None:
    try:
        found = version("vcrpy")
    except PackageNotFoundError:
        raise ImportError(f"cassettes need vcrpy: {_HINT}") from None
    if tuple(int(part) for part in re.findall(r"\d+", found)[:3]) < (8, 2, 1):
        raise ImportError(f"vcrpy {found} records nothing of httpx2, and lets its requests out: {_HINT}")


def _kept_of_request(base_url: str | None, request: Request) -> Request:
    asked = _as_if_live(request.uri, base_url or os.environ.get("AISA_BASE_URL"))
    request.uri = without_keys(_without_key_parameters(asked))
    request.headers = _kept(request.headers, _REQUEST_HEADERS)
    # What is read while it is sent is no request to a model.
    if isinstance(request.body, bytes):
        request.body = body_without_keys(request.body)
    return request


def _kept_of_response(response: dict[str, Any]) -> dict[str, Any]:
    response["headers"] = _kept(response["headers"], _RESPONSE_HEADERS)
    body = response["body"]["string"]
    if isinstance(body, bytes):
        response["body"]["string"] = _BALANCE.sub(rb"\g<1>1", body_without_keys(body))
    return response


def _without_key_parameters(uri: str) -> str:
    """Return a URL without the parameters that hold keys."""
    parts = urlsplit(uri)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    if not any(name in FOREIGN_QUERY for name, _ in pairs):
        return uri
    return urlunsplit(parts._replace(query=urlencode([pair for pair in pairs if pair[0] not in FOREIGN_QUERY])))


def _as_if_live(uri: str, base_url: str | None) -> str:
    """Return the URL of the live gateway for one of the gateway that is recorded."""
    origin = str(parse_origin(base_url)) if base_url else DEFAULT_BASE_URL
    return DEFAULT_BASE_URL + uri.removeprefix(origin) if uri.startswith(f"{origin}/") else uri


def _kept(headers: Mapping[str, Any], allowed: re.Pattern[str]) -> dict[str, Any]:
    return {name.lower(): _each(headers[name]) for name in sorted(headers) if allowed.fullmatch(name)}


def _each(value: Any) -> Any:
    if isinstance(value, list):
        return [_each(one) for one in value]
    return without_keys(value.decode("latin-1") if isinstance(value, bytes) else value)


def cassette_leaks(path: str | Path) -> list[str]:
    """Return what a cassette should not hold: what is or looks like a key, and headers beyond those allowed.

    Args:
        path: of a cassette in vcrpy's YAML.
    """
    try:
        import yaml  # type: ignore[import-untyped]  # its stubs would be one more package to lock
    except ImportError:
        raise ImportError(f"cassettes need vcrpy: {_HINT}") from None
    text = Path(path).read_text(encoding="utf-8")
    interactions = yaml.safe_load(text)["interactions"]
    # What is no text stands in the file in another form.
    bodies = [_told(each["request"]["body"]) for each in interactions]
    bodies += [_told(each["response"]["body"]["string"]) for each in interactions]
    keys = dict.fromkeys(key for part in (text, *bodies) for key in keys_in(part))
    found = [f"a key: {key[:7]}…" for key in keys]
    if not keys and any(body_without_keys(body.encode()) != body.encode() for body in bodies):
        found.append("a key, told in pieces by a stream")
    for each in interactions:
        for side, allowed in (("request", _REQUEST_HEADERS), ("response", _RESPONSE_HEADERS)):
            found += [f"a {side} header: {name}" for name in each[side]["headers"] if not allowed.fullmatch(name)]
    return found


def _told(body: Any) -> str:
    return body.decode("latin-1") if isinstance(body, bytes) else str(body or "")
