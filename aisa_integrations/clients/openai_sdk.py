"""`openai_client` and `async_openai_client`: the vendor's own clients on our transport.

What is touched of openai's private side is here, each with the reason; `tests/sdk/test_privates.py` pins it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy, deepcopy
from types import NoneType
from typing import Any, Final

import httpx2
import openai

from ..errors import ConfigurationError
from ..policy import Policy
from ..routing.caps import Fallback
from ..settings import UNSET, Timeouts, Unset, concealed, parse_origin, resolve_timeouts
from .face import PLACEHOLDER, Face, refuse, refuse_beside_http_client, resolve_face
from .http import AsyncHttp, SyncHttp, async_http, sync_http
from .user_client import WrappingAsync, WrappingSync, wrap_async, wrap_sync

_AROUND_US: Final = {
    "admin_api_key": "the gateway has one key, api_key=….",
    "workload_identity": "the gateway takes an API key alone.",
    "provider": "a provider brings its own origin and its own authentication.",
    "data_residency": "it chooses a host of OpenAI's; the gateway's is base_url=….",
    "websocket_base_url": "websockets would bypass the key guard, the budget and the meter.",
    "_strict_response_validation": "the gateway adds fields of its own, such as usage.cost.",
}
# What openai puts into a client from OPENAI_ADMIN_KEY, OPENAI_ORG_ID, OPENAI_PROJECT_ID and OPENAI_WEBHOOK_SECRET.
_FROM_ENVIRONMENT: Final = ("admin_api_key", "organization", "project", "webhook_secret")
_NO_WEBSOCKETS: Final = "wss://websockets-are-refused.invalid"


class _AisaFace:
    """What the sync and the async client share: no foreign environment, the key elsewhere, retries in the policy."""

    _aisa: Face

    def __init__(self, *, _aisa: Face, default_headers: Mapping[str, str] | None = None, **arguments: Any) -> None:
        arguments.pop("websocket_base_url", None)
        self._aisa = _aisa
        super().__init__(default_headers=default_headers, **arguments)  # type: ignore[call-arg]  # the SDK's
        # OPENAI_CUSTOM_HEADERS is merged in beneath default_headers, its Authorization line included.
        self._custom_headers = dict(default_headers or {})
        self._ambient_authorizations: frozenset[str] = frozenset()
        for name in _FROM_ENVIRONMENT:
            setattr(self, name, arguments.get(name))

    @property
    def api_key(self) -> str:
        """Return a placeholder; the key itself is held by the transport. Assigning replaces the key."""
        return PLACEHOLDER

    @api_key.setter
    def api_key(self, key: object) -> None:
        if key != PLACEHOLDER:
            key = concealed(key)
            self._aisa = self._aisa.with_key(key)

    @property
    def websocket_base_url(self) -> str | None:
        """Refuse: every websocket feature of the SDK asks for this first."""
        raise ConfigurationError(
            "Websocket features (realtime, live, responses.connect) are refused: they would bypass the key guard, "
            "the budget and the meter, and the gateway serves none. Use chat.completions instead."
        )

    @websocket_base_url.setter
    def websocket_base_url(self, url: object) -> None:
        """Ignore what the SDK's constructor assigns."""

    def copy(
        self,
        *,
        api_key: str | None = None,
        base_url: Any = None,
        max_retries: Any = None,
        http_client: Any = None,
        _extra_kwargs: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> Any:
        """Return a copy with other options, as the SDK's own `copy` does; retries go to the policy."""
        key, given, api_key = concealed(api_key), api_key is not None, None
        refuse(changes, _AROUND_US)
        face = self._aisa.with_key(key) if given else self._aisa
        if not isinstance(max_retries, (openai.NotGiven, NoneType)):
            face = face.with_max_retries(max_retries)
        if base_url is not None and not isinstance(base_url, openai.NotGiven):
            _check_same_origin(base_url, face)
        if http_client is not None:
            changes["http_client"] = self._wrap(http_client, face)
        extra = {**(_extra_kwargs or {}), "_aisa": face}
        return super().copy(websocket_base_url=_NO_WEBSOCKETS, _extra_kwargs=extra, **changes)  # type: ignore[misc]

    with_options = copy

    def request(self, cast_to: Any, options: Any, **how: Any) -> Any:
        """Send a request; retries that its options ask for go to the policy, as those of a copy do."""
        rounds = options.max_retries
        if isinstance(rounds, int):
            options = copy(options)
            options.max_retries = openai.NOT_GIVEN
            return self.copy(max_retries=rounds).request(cast_to, options, **how)
        return super().request(cast_to, options, **how)  # type: ignore[misc]

    @staticmethod
    def _wrap(http_client: Any, face: Face) -> Any:
        raise TypeError(http_client)

    def _aisa_standing(self) -> tuple[Policy, str]:
        return self._aisa.policy, self._aisa.settings.key.token

    def _guard(self, request: httpx2.Request) -> None:
        # Copies share one HTTP client, so what differs between them travels with the request.
        request.extensions["aisa"] = self._aisa.options

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuilt, (type(self), self._aisa, self._vendor_arguments()))

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        # Shared, as between any two clients: a budget or a cooldown is one, however many clients spend from it.
        return _rebuilt(type(self), self._aisa, deepcopy(self._vendor_arguments(), memo))

    def _vendor_arguments(self) -> dict[str, Any]:
        if isinstance(self._client, (WrappingSync, WrappingAsync)):  # type: ignore[attr-defined]
            raise TypeError(
                "a client made with http_client=… can't be pickled or deep-copied: its connections can't be made "
                "again. Use limits=, proxy=, verify= or event_hooks= in its place, or with_options() for a copy."
            )
        return {
            "organization": self.organization,  # type: ignore[attr-defined]
            "project": self.project,  # type: ignore[attr-defined]
            "webhook_secret": self.webhook_secret,  # type: ignore[attr-defined]
            "timeout": self.timeout,  # type: ignore[attr-defined]
            "default_headers": self._custom_headers,
            "default_query": self._custom_query,  # type: ignore[attr-defined]
        }


