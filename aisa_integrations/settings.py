"""Who we talk to: the key, the one origin it may go to, and how long an attempt may take."""

from __future__ import annotations

import ipaddress
import math
import os
import secrets
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final
from urllib.parse import urlsplit

from .errors import ConfigurationError, MissingKeyError

DEFAULT_BASE_URL: Final = "https://api.aisa.one"
DEFAULT_CONNECT_TIMEOUT: Final = 10.0
# The gateway's documentation (April 2026) advises a read timeout of 120 s: it closes a stream idle for 60 s itself.
DEFAULT_READ_TIMEOUT: Final = 120.0


class Unset(Enum):
    """Mark an argument that was not given, where None means something else."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET

# The keys of this process by a random token each, so that a pickle can name a key without holding it.
_keys_by_token: dict[str, str] = {}
_tokens_by_key: dict[str, str] = {}


class ApiKey:
    """Hold an API key so that nothing prints it; `reveal()` is for the one function that builds a request.

    A pickle holds a random token in its place: the same process finds its key again, another one takes
    `AISA_API_KEY`, and where that is missing too the clear error comes out.
    """

    __slots__ = ("_token",)

    def __init__(self, key: str) -> None:
        token = _tokens_by_key.setdefault(key, secrets.token_hex(16))
        _keys_by_token[token] = key
        self._token = token

    def reveal(self) -> str:
        """Return the key itself."""
        return _keys_by_token[self._token]

    @property
    def token(self) -> str:
        """Return the random name of this key, the same for equal keys of one process."""
        return self._token

    def __repr__(self) -> str:
        return "ApiKey('…')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ApiKey) and other._token == self._token

    def __hash__(self) -> int:
        return hash(self._token)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_find_key, (self._token,))


def _find_key(token: str) -> ApiKey:
    if token in _keys_by_token:
        return ApiKey(_keys_by_token[token])
    return resolve_key(None)


@dataclass(frozen=True, slots=True)
class Origin:
    """Name the one scheme, host and port that the key may be sent to."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.scheme == "https" else 80
        return f"{self.scheme}://{host}" + ("" if self.port == default else f":{self.port}")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limit one attempt, in seconds; None is no limit for that step.

    Args:
        connect: until the connection stands.
        read: between two pieces of the reply, and until the reply or its first content is there.
    """

    connect: float | None = DEFAULT_CONNECT_TIMEOUT
    read: float | None = DEFAULT_READ_TIMEOUT

    def as_extension(self) -> dict[str, float | None]:
        """Return the form that httpx2 carries in `request.extensions["timeout"]`."""
        return {"connect": self.connect, "read": self.read, "write": self.read, "pool": self.read}


@dataclass(frozen=True, slots=True)
class Settings:
    """Hold the key, the origin and the timeouts of one client.

    Args:
        key: sent as Bearer to `origin` alone.
        origin: scheme, host and port of the gateway.
        timeouts: limits of one attempt.
    """

    key: ApiKey
    origin: Origin
    timeouts: Timeouts = Timeouts()

    def with_key(self, key: str) -> Settings:
        """Return these settings with another key."""
        return replace(self, key=resolve_key(key))


def resolve_settings(
    api_key: str | None = None, base_url: str | None = None, timeout: float | Unset | None = UNSET
) -> Settings:
    """Settle who we talk to: arguments before `AISA_API_KEY` and `AISA_BASE_URL`; empty means missing.

    Args:
        api_key: the key; None looks in the environment.
        base_url: the origin, with or without `/v1`; None looks in the environment, then takes the live gateway.
        timeout: seconds an attempt may take, for connecting and reading alike; None is no limit.

    Raises:
        MissingKeyError: no key was given or found.
        ConfigurationError: an argument that cannot work.
    """
    origin = parse_origin(base_url or os.environ.get("AISA_BASE_URL") or DEFAULT_BASE_URL)
    return Settings(key=resolve_key(api_key), origin=origin, timeouts=resolve_timeouts(timeout))


def resolve_key(api_key: str | None) -> ApiKey:
    """Return the given key, else the one in `AISA_API_KEY`, or raise `MissingKeyError`."""
    if api_key is not None and not isinstance(api_key, str):
        # Never show the value: whatever it is, it was meant to be a key.
        raise ConfigurationError(f"api_key is a string, not {type(api_key).__name__}.")
    key = (api_key or os.environ.get("AISA_API_KEY") or "").strip()
    if not key:
        raise MissingKeyError(
            "No API key: pass api_key=… or set AISA_API_KEY. Get a key at https://aisa.one, or try everything "
            "without one on the local gateway: `from aisa_integrations.local import LocalGateway`, then "
            "`with LocalGateway() as gw:` and base_url=gw.url, api_key=gw.api_key."
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError("api_key holds a character that no HTTP header can carry; was it copied whole?")
    return ApiKey(key)


def parse_origin(base_url: object) -> Origin:
    """Return the origin of a base URL, which is the origin itself, alone or with `/v1` (or `/v1beta`) behind it."""
    parts = urlsplit(str(base_url).strip())
    try:
        port = parts.port
    except ValueError:
        port = -1
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in ("http", "https") or not host or port == -1:
        raise ConfigurationError(f"base_url is an origin such as {DEFAULT_BASE_URL}, not {_shown(base_url)}.")
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError("base_url holds a user or password; the key goes in api_key=…, or AISA_API_KEY.")
    if parts.path.rstrip("/") not in ("", "/v1", "/v1beta") or parts.query or parts.fragment:
        raise ConfigurationError(
            f"base_url is the gateway's origin, with or without /v1, not {_shown(base_url)}: "
            "leave out the rest of the path."
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise ConfigurationError(
            f"base_url {_shown(base_url)} would send the key in clear text: use https (http is for loopback only)."
        )
    return Origin(parts.scheme, host, port or (443 if parts.scheme == "https" else 80))


def _shown(base_url: object) -> str:
    # A user or query part may hold a secret that was pasted into the URL.
    text = str(base_url).partition("?")[0]
    scheme, separator, rest = text.rpartition("://")
    return repr(scheme + separator + rest.rpartition("@")[2])


def is_loopback(host: str) -> bool:
    """Say whether a host name or address can only mean this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def resolve_timeouts(timeout: object = UNSET) -> Timeouts:
    """Return the limits of an attempt from a number of seconds, None (no limit) or an object with httpx's fields."""
    if timeout is UNSET:
        return Timeouts()
    if timeout is None:
        return Timeouts(connect=None, read=None)
    if isinstance(timeout, Timeouts):
        return timeout
    if hasattr(timeout, "connect") and hasattr(timeout, "read"):
        return Timeouts(connect=timeout.connect, read=timeout.read)
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 < timeout < math.inf:
        raise ConfigurationError(f"timeout is a number of seconds above 0, or None for no limit, not {timeout!r}.")
    return Timeouts(connect=float(timeout), read=float(timeout))
