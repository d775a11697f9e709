"""`compare` and `acompare`: every model is asked at the same time, in threads or in tasks."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import time
from collections.abc import Callable, Iterable, Mapping
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final

from ..chat_body import Messages
from ..errors import AisaError, ConfigurationError
from ..gateway_client import AsyncGatewayClient, AsyncGatewayStream, GatewayClient, GatewayStream
from ..gateway_client.assembly import assembled
from ..policy import Policy
from ..routing.caps import Fallback
from ..settings import UNSET, Unset, concealed
from ..tracking import Spend, heard_by, listeners
from ..transport.departure import Departure
from ..transport.network import NetworkOptions
from .question import Answered, Question, questions
from .result import Comparison, Result

OnResult = Callable[[Result], object]

# How long Ctrl-C waits for the calls to end. One that was cut takes milliseconds, one that is connecting may take long.
_PARTING_SECONDS: Final = 1.0


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
    with _client_of(GatewayClient, client, key, timeout, settings, on_result) as asking:
        return _compared(asked, _ask_in_threads(asking, asked, on_result))


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
    async with _client_of(AsyncGatewayClient, client, key, timeout, settings, on_result) as asking:
        return _compared(asked, await _ask_in_tasks(asking, asked, on_result))


def _client_of(
    kind: type[Any],
    client: object,
    key: object,
    timeout: float | Unset | None,
    settings: Mapping[str, object],
    on_result: object,
) -> Any:
    """Return a context of the client that asks: the given one, or a new one that is closed at its end."""
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


def _compared(asked: list[Question], found: Mapping[str, Answered]) -> Comparison:
    in_order = [found[question.model] for question in asked]
    return Comparison(
        [answered.result for answered in in_order],
        [exchange for answered in in_order for exchange in answered.exchanges],
    )


# ---- in threads -----------------------------------------------------------------------------------------------------


def _ask_in_threads(client: GatewayClient, asked: list[Question], on_result: OnResult | None) -> dict[str, Answered]:
    arrivals: SimpleQueue[Answered | BaseException] = SimpleQueue()
    leaving, threads = Departure(), list[Thread]()
    found: dict[str, Answered] = {}
    try:
        for question in asked:
            # Who listens is settled here, by the context of the caller; a thread of ours would be a plain one.
            work = (_answer, client, question, listeners(), leaving, arrivals)
            threads.append(Thread(target=contextvars.copy_context().run, args=work, name="aisa-compare", daemon=True))
            threads[-1].start()
        for _ in asked:
            arrival = arrivals.get()
            if isinstance(arrival, BaseException):
                raise arrival
            found[arrival.result.model] = arrival
            if on_result is not None:
                on_result(arrival.result)
    except BaseException:
        leaving.leave()
        _part_from(threads)
        raise
    for thread in threads:
        thread.join()
    return found


def _answer(
    client: GatewayClient,
    question: Question,
    audience: tuple[Spend, ...],
    leaving: Departure,
    arrivals: SimpleQueue[Answered | BaseException],
) -> None:
    try:
        with heard_by(audience), leaving.awaited():
            arrivals.put(_ask(client, question))
    except BaseException as error:
        arrivals.put(error)


def _ask(client: GatewayClient, question: Question) -> Answered:
    began, stream = time.monotonic(), None
    try:
        if not question.streams:
            reply = client.chat(question.body)
            return question.answered(reply, (reply.exchange,))
        stream = client.stream(question.body)
        with stream:
            return question.answered(assembled(list(stream)), stream.exchanges)
    except AisaError as error:
        return question.failed(error, time.monotonic() - began, _records(stream))


def _part_from(threads: list[Thread]) -> None:
    expires = time.monotonic() + _PARTING_SECONDS
    for thread in threads:
        if thread.is_alive():
            thread.join(max(0.0, expires - time.monotonic()))


# ---- in tasks -------------------------------------------------------------------------------------------------------


async def _ask_in_tasks(
    client: AsyncGatewayClient, asked: list[Question], on_result: OnResult | None
) -> dict[str, Answered]:
    arrivals: asyncio.Queue[Answered] = asyncio.Queue()
    found: dict[str, Answered] = {}

    async def answer(question: Question) -> None:
        arrivals.put_nowait(await _ask_async(client, question))

    try:
        async with asyncio.TaskGroup() as group:
            for question in asked:
                group.create_task(answer(question))
            for _ in asked:
                arrival = await arrivals.get()
                found[arrival.result.model] = arrival
                told = on_result(arrival.result) if on_result is not None else None
                if inspect.isawaitable(told):
                    await told
    except BaseExceptionGroup as errors:
        # What the listener raised, or what no call should, is raised as it is.
        if len(errors.exceptions) > 1:
            raise
        raise errors.exceptions[0] from None
    return found


async def _ask_async(client: AsyncGatewayClient, question: Question) -> Answered:
    began, stream = time.monotonic(), None
    try:
        if not question.streams:
            reply = await client.chat(question.body)
            return question.answered(reply, (reply.exchange,))
        stream = client.stream(question.body)
        async with stream:
            return question.answered(assembled([event async for event in stream]), stream.exchanges)
    except AisaError as error:
        return question.failed(error, time.monotonic() - began, _records(stream))


def _records(stream: GatewayStream | AsyncGatewayStream | None) -> tuple[Any, ...]:
    return stream.exchanges if stream is not None else ()