def _check_same_origin(base_url: object, face: Face) -> None:
    asked = parse_origin(base_url)
    if asked != face.settings.origin:
        raise ConfigurationError(
            f"This client talks to {face.settings.origin} alone, and its key goes nowhere else; "
            f"make another one for {asked}: openai_client(api_key=…, base_url=…)."
        )


@contextmanager
def _our_own_errors() -> Iterator[None]:
    """Let what the transport refuses through: openai below 3.1 makes "Connection error." of it."""
    try:
        yield
    except openai.APIConnectionError as error:
        if isinstance(error.__cause__, ConfigurationError):
            raise error.__cause__ from None
        raise


class AisaOpenAI(_AisaFace, openai.OpenAI):  # type: ignore[misc]  # narrows the SDK's attributes on purpose
    """An `openai.OpenAI` whose requests go to the gateway under a policy."""

    @staticmethod
    def _wrap(http_client: Any, face: Face) -> httpx2.Client:
        return wrap_sync(http_client, face)

    def request(self, cast_to: Any, options: Any, **how: Any) -> Any:
        """Send a request; see `_AisaFace.request`."""
        with _our_own_errors():
            return super().request(cast_to, options, **how)

    def _prepare_request(self, request: httpx2.Request) -> None:
        self._guard(request)
        super()._prepare_request(request)


class AsyncAisaOpenAI(_AisaFace, openai.AsyncOpenAI):  # type: ignore[misc]  # as above
    """An `openai.AsyncOpenAI` whose requests go to the gateway under a policy, on any number of event loops."""

    @staticmethod
    def _wrap(http_client: Any, face: Face) -> httpx2.AsyncClient:
        return wrap_async(http_client, face)

    async def request(self, cast_to: Any, options: Any, **how: Any) -> Any:
        """Send a request; see `_AisaFace.request`."""
        with _our_own_errors():
            return await super().request(cast_to, options, **how)

    async def _prepare_request(self, request: httpx2.Request) -> None:
        self._guard(request)
        await super()._prepare_request(request)


