"""`compare` and `acompare`: every model is asked at the same time, and the results are gathered."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..chat_body import Messages
from ..errors import ConfigurationError
from ..gateway_client import AsyncGatewayClient, GatewayClient
from ..policy import Policy
from ..routing.caps import Fallback
from ..settings import UNSET, Unset, concealed
from ..transport.network import NetworkOptions
from .arriving import aarriving, arriving
from .question import Answered, Question, questions
from .result import Comparison, Result

OnResult = Callable[[Result], object]


def compare(
    models: Iterable[str],
    messages: str | Messages,
    *,
    system: str | None = None,
    stream: bool = False,
    on_result: OnResult | None = None,
    fallbacks: Iterable[str | Fallback] | None = None,
    client: GatewayClient | None = None,
    api_key: str | None = None,
    base_url: str | None = None,
    timeout: float | Unset | None = UNSET,
    max_retries: int | None = None,
    policy: Policy | None = None,
    network: NetworkOptions | None = None,
    **options: Any,
) -> Comparison:
    """Ask several models the same thing at the same time; what fails is a result too.

    Each model is asked alone: fallbacks of the policy or the client are left out, so that no other model's answer
    stands under its name. Those that are given here are asked, and `served_by` says who answered.

    Args:
        models: model ids, each once.
        messages: a text, or a list of messages.
        system: what each model is told first.
        stream: ask for streams, for the time to the first content; the results hold the whole answers all the same.
        on_result: called in this thread with each `Result` as it comes; what it raises ends the comparison.
        fallbacks: asked in turn, for each of the models, when it fails.
        client: who asks; it is left open. Else one is made of the settings below, as `GatewayClient` takes them.
        api_key: the gateway's key; else `AISA_API_KEY`.
        base_url: the gateway's origin; else `AISA_BASE_URL`, else the live gateway.
        timeout: seconds of an attempt; None is no limit.
        max_retries: further rounds for each model (default 2).
        policy: the rest of what to do about failures.
        network: how connections are made.
        options: fields of the chat call such as `temperature`; `extra_body` for those that are not known here.

    Raises:
        MissingKeyError: no key was given or found.
        ConfigurationError: an argument that cannot work; nothing was sent.
    """
    key, api_key = concealed(api_key), None
    asked = questions(models, messages, system, fallbacks, options, streams=stream)
    settings = {"base_url": base_url, "max_retries": max_retries, "policy": policy, "network": network}
    found: dict[str, Answered] = {}
    with (
        client_of(GatewayClient, client, key, timeout, settings, on_result) as asking,
        contextlib.closing(arriving(asking, asked)) as arrivals,
    ):
        for arrival in arrivals:
            found[arrival.result.model] = arrival
            if on_result is not None:
                on_result(arrival.result)
    return compared(asked, found)


async def acompare(
    models: Iterable[str],
    messages: str | Messages,
    *,
    system: str | None = None,
    stream: bool = False,
    on_result: OnResult | None = None,
    fallbacks: Iterable[str | Fallback] | None = None,
    client: AsyncGatewayClient | None = None,
    api_key: str | None = None,
    base_url: str | None = None,
    timeout: float | Unset | None = UNSET,
    max_retries: int | None = None,
    policy: Policy | None = None,
    network: NetworkOptions | None = None,
    **options: Any,
) -> Comparison:
    """Ask several models the same thing at the same time, in tasks; see `compare`. `on_result` may be async."""
    key, api_key = concealed(api_key), None
    asked = questions(models, messages, system, fallbacks, options, streams=stream)
    settings = {"base_url": base_url, "max_retries": max_retries, "policy": policy, "network": network}
    found: dict[str, Answered] = {}
    async with (
        client_of(AsyncGatewayClient, client, key, timeout, settings, on_result) as asking,
        contextlib.aclosing(aarriving(asking, asked)) as arrivals,
    ):
        async for arrival in arrivals:
            found[arrival.result.model] = arrival
            told = on_result(arrival.result) if on_result is not None else None
            if inspect.isawaitable(told):
                await told
    return compared(asked, found)


def client_of(
    kind: type[Any],
    client: object,
    key: object,
    timeout: float | Unset | None,
    settings: Mapping[str, object],
    on_result: object = None,
) -> Any:
    """Return a context of the client that asks: the given one, or a new one that is closed at its end.

    Raises:
        ConfigurationError: settings that cannot work, or that were given beside a client.
    """
    if on_result is not None and not callable(on_result):
        raise ConfigurationError(f"on_result is a function of one Result, not {on_result!r}.")
    if kind is GatewayClient and inspect.iscoroutinefunction(on_result):
        raise ConfigurationError("on_result is an async function, which compare() can't await; acompare() can.")
    if client is None:
        return kind(key, timeout=timeout, **settings)
    if not isinstance(client, kind):
        raise ConfigurationError(f"client is a {kind.__name__} here, not {type(client).__name__}.")
    given = [name for name, value in settings.items() if value is not None]
    given += ["api_key"] * (key is not None) + ["timeout"] * (timeout is not UNSET)
    if given:
        raise ConfigurationError(f"client=… has settings of its own: {', '.join(given)} can't be given beside it.")
    return contextlib.nullcontext(client)


def compared(asked: list[Question], found: Mapping[str, Answered]) -> Comparison:
    """Return the comparison of what was found, in the order in which it was asked."""
    in_order = [found[question.model] for question in asked]
    return Comparison(
        [answered.result for answered in in_order],
        [exchange for answered in in_order for exchange in answered.exchanges],
    )
