"""`GatewayClient` and `AsyncGatewayClient`: plain dicts over the transport."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import httpx2
import jiter

from ..errors import ConfigurationError
from ..policy import Policy
from ..routing.caps import Fallback
from ..settings import UNSET, Settings, Unset, concealed, resolve_settings
from ..transport.asynchronous import AsyncAisaTransport
from ..transport.effects import Answer, Fail, HandOver, PassOn
from ..transport.network import NetworkOptions
from ..transport.request import Call, CallOptions, read_call, read_chat
from ..transport.surfaces import locate
from ..transport.sync import AisaTransport
from ..usage import Exchange
from .failures import error_of
from .streams import AsyncGatewayStream, GatewayStream


class Reply(dict[str, Any]):
    """A reply of the gateway as a plain dict, with the record of its call beside it.

    Attributes:
        exchange: who served it, every attempt, tokens and cost; not part of the dict.
    """

    __slots__ = ("exchange",)

    exchange: Exchange

    def __init__(self, reply: Mapping[str, Any], exchange: Exchange) -> None:
        super().__init__(reply)
        self.exchange = exchange

    def _repr_html_(self) -> str:
        from ..display.exchange import reply_html

        return reply_html(self, self.exchange)


class _Face:
    """What the sync and the async client share: settings, policy, calls and errors."""

    def __init__(
        self,
        api_key: object,
        base_url: str | None,
        timeout: float | Unset | None,
        max_retries: int | None,
        fallbacks: Iterable[str | Fallback] | None,
        policy: Policy | None,
        network: NetworkOptions | None,
    ) -> None:
        if policy is not None and not isinstance(policy, Policy):
            raise ConfigurationError(f"policy is a Policy, not {type(policy).__name__}.")
        if network is not None and not isinstance(network, NetworkOptions):
            raise ConfigurationError(f"network is a NetworkOptions, not {type(network).__name__}.")
        self._settings = resolve_settings(api_key, base_url, timeout)
        self._policy = (policy or Policy()).merged(fallbacks=fallbacks, max_retries=max_retries)
        self._network = network or NetworkOptions()
        host = str(self._settings.origin).partition("://")[2]
        self._headers = httpx2.Headers(
            {"host": host, "accept": "*/*", "content-type": "application/json", "user-agent": "aisa-integrations"}
        )
        self._url = httpx2.URL(f"{self._settings.origin}/v1/chat/completions")

    def _chat_call(self, body: Mapping[str, Any], *, stream: bool) -> tuple[Call, httpx2.Request]:
        if not isinstance(body, Mapping):
            raise ConfigurationError(f"body is a dict such as {{'model': …, 'messages': […]}}, not {body!r}.")
        asked = {key: value for key, value in body.items() if key != "stream"}
        if stream:
            asked["stream"] = True
        try:
            call = read_chat(
                asked, headers=self._headers, timeouts=self._settings.timeouts.as_extension(), policy=self._policy
            )
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"body can't be written as JSON: {error}") from None
        return call, self._post()

    def _post(self) -> httpx2.Request:
        return httpx2.Request("POST", self._url, headers=self._headers, stream=_EMPTY)

    def _get_call(self, path: str) -> tuple[Call, httpx2.Request]:
        call = read_call(
            locate("GET", path), method="GET", query=b"", headers=self._headers, content=b"",
            timeouts=self._settings.timeouts.as_extension(), policy=self._policy,
        )  # fmt: skip
        return call, httpx2.Request("GET", self._url.copy_with(path=path), headers=self._headers, stream=_EMPTY)

    def _aisa_standing(self) -> tuple[Policy, str]:
        return self._policy, self._settings.key.token

    def _arguments(self) -> tuple[Any, ...]:
        return (self._settings, self._policy, self._network)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuilt, (type(self), *self._arguments()))

    def __repr__(self) -> str:
        settings = getattr(self, "_settings", None)
        return f"{type(self).__name__}({settings.origin if settings is not None else 'not made'})"


_EMPTY: Final = httpx2.ByteStream(b"")
_OPTIONS: Final = CallOptions()


class GatewayClient(_Face):
    """Talk to the gateway with plain dicts: `client.chat({"model": …, "messages": […]})["choices"]`.

    Args:
        api_key: the gateway's key; else `AISA_API_KEY`.
        base_url: the gateway's origin, with or without `/v1`; else `AISA_BASE_URL`, else the live gateway.
        timeout: seconds of an attempt (default: connect 10, read 120); None is no limit.
        max_retries: further rounds over the chain of models (default 2); 0 still fails over.
        fallbacks: model ids asked in turn when the one that was named fails.
        policy: the rest of what to do about failures; an argument above beats the same field here.
        network: how connections are made.

    Raises:
        MissingKeyError: no key was given or found.
        ConfigurationError: an argument that cannot work.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float | Unset | None = UNSET,
        max_retries: int | None = None,
        fallbacks: Iterable[str | Fallback] | None = None,
        policy: Policy | None = None,
        network: NetworkOptions | None = None,
    ) -> None:
        key, api_key = concealed(api_key), None
        super().__init__(key, base_url, timeout, max_retries, fallbacks, policy, network)
        self._transport = AisaTransport(*self._arguments())

    def chat(self, body: Mapping[str, Any]) -> Reply:
        """Ask for a chat completion and return it whole.

        Args:
            body: what `/v1/chat/completions` takes; `models` may name fallbacks for this call.

        Raises:
            AisaError: one of the tree in `errors.py`.
        """
        return _reply(self._run(*self._chat_call(body, stream=False)))

    def stream(self, body: Mapping[str, Any]) -> GatewayStream:
        """Ask for a chat completion and return its events as they come; `stream` is set for you.

        Raises:
            AisaError: at once, or for a break after the first content an `InterruptedStreamError` while iterating.
        """
        return GatewayStream(self._transport, self._chat_call(body, stream=True)[0], self._post)

    def models(self) -> list[dict[str, Any]]:
        """Return the models that the gateway serves now."""
        return _listed(self._run(*self._get_call("/v1/models")))

    def balance(self) -> Reply:
        """Return the wallet as the gateway tells it, in millionths of a dollar."""
        return _reply(self._run(*self._get_call("/v1/credits/balance")))

    def _run(self, call: Call, request: httpx2.Request) -> Answer:
        steps = self._transport.core.begin(call, _OPTIONS)
        effect, reply = self._transport.run(steps, call, request, _OPTIONS)
        if reply is not None and isinstance(effect, PassOn):
            reply.close()
        return _answered(effect, call)

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()

    def __enter__(self) -> GatewayClient:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class AsyncGatewayClient(_Face):
    """Talk to the gateway with plain dicts from asyncio, on any number of event loops; see `GatewayClient`."""

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float | Unset | None = UNSET,
        max_retries: int | None = None,
        fallbacks: Iterable[str | Fallback] | None = None,
        policy: Policy | None = None,
        network: NetworkOptions | None = None,
    ) -> None:
        key, api_key = concealed(api_key), None
        super().__init__(key, base_url, timeout, max_retries, fallbacks, policy, network)
        self._transport = AsyncAisaTransport(*self._arguments())

    async def chat(self, body: Mapping[str, Any]) -> Reply:
        """Ask for a chat completion and return it whole; see `GatewayClient.chat`."""
        return _reply(await self._run(*self._chat_call(body, stream=False)))

    def stream(self, body: Mapping[str, Any]) -> AsyncGatewayStream:
        """Ask for a chat completion and give its events as they come: `async for event in client.stream(body)`."""
        return AsyncGatewayStream(self._transport, self._chat_call(body, stream=True)[0], self._post)

    async def models(self) -> list[dict[str, Any]]:
        """Return the models that the gateway serves now."""
        return _listed(await self._run(*self._get_call("/v1/models")))

    async def balance(self) -> Reply:
        """Return the wallet as the gateway tells it, in millionths of a dollar."""
        return _reply(await self._run(*self._get_call("/v1/credits/balance")))

    async def _run(self, call: Call, request: httpx2.Request) -> Answer:
        steps = self._transport.core.begin(call, _OPTIONS)
        effect, reply = await self._transport.run(steps, call, request, _OPTIONS)
        if reply is not None and isinstance(effect, PassOn):
            await reply.aclose()
        return _answered(effect, call)

    async def close(self) -> None:
        """Close the running loop's connections."""
        await self._transport.aclose()

    aclose = close

    async def __aenter__(self) -> AsyncGatewayClient:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()


def _answered(effect: Answer | HandOver | PassOn | Fail, call: Call) -> Answer:
    if isinstance(effect, Answer) and effect.verdict is None:
        return effect
    raise error_of(effect, call)


def _reply(answer: Answer) -> Reply:
    assert answer.exchange is not None
    return Reply(jiter.from_json(answer.body), answer.exchange)


def _listed(answer: Answer) -> list[dict[str, Any]]:
    reply = jiter.from_json(answer.body)
    data = reply.get("data") if isinstance(reply, dict) else reply
    return [model for model in data if isinstance(model, dict)] if isinstance(data, list) else []


def _rebuilt(cls: type[Any], settings: Settings, policy: Policy, network: NetworkOptions) -> Any:
    client = cls(settings.key, base_url=str(settings.origin), timeout=settings.timeouts, policy=policy, network=network)
    return client
