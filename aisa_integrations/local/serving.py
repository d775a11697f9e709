"""A local gateway until it is told to stop: `aisa serve` and `python -m aisa_integrations.local` are this."""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from types import FrameType
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from ..errors import AisaError, ConfigurationError

if TYPE_CHECKING:
    from .backends import Backend
    from .server import LocalGateway

DEFAULT_PORT: Final = 8765
DEFAULT_BALANCE: Final = "100"
UPSTREAM_KEY: Final = "AISA_UPSTREAM_API_KEY"
BackendName = Literal["scripted", "llama"]
TierName = Literal["free", "starter", "growth"]

HELP: Final[Mapping[str, str]] = {
    "port": "Port on 127.0.0.1; 0 takes a free one.",
    "backend": "Who answers: simulated text, or a real but tiny model.",
    "upstream": f"Let this OpenAI-compatible server answer; its key, if it wants one, is ${UPSTREAM_KEY}.",
    "upstream_model": "The model that the upstream server is asked for, whatever model is asked here.",
    "tier": "Keep the rate limits of this tier.",
    "balance": "USD in the wallet; 0 plays an empty one.",
    "strict": "Refuse models that the catalogue does not list, as the live gateway does.",
    "api_key": "The key to ask for. Default: a fixed one that opens nothing else.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """Say what is served; `HELP` says what each field means."""

    port: int = DEFAULT_PORT
    backend: BackendName | None = None
    upstream: str | None = None
    upstream_model: str | None = None
    tier: TierName | None = None
    balance: str = DEFAULT_BALANCE
    strict: bool = False
    api_key: str | None = None

    def start(self) -> LocalGateway:
        """Start the gateway.

        Raises:
            ConfigurationError: a value that cannot work.
            AisaError: the port can't be had, or what serves or answers is not installed.
        """
        try:
            return self._gateway().start()
        except ImportError as error:
            raise AisaError(str(error)) from None
        except OSError as error:
            raise AisaError(_no_port(self.port, error)) from None

    def _gateway(self) -> LocalGateway:
        from .server import DEFAULT_API_KEY, LocalGateway

        if not 0 <= self.port <= 65_535:
            raise ConfigurationError(f"--port goes from 0 to 65535, not {self.port}.")
        if self.api_key is not None and not self.api_key.strip():
            raise ConfigurationError("--api-key is empty: leave it out for the default one.")
        return LocalGateway(
            self._backend(),
            port=self.port,
            api_key=self.api_key or DEFAULT_API_KEY,
            balance=_usd(self.balance),
            tier=self.tier,
            strict_models=self.strict,
            keep_requests=0,  # nobody looks, and they would fill the memory of a gateway that runs for days
        )

    def _backend(self) -> BackendName | Backend:
        if self.upstream is None:
            if self.upstream_model is not None:
                raise ConfigurationError("--upstream-model is the model of an --upstream, and there is none.")
            return self.backend or "scripted"
        if self.backend is not None:
            raise ConfigurationError("Either --backend or --upstream answers, not both.")
        from .backends.upstream import UpstreamBackend

        return UpstreamBackend(_url(self.upstream), os.environ.get(UPSTREAM_KEY), self.upstream_model)


def variables(gateway: LocalGateway) -> str:
    """Return the two variables that lead a program here, as lines that a shell can read."""
    return f"AISA_BASE_URL={gateway.url}\nAISA_API_KEY={gateway.api_key}\n"


def until_told_to_stop() -> None:
    """Wait for Ctrl-C, or for the SIGTERM by which service managers stop a server."""
    told = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        told.set()

    before = signal.signal(signal.SIGTERM, stop)
    try:
        # In steps: on Windows a wait without end does not hear Ctrl-C.
        while not told.wait(1.0):
            pass
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)


def _no_port(port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is taken: choose another with --port, or 0 for a free one."
    if error.errno == errno.EACCES:
        return f"Port {port} is not for every user: choose one above 1023 with --port, or 0 for a free one."
    return f"Port {port} can't be used: {error}."


def _usd(text: str) -> Decimal:
    try:
        usd = Decimal(text)
    except InvalidOperation:
        usd = Decimal("NaN")
    if not usd.is_finite():
        raise ConfigurationError(f"--balance is an amount of USD such as 5 or 0.02, not {text!r}.")
    return usd


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ConfigurationError("--upstream is a URL such as http://127.0.0.1:11434, with or without /v1.")
    return text
