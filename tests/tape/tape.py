"""How cassettes are written and played: what is kept of a request and a reply, and what must match."""

import json
import pathlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import yaml  # type: ignore[import-untyped]  # its stubs would be one more package to lock
from vcr import VCR
from vcr.errors import CannotOverwriteExistingCassetteException
from vcr.request import Request
from vcr.serializers import yamlserializer

ORIGIN: Final = "https://api.aisa.one"
REQUEST_HEADERS: Final = re.compile(r"content-type|accept", re.IGNORECASE)
RESPONSE_HEADERS: Final = re.compile(r"content-type|x-request-id|retry-after|x-ratelimit-[\w-]+", re.IGNORECASE)
MATCH_ON: Final = ("method", "scheme", "host", "port", "path", "query", "body")
_KEYS: Final = re.compile(r"\bsk-[\w-]{4,}")
# The balance of whoever recorded is nobody else's business.
_BALANCE: Final = re.compile(rb'("credits_?[rR]emaining":\s*)[\d.eE+-]+')


class UnknownRequestError(AssertionError):
    """A request that the cassette does not hold."""


class UnusedRequestError(AssertionError):
    """A recorded request that was not made."""


@contextmanager
def recording(path: pathlib.Path, base_url: str, api_key: str) -> Iterator[None]:
    """Record what goes to `base_url`, and write it down as if it had gone to the live gateway."""
    path.unlink(missing_ok=True)
    with _vcr(base_url, api_key).use_cassette(str(path), record_mode="all", record_on_exception=False):
        yield


@contextmanager
def replaying(path: pathlib.Path) -> Iterator[None]:
    """Play a cassette: every request must be in it, and every one in it must be made."""
    with _vcr(ORIGIN, "").use_cassette(str(path), record_mode="none") as cassette:
        try:
            yield
        except Exception as error:
            raise _unknown(path, error) from None
        unused = [request for place, request in enumerate(cassette.requests) if not cassette.play_counts[place]]
    if unused:
        lines = "\n  ".join(_shown(request) for request in unused)
        raise UnusedRequestError(f"{path.name} holds requests that were not made:\n  {lines}\n{_WAY_OUT}")


_WAY_OUT: Final = "If the library is meant to ask otherwise now: make record."


def _unknown(path: pathlib.Path, error: Exception) -> Exception:
    """Our words for vcr's error, wherever in the chain of causes it is; else the error itself."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, CannotOverwriteExistingCassetteException):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return error
    sent, recorded = cause.failed_request, cause.cassette.requests
    lines = [f"{path.name} does not hold this request, or holds it once less than it was made:", f"  {_shown(sent)}"]
    lines += ["It holds:", *(f"  {_shown(request)}" for request in recorded), _WAY_OUT]
    return UnknownRequestError("\n".join(lines))


def _shown(request: Request) -> str:
    return f"{request.method} {request.uri} {(request.body or b'').decode()}"


def _vcr(base_url: str, api_key: str) -> VCR:
    tape = VCR(match_on=MATCH_ON, serializer="readable", decode_compressed_response=True)
    tape.register_serializer("readable", _Readable)
    tape.register_matcher("body", _same_body)
    tape.before_record_request = lambda request: _kept_of_request(request, base_url)
    tape.before_record_response = lambda response: _kept_of_response(response, api_key)
    return tape


def _kept_of_request(request: Request, base_url: str) -> Request:
    if request.uri.startswith(base_url):
        request.uri = ORIGIN + request.uri.removeprefix(base_url)
    request.headers = {
        name.lower(): value for name, value in request.headers.items() if REQUEST_HEADERS.fullmatch(name)
    }
    return request


def _kept_of_response(response: dict[str, Any], api_key: str) -> dict[str, Any]:
    headers = response["headers"]
    response["headers"] = {name.lower(): headers[name] for name in sorted(headers) if RESPONSE_HEADERS.fullmatch(name)}
    body = response["body"]["string"]
    if api_key:
        body = body.replace(api_key.encode(), b"[the key]")
    response["body"]["string"] = _BALANCE.sub(rb"\g<1>1", body)
    return response


def _same_body(one: Request, other: Request) -> None:
    """Compare bodies as JSON where they are JSON: the order of fields is nobody's promise."""
    if _parsed(one.body) != _parsed(other.body):
        raise AssertionError(f"{one.body!r} is not {other.body!r}")


def _parsed(body: bytes | None) -> Any:
    try:
        return json.loads(body or b"")
    except ValueError:
        return body


class _Readable:
    """YAML in which a stream has its own lines, and ü is ü."""

    deserialize = staticmethod(yamlserializer.deserialize)

    class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
        pass

    @classmethod
    def serialize(cls, cassette: dict[str, Any]) -> str:
        return yaml.dump(cassette, Dumper=cls._Dumper, allow_unicode=True, width=1_000_000)


def _lines(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Readable._Dumper.add_representer(str, _lines)


def interactions(path: pathlib.Path) -> list[dict[str, Any]]:
    """The requests and responses of a cassette."""
    return list(yaml.safe_load(path.read_text(encoding="utf-8"))["interactions"])


def problems(path: pathlib.Path) -> list[str]:
    """What a cassette must not hold and does: keys, headers that are not allowed, other hosts."""
    found = [f"a key: {key[:7]}…" for key in _KEYS.findall(path.read_text(encoding="utf-8"))]
    for interaction in interactions(path):
        uri = urlsplit(interaction["request"]["uri"])
        if f"{uri.scheme}://{uri.netloc}" != ORIGIN:
            found.append(f"another host: {uri.scheme}://{uri.netloc}")
        for side, allowed in (("request", REQUEST_HEADERS), ("response", RESPONSE_HEADERS)):
            found += [
                f"a {side} header: {name}" for name in interaction[side]["headers"] if not allowed.fullmatch(name)
            ]
    return found
