"""How our cassettes are written and played: by what `aisa_integrations.testing` gives to users, and watched closer."""

import pathlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import yaml  # type: ignore[import-untyped]  # its stubs would be one more package to lock
from vcr import VCR
from vcr.cassette import Cassette
from vcr.errors import CannotOverwriteExistingCassetteException
from vcr.request import Request
from vcr.serializers import yamlserializer

from aisa_integrations.testing import cassette_leaks, cassette_options

ORIGIN: Final = "https://api.aisa.one"


class UnknownRequestError(AssertionError):
    """A request that the cassette does not hold."""


class UnusedRequestError(AssertionError):
    """A recorded request that was not made."""


@contextmanager
def recording(path: pathlib.Path, base_url: str) -> Iterator[None]:
    """Record what goes to `base_url`, and write it down as if it had gone to the live gateway."""
    path.unlink(missing_ok=True)
    with _vcr(base_url).use_cassette(str(path), record_mode="all", record_on_exception=False):
        yield


@contextmanager
def replaying(path: pathlib.Path, *, repeats: bool = False) -> Iterator[Cassette]:
    """Play a cassette: every request must be in it, and every one in it must be made.

    With `repeats`, what it holds may be asked any number of times.
    """
    with _vcr(ORIGIN).use_cassette(str(path), record_mode="none", allow_playback_repeats=repeats) as cassette:
        try:
            yield cassette
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


def _vcr(base_url: str) -> VCR:
    tape = VCR(**cassette_options(base_url=base_url), serializer="readable")
    tape.register_serializer("readable", _Readable)
    return tape


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
    found = cassette_leaks(path)
    for interaction in interactions(path):
        uri = urlsplit(interaction["request"]["uri"])
        if f"{uri.scheme}://{uri.netloc}" != ORIGIN:
            found.append(f"another host: {uri.scheme}://{uri.netloc}")
    return found
