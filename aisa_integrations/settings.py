"""Who we talk to: the key, the one origin it may go to, and how long an attempt may take."""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final, Literal
from urllib.parse import SplitResult, urlsplit

from .errors import ConfigurationError, MissingKeyError

DEFAULT_BASE_URL: Final = "https://api.aisa.one"
# An internationalised name is written in its ASCII form (xn--…), which has one reading.
_HOST: Final = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")
_SHORTEST_KEY: Final = 8
DEFAULT_CONNECT_TIMEOUT: Final = 10.0
# The gateway's documentation (April 2026) advises a read timeout of 120 s: it closes a stream idle for 60 s itself.
DEFAULT_READ_TIMEOUT: Final = 120.0
# Seconds: a wait on a socket is counted in milliseconds, in 31 bits, and a longer one may end at once.
LONGEST_WAIT: Final = 1_000_000.0


class Unset(Enum):
    """Mark an argument that was not given, where None means something else."""

    UNSET = "unset"

    def __bool__(self) -> Literal[False]:
        return False

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

    @property
    def length(self) -> int:
        """Return how many characters the key has, which is all that may be told of it."""
        return len(self.reveal())

    @property
    def fits_a_header(self) -> bool:
        """Say whether the key holds only what an HTTP header can carry."""
        return all("!" <= character <= "~" for character in self.reveal())

    @property
    def is_a_url(self) -> bool:
        """Say whether an origin was given where the key belongs."""
        return "://" in self.reveal()

    def conceal(self, text: str) -> str:
        """Return a text that quotes the key, as a gateway's error may, without it."""
        key = self.reveal()
        # A shorter one is no key of the gateway's, and may be a part of any word.
        return text.replace(key, "…") if len(key) >= _SHORTEST_KEY else text

    def __repr__(self) -> str:
        return "ApiKey('…')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ApiKey) and other._token == self._token

    def __hash__(self) -> int:
        return hash(self._token)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_find_key, (self._token,))


def known_keys() -> frozenset[str]:
    """Return every key that this process was given, for whoever must take them out of what is written down."""
    keys = {*_keys_by_token.values(), os.environ.get("AISA_API_KEY", "").strip()}
    # A URL that was given where the key belongs is no secret, and without it no recorded request would find its host.
    return frozenset(key for key in keys if len(key) >= _SHORTEST_KEY and "://" not in key)


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

    def with_key(self, key: object) -> Settings:
        """Return these settings with another key."""
        return replace(self, key=given_key(key))


def resolve_settings(
    api_key: object = None, base_url: object = None, timeout: float | Unset | Timeouts | None = UNSET
) -> Settings:
    """Settle who we talk to: arguments before `AISA_API_KEY` and `AISA_BASE_URL`; empty means missing.

    Args:
        api_key: the key, or one that was concealed; None looks in the environment.
        base_url: the origin, with or without `/v1`; None looks in the environment, then takes the live gateway.
        timeout: seconds an attempt may take, for connecting and reading alike; None is no limit.

    Raises:
        MissingKeyError: no key was given or found.
        ConfigurationError: an argument that cannot work.
    """
    api_key = concealed(api_key)
    origin = resolve_origin(base_url)
    return Settings(key=resolve_key(api_key), origin=origin, timeouts=resolve_timeouts(timeout))


def resolve_origin(base_url: object = None) -> Origin:
    """Return the origin of the given base URL, else of `AISA_BASE_URL`, else the live gateway; empty means missing."""
    if base_url is None or base_url == "":
        base_url = os.environ.get("AISA_BASE_URL") or DEFAULT_BASE_URL
    return parse_origin(base_url)


def concealed(api_key: object) -> object:
    """Return a key as an `ApiKey`, unchecked; None for an empty one; anything else as it is.

    Whoever takes a key from a caller conceals it first of all: the locals of a frame end up in error reports, and any
    later line may raise.
    """
    if isinstance(api_key, str):
        return ApiKey(api_key.strip()) if api_key.strip() else None
    return api_key


def resolve_key(api_key: object) -> ApiKey:
    """Return the given key, else the one in `AISA_API_KEY`, or raise `MissingKeyError`."""
    api_key = concealed(api_key)
    return given_key(concealed(os.environ.get("AISA_API_KEY")) if api_key is None else api_key)


def given_key(api_key: object) -> ApiKey:
    """Return the given key, or raise: an empty one must not turn into the key of another."""
    api_key = concealed(api_key)
    if api_key is None:
        raise MissingKeyError(
            "No API key: pass api_key=… or set AISA_API_KEY. Get a key at https://aisa.one, or try everything "
            "without one on the local gateway: `from aisa_integrations.local import LocalGateway`, then "
            "`with LocalGateway() as gw:` and base_url=gw.url, api_key=gw.api_key."
        )
    if not isinstance(api_key, ApiKey):
        # Never show the value: whatever it is, it was meant to be a key.
        raise ConfigurationError(f"api_key is a string, not {type(api_key).__name__}.")
    if api_key.is_a_url:
        raise ConfigurationError("api_key holds a URL: the origin goes in base_url=…, the key in api_key=….")
    if not api_key.fits_a_header:
        raise ConfigurationError("api_key holds a character that no HTTP header can carry; was it copied whole?")
    return api_key


def parse_origin(base_url: object) -> Origin:
    """Return the origin of a base URL, which is the origin itself, alone or with `/v1` (or `/v1beta`) behind it."""
    parts = _split(str(base_url).strip())
    host = _host(parts.hostname) if parts is not None else None
    if parts is None or host is None or parts.scheme not in ("http", "https") or parts.port == 0:
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
    return Origin(parts.scheme, host, parts.port or (443 if parts.scheme == "https" else 80))


def _split(text: str) -> SplitResult | None:
    # urlsplit drops tabs and newlines from the middle, and what is left is not what the caller wrote.
    if not text.isprintable() or " " in text:
        return None
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _host(hostname: str | None) -> str | None:
    """Return a host in the form that requests carry, or None where two readers might take it for different ones."""
    host = (hostname or "").rstrip(".")
    if ":" not in host:
        return host if _HOST.fullmatch(host) else None
    try:
        return None if "%" in host else ipaddress.IPv6Address(host).compressed
    except ValueError:
        return None


def _shown(base_url: object) -> str:
    # What has no scheme may be a key in the wrong place; a user or query part may hold a secret too.
    scheme, separator, rest = str(base_url).partition("?")[0].rpartition("://")
    if not separator:
        return "text without https:// in front" if isinstance(base_url, str) else type(base_url).__name__
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
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 < timeout <= LONGEST_WAIT:
        raise ConfigurationError(
            f"timeout is a number of seconds above 0, up to {LONGEST_WAIT:,.0f}, or None for no limit, not {timeout!r}."
        )
    return Timeouts(connect=float(timeout), read=float(timeout))
