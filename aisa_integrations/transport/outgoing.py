"""The one place where the key is revealed: a request of the exchange becomes an HTTP request to the one origin."""

from __future__ import annotations

import time
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import httpx2

from ..errors import ConfigurationError
from ..settings import LONGEST_WAIT, ApiKey, Origin
from .effects import Failed, FailureKind
from .live import LiveRequestRefused
from .request import FOREIGN_HEADERS, FOREIGN_QUERY, Wire

_DROPPED: Final = frozenset(name.encode() for name in FOREIGN_HEADERS if name != "authorization")
_FOREIGN_MARKS: Final = tuple(f"{name}=".encode() for name in FOREIGN_QUERY)


def check_origin(url: httpx2.URL, origin: Origin) -> None:
    """Raise where a request would go anywhere but to the configured origin.

    Raises:
        ConfigurationError: the key stays here; the text says how to reach another origin.
    """
    default = 443 if url.scheme == "https" else 80
    port = default if url.port is None else url.port
    if url.scheme == origin.scheme and url.raw_host == origin.host.encode() and port == origin.port:
        return
    raise ConfigurationError(
        f"This client talks to {origin} alone, and its key goes nowhere else; it was asked to call "
        f"{url.scheme}://{url.host}{f':{url.port}' if url.port else ''}. Make another client with base_url=… for that."
    )


class _Limits(dict[str, float | None]):
    """How long each step of an attempt may take: its own limit, and no longer than the attempt has left by then.

    httpcore looks a limit up when that step begins: to wait for a connection, to connect, to write, to read.
    """

    __slots__ = ("expires",)

    expires: float | None

    def get(self, step: str, default: float | None = None) -> float | None:  # type: ignore[override]
        limit = super().get(step, default)
        if self.expires is not None:
            left = self.expires - time.monotonic()
            limit = left if limit is None else min(limit, left)
        # A timeout of 0 would make the socket non-blocking, which is another error than "too late".
        return None if limit is None else min(max(0.001, limit), LONGEST_WAIT)


def outgoing(wire: Wire, request: httpx2.Request, key: ApiKey, *, expires: float) -> httpx2.Request:
    """Return the HTTP request of one attempt. The caller's own request is left as it is: SDKs show it in errors.

    Args:
        wire: what to send.
        request: the request the face built; its URL, headers and extensions are taken over.
        key: sent as Bearer, in place of whatever the face sent.
        expires: monotonic second by which the attempt must be over; every timeout is cut to it.
    """
    url = request.url
    if wire.path != wire.call.place.path or _has_foreign_query(wire.call.query):
        query = _own_query(wire.call.query)
        url = url.copy_with(raw_path=wire.path.encode() + (b"?" + query if query else b""))
    # A copy of the whole is some ten times cheaper than headers built from pairs.
    headers = request.headers.copy()
    for name in _DROPPED.intersection([name.lower() for name, _ in headers.raw]):
        del headers[name.decode()]
    headers["Accept-Encoding"] = "identity"
    stream: Any = request.stream
    if wire.content is not None:
        if wire.content or request.method != "GET":
            headers["Content-Length"] = str(len(wire.content))
        stream = httpx2.ByteStream(wire.content)
    limits = _Limits(wire.call.timeouts)
    limits.expires = expires
    extensions = {**request.extensions, "timeout": limits}
    extensions.pop("aisa", None)
    headers["Authorization"] = f"Bearer {key.reveal()}"
    return httpx2.Request(request.method, url, headers=headers, stream=stream, extensions=extensions)


def let_flow(built: httpx2.Request, wire: Wire) -> float | None:
    """Return the read timeout of a reply's body: a stream, whose head has come, may take longer than its attempt.

    httpcore looks a timeout up when it begins to wait for a head, and once more when it begins to read a body.
    """
    limits: _Limits = built.extensions["timeout"]
    if wire.call.streams:
        limits.expires = None
    return limits["read"]


def _has_foreign_query(query: bytes) -> bool:
    return bool(query) and any(mark in query for mark in _FOREIGN_MARKS)


def _own_query(query: bytes) -> bytes:
    if not _has_foreign_query(query):
        return query
    pairs = parse_qsl(query.decode("ascii", "replace"), keep_blank_values=True)
    return urlencode([(name, value) for name, value in pairs if name not in FOREIGN_QUERY]).encode()


_KINDS: Final[tuple[tuple[type[Exception], FailureKind], ...]] = (
    (LiveRequestRefused, FailureKind.FORBIDDEN),
    (httpx2.ConnectError, FailureKind.CONNECT),
    (httpx2.ConnectTimeout, FailureKind.CONNECT),
    (httpx2.ProxyError, FailureKind.CONNECT),
    (httpx2.PoolTimeout, FailureKind.CONNECT),  # nothing was sent, and every model shares the pool
    (httpx2.TimeoutException, FailureKind.TIMEOUT),
    (httpx2.LocalProtocolError, FailureKind.LOCAL),
    (httpx2.UnsupportedProtocol, FailureKind.LOCAL),
)


def failure_of(error: httpx2.RequestError) -> Failed:
    """Return an exception of the network as a value: its frames hold the request, and with it the key."""
    kind = next((kind for cls, kind in _KINDS if isinstance(error, cls)), FailureKind.LOST)
    return Failed(kind, type(error).__name__, str(error))


def too_late() -> Failed:
    """Return the failure of an attempt that used up its time though the connection was alive."""
    return Failed(FailureKind.TIMEOUT, "ReadTimeout", "nothing that could be handed over came in time")


def exception_of(failed: Failed, request: httpx2.Request | None, note: str | None) -> httpx2.RequestError:
    """Return a fresh exception of the class that the network raised, without its frames."""
    cls: Any = getattr(httpx2, failed.error, httpx2.TransportError)
    error: httpx2.RequestError = cls(failed.message or failed.error, request=request)
    if note:
        error.add_note(note)
    return error