def openai_client(
    api_key: str | None = None,
    *,
    base_url: str | None = None,
    timeout: float | Unset | httpx2.Timeout | None = UNSET,
    max_retries: int | None = None,
    fallbacks: Iterable[str | Fallback] | None = None,
    policy: Policy | None = None,
    limits: httpx2.Limits | None = None,
    proxy: Any = None,
    verify: Any = True,
    event_hooks: Mapping[str, list[Any]] | None = None,
    http_client: httpx2.Client | None = None,
    **vendor: Any,
) -> openai.OpenAI:
    """Make an `openai.OpenAI` that talks to the gateway.

    Args:
        api_key: the gateway's key; else `AISA_API_KEY`.
        base_url: the gateway's origin, with or without `/v1`; else `AISA_BASE_URL`, else the live gateway.
        timeout: seconds of an attempt (default: connect 10, read 120); None is no limit.
        max_retries: further rounds over the chain of models (default 2); 0 still fails over.
        fallbacks: model ids asked in turn when the one that was named fails.
        policy: the rest of what to do about failures; an argument above beats the same field here.
        limits: of the connection pool, `httpx2.Limits`.
        proxy: a proxy URL; else the environment's.
        verify: TLS verification, as httpx2 takes it.
        event_hooks: httpx2's hooks on requests and responses.
        http_client: an `httpx2.Client` to send through, in place of the four above.
        vendor: anything else goes to `openai.OpenAI`.

    Raises:
        MissingKeyError: no key was given or found.
        ConfigurationError: an argument that cannot work, or would go around the key guard.
        TypeError: an `http_client` of another kind, or an argument that `openai.OpenAI` does not know.
    """
    key, api_key = concealed(api_key), None
    face = resolve_face(
        key, base_url=base_url, timeout=_patience(timeout, http_client), max_retries=max_retries, fallbacks=fallbacks,
        policy=policy, limits=limits, proxy=proxy, verify=verify, event_hooks=event_hooks,
    )  # fmt: skip
    refuse(vendor, _AROUND_US)
    return AisaOpenAI(
        **_arguments(face, vendor),
        http_client=_sync_client(http_client, face),
    )


def async_openai_client(
    api_key: str | None = None,
    *,
    base_url: str | None = None,
    timeout: float | Unset | httpx2.Timeout | None = UNSET,
    max_retries: int | None = None,
    fallbacks: Iterable[str | Fallback] | None = None,
    policy: Policy | None = None,
    limits: httpx2.Limits | None = None,
    proxy: Any = None,
    verify: Any = True,
    event_hooks: Mapping[str, list[Any]] | None = None,
    http_client: httpx2.AsyncClient | None = None,
    **vendor: Any,
) -> openai.AsyncOpenAI:
    """Make an `openai.AsyncOpenAI` that talks to the gateway; see `openai_client`. It lives through several loops."""
    key, api_key = concealed(api_key), None
    face = resolve_face(
        key, base_url=base_url, timeout=_patience(timeout, http_client), max_retries=max_retries, fallbacks=fallbacks,
        policy=policy, limits=limits, proxy=proxy, verify=verify, event_hooks=event_hooks,
    )  # fmt: skip
    refuse(vendor, _AROUND_US)
    return AsyncAisaOpenAI(**_arguments(face, vendor), http_client=_async_client(http_client, face))


def _patience(timeout: object, http_client: object) -> Timeouts:
    if timeout is UNSET and isinstance(http_client, (httpx2.Client, httpx2.AsyncClient)):
        # As the SDK does: a client that was given a timeout of its own keeps it.
        timeout = UNSET if http_client.timeout == httpx2.Timeout(5.0) else http_client.timeout
    return resolve_timeouts(timeout)


def _arguments(face: Face, vendor: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "timeout": face.timeout,
        **vendor,
        "_aisa": face,
        "api_key": PLACEHOLDER,
        "base_url": f"{face.settings.origin}/v1",
        # The exchange owns retries: the SDK's own would multiply with them.
        "max_retries": 0,
    }


def _sync_client(http_client: object, face: Face) -> SyncHttp:
    if http_client is None:
        return sync_http(face)
    refuse_beside_http_client(face)
    return wrap_sync(http_client, face)


def _async_client(http_client: object, face: Face) -> AsyncHttp:
    if http_client is None:
        return async_http(face)
    refuse_beside_http_client(face)
    return wrap_async(http_client, face)


def _rebuilt(cls: type[Any], face: Face, vendor: dict[str, Any]) -> Any:
    http_client = _sync_client if issubclass(cls, AisaOpenAI) else _async_client
    return cls(**_arguments(face, vendor), http_client=http_client(None, face))
