"""The vendor's own `google.genai.Client` on our transport, behind `genai_client`.

What is touched of google-genai's private side is here, each with the reason; `tests/sdk/test_privates.py` pins it.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from contextvars import ContextVar
from copy import deepcopy
from dataclasses import replace
from typing import Any, Final

import httpx2

from ..errors import ConfigurationError
from ..policy import Policy
from .face import PLACEHOLDER, Face, refuse
from .http import AsyncHttp, SyncHttp, async_http, for_async, for_sync, sync_http

try:
    from google import genai
    from google.genai import client as genai_module
    from google.genai import models as genai_models
    from google.genai import types
except ImportError as error:  # pragma: no cover - the hint itself is tested in a bare environment
    raise ImportError('genai_client needs google-genai: pip install "aisa-integrations[google]"') from error

_AROUND_US: Final = {
    "vertexai": "the gateway speaks Gemini's own API, not Vertex.",
    "enterprise": "the gateway speaks Gemini's own API, not Vertex.",
    "credentials": "the gateway takes an API key alone.",
    "project": "it belongs to Vertex.",
    "location": "it belongs to Vertex.",
}
_OPTIONS_AROUND_US: Final = {
    "base_url": "pass base_url=… to genai_client.",
    "api_version": "the gateway's path is /v1.",
    "base_url_resource_scope": "it belongs to Vertex.",
    "timeout": "pass timeout=… (seconds) to genai_client.",
    "retry_options": "pass max_retries=… to genai_client: one layer alone retries.",
    "client_args": "pass limits=, proxy=, verify= or event_hooks= to genai_client.",
    "async_client_args": "pass limits=, proxy=, verify= or event_hooks= to genai_client.",
    "httpx_client": "pass limits=, proxy=, verify= or event_hooks= to genai_client.",
    "httpx_async_client": "pass limits=, proxy=, verify= or event_hooks= to genai_client.",
    "aiohttp_client": "aiohttp would go around the key guard, the budget and the meter.",
}
# These read GOOGLE_GENAI_API_KEY, GOOGLE_GENAI_ACCESS_TOKEN and GOOGLE_GENAI_DEFAULT_HEADERS, and the gateway serves
# none of them.
_NOT_SERVED: Final = (
    "interactions", "webhooks", "agents", "triggers", "environments", "credentials", "voices", "decisions",
)  # fmt: skip


def _refusing(feature: str, reason: str) -> property:
    def refuse_it(self: Any) -> Any:
        raise ConfigurationError(f"{feature} is refused: {reason}")

    return property(refuse_it, doc=f"Refuse `{feature}`: {reason}")


def _without_what_is_not_served(cls: type) -> type:
    for feature in _NOT_SERVED:
        if hasattr(cls, feature):
            setattr(cls, feature, _refusing(feature, "the gateway does not serve it, and it reads Google's own keys."))
    return cls


class _SyncHttp(SyncHttp):
    """The HTTP client below; google-genai says "no timeout" where its caller said nothing."""

    def build_request(self, *args: Any, timeout: Any = None, **kwargs: Any) -> httpx2.Request:
        return super().build_request(*args, timeout=self.timeout if timeout is None else timeout, **kwargs)


# The replies that a stream under way has opened.
_opened: Final[ContextVar[list[httpx2.Response] | None]] = ContextVar("aisa_genai_opened", default=None)


class _AsyncHttp(AsyncHttp):
    """The async HTTP client below."""

    async def send(self, *args: Any, **kwargs: Any) -> httpx2.Response:
        response = await super().send(*args, **kwargs)
        if (opened := _opened.get()) is not None:
            opened.append(response)
        return response

    def build_request(self, *args: Any, timeout: Any = None, **kwargs: Any) -> httpx2.Request:
        return super().build_request(*args, timeout=self.timeout if timeout is None else timeout, **kwargs)


class _AsyncModels(genai_models.AsyncModels):
    """The SDK's own, whose streams close what they opened."""

    async def generate_content_stream(self, **arguments: Any) -> AsyncIterator[types.GenerateContentResponse]:
        return _closing(await super().generate_content_stream(**arguments))


