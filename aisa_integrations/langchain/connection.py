"""The clients behind a chat model: made when first used, and shared by all its copies that say the same."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any, Final

from pydantic import SecretStr

from ..forks import renew_after_fork
from ..gateway_client import AsyncGatewayClient, GatewayClient
from ..policy import Policy
from ..settings import ApiKey, Settings, Unset, concealed, given_key, resolve_key, resolve_settings
from ..transport.network import NetworkOptions


class SecretKey(SecretStr):
    """A key as langchain's classes hold one, that neither a pickle nor a frame's locals show."""

    def __init__(self, key: ApiKey) -> None:
        super().__init__(key)  # type: ignore[arg-type]  # what it shows of it is nothing

    @property
    def key(self) -> ApiKey:
        """Return the key as the clients take it."""
        return self._secret_value  # type: ignore[return-value]

    def get_secret_value(self) -> str:
        """Return the key itself."""
        return self.key.reveal()

    def __len__(self) -> int:
        return self.key.length

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, SecretKey):
            return self.key == other.key
        return isinstance(other, SecretStr) and self.get_secret_value() == other.get_secret_value()

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> SecretKey:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (SecretKey, (self.key,))


def hidden(api_key: object) -> object:
    """Return what a caller gave as a key so that nothing shows it, unchecked; None for nothing. It never raises."""
    if isinstance(api_key, SecretStr) and not isinstance(api_key, SecretKey):
        api_key = api_key.get_secret_value()
    key = concealed(api_key)
    return SecretKey(key) if isinstance(key, ApiKey) else key


def checked(api_key: object) -> SecretKey:
    """Return a key that was given and hidden, or that of `AISA_API_KEY`.

    Raises:
        MissingKeyError: there is none.
        ConfigurationError: it is no key.
    """
    if isinstance(api_key, SecretKey):
        given_key(api_key.key)
        return api_key
    return SecretKey(resolve_key(api_key))


class Connection:
    """A sync and an async client of the same settings, each made when it is first used.

    Args:
        settings: key, origin and timeouts.
        policy: what to do about failures.
        network: how connections are made; None for the usual way.
    """

    def __init__(self, settings: Settings, policy: Policy, network: NetworkOptions | None) -> None:
        self.settings = settings
        self.policy = policy
        self._network = network
        self._lock = threading.Lock()
        self._sync: GatewayClient | None = None
        self._async: AsyncGatewayClient | None = None
        renew_after_fork(self)

    @property
    def sync_client(self) -> GatewayClient:
        """Return the client for plain calls."""
        if self._sync is None:
            with self._lock:
                self._sync = self._sync or self._made(GatewayClient)
        return self._sync

    @property
    def async_client(self) -> AsyncGatewayClient:
        """Return the client for calls from asyncio, on any number of loops."""
        if self._async is None:
            with self._lock:
                self._async = self._async or self._made(AsyncGatewayClient)
        return self._async

    def _made(self, kind: Callable[..., Any]) -> Any:
        settings = self.settings
        return kind(
            settings.key, base_url=str(settings.origin), timeout=settings.timeouts, policy=self.policy,
            network=self._network,
        )  # fmt: skip

    def close(self) -> None:
        """Close the connections of plain calls."""
        if self._sync is not None:
            self._sync.close()

    async def aclose(self) -> None:
        """Close the running loop's connections, and those of plain calls."""
        self.close()
        if self._async is not None:
            await self._async.aclose()

    def _renew_after_fork(self) -> None:
        self._lock = threading.Lock()

    # A copy finds the one that fits what it says; a pickle holds none.

    def __deepcopy__(self, memo: dict[int, Any]) -> Connection:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(None), ())


Wanted = tuple[SecretKey, str | None, float | Unset | None, int | None, int, int]
_shared: Final[weakref.WeakValueDictionary[Wanted, Connection]] = weakref.WeakValueDictionary()


def connection(
    api_key: SecretKey,
    base_url: str | None,
    timeout: float | Unset | None,
    max_retries: int | None,
    policy: Policy,
    network: NetworkOptions | None,
) -> tuple[Wanted, Connection]:
    """Return the connection of these settings, with what tells it from others; policies differ unless they are one."""
    wanted = (api_key, base_url, timeout, max_retries, id(policy), id(network))
    found = _shared.get(wanted)
    if found is None:
        settings = resolve_settings(api_key.key, base_url, timeout)
        found = _shared.setdefault(wanted, Connection(settings, policy.merged(max_retries=max_retries), network))
    return wanted, found