async def _closing(stream: Any) -> AsyncIterator[types.GenerateContentResponse]:
    """Give what a stream gives, and close its request when it is left: the SDK leaves that to the collector."""
    opened: list[httpx2.Response] = []
    try:
        while True:
            token = _opened.set(opened)
            try:
                chunk = await anext(stream)
            except StopAsyncIteration:
                return
            finally:
                with contextlib.suppress(ValueError):  # thrown out of here by the collector, in another context
                    _opened.reset(token)
            yield chunk
    finally:
        # A loop that ends closes all generators at once, and may be in there already.
        with contextlib.suppress(RuntimeError):
            await stream.aclose()
        for response in opened:
            await response.aclose()


@_without_what_is_not_served
class _AsyncSide(genai_module.AsyncClient):
    live = _refusing("live", "a websocket would bypass the key guard, the budget and the meter.")

    def __init__(self, api_client: Any, http: httpx2.AsyncClient) -> None:
        super().__init__(api_client)
        self._http = http
        self._closing_models = _AsyncModels(api_client)

    @property
    def models(self) -> genai_models.AsyncModels:
        """Return what asks models."""
        return self._closing_models

    async def aclose(self) -> None:
        """Close the async side: the SDK leaves a client that it was given open."""
        await super().aclose()
        await self._http.aclose()

    def __del__(self) -> None:
        # google-genai 3.0 closes here, by a task that a loop about to end cancels halfway; our pool closes itself.
        pass


@_without_what_is_not_served
class AisaGenaiClient(genai.Client):
    """A `google.genai.Client` whose requests go to the gateway under a policy."""

    def __init__(self, face: Face, options: Mapping[str, Any], vendor: Mapping[str, Any]) -> None:
        self._made_with = (face, dict(options), dict(vendor))
        self._http = sync_http(replace(face, event_hooks=for_sync(face.event_hooks)), _SyncHttp)
        aio_http = async_http(replace(face, event_hooks=for_async(face.event_hooks)), _AsyncHttp)
        super().__init__(
            # Said outright, for GOOGLE_GENAI_USE_VERTEXAI changes the path of every request.
            vertexai=False,
            api_key=PLACEHOLDER,
            http_options=types.HttpOptions(
                **options,
                base_url=str(face.settings.origin),
                api_version="v1",
                httpx_client=self._http,
                # Always set: where aiohttp happens to be installed, the SDK's async side would go around us.
                httpx_async_client=aio_http,
            ),
            **{"debug_config": _no_replay(), **vendor},
        )
        self._aio = _AsyncSide(self._api_client, aio_http)

    def _aisa_standing(self) -> tuple[Policy, str]:
        face = self._made_with[0]
        return face.policy, face.settings.key.token

    def close(self) -> None:
        """Close the sync side: the SDK leaves a client that it was given open."""
        super().close()
        self._http.close()

    def __del__(self) -> None:
        # The SDK's closes here, and so breaks `genai_client().models.generate_content(…)`; our pool closes itself.
        pass

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), self._made_with)

    def __deepcopy__(self, memo: dict[int, Any]) -> AisaGenaiClient:
        # The face is shared, as between any two clients: a budget or a cooldown is one.
        face, *given = self._made_with
        return type(self)(face, *deepcopy(given, memo))


def _no_replay() -> Any:
    # GOOGLE_GENAI_CLIENT_MODE=replay in the environment ends in a TypeError at the first use.
    return genai_module.DebugConfig(client_mode=None, replays_directory=None, replay_id=None)


def make_client(face: Face, http_options: Any, vendor: Mapping[str, Any]) -> genai.Client:
    """Make the client, or say which argument would go around the transport."""
    refuse(vendor, _AROUND_US)
    options = dict(http_options) if isinstance(http_options, Mapping) else _given(http_options)
    refuse(options, _OPTIONS_AROUND_US)
    return AisaGenaiClient(face, options, vendor)


def _given(http_options: Any) -> dict[str, Any]:
    if http_options is None:
        return {}
    if not isinstance(http_options, types.HttpOptions):
        raise ConfigurationError(f"http_options is a types.HttpOptions or a dict, not {type(http_options).__name__}.")
    return {name: getattr(http_options, name) for name in http_options.model_fields_set}
