"""`openai_client()` against the stock `openai.OpenAI`: what the transport adds to an SDK."""

from __future__ import annotations

import asyncio
from typing import Any

import openai

from aisa_integrations import async_openai_client, openai_client
from benchmarks.chat import CHUNKS, KEY, STREAMED, body
from benchmarks.runner import Comparison, Row, Side, compare
from benchmarks.server import serving

LIMIT = 1.1


def measure(turns: int) -> list[Row]:
    """Compare plain calls and streams, sync and async."""
    with serving() as origin:
        return [*_sync(origin, turns), *_async(origin, turns)]


def _sync(origin: str, turns: int) -> list[Row]:
    with (
        openai.OpenAI(api_key=KEY, base_url=f"{origin}/v1") as stock,
        openai_client(KEY, base_url=origin) as ours,
    ):
        call = Comparison("call", Side("openai.OpenAI", _calls(stock)), Side("openai_client()", _calls(ours)), LIMIT)
        stream = Comparison(
            "stream", Side("openai.OpenAI", _streams(stock)), Side("openai_client()", _streams(ours)), LIMIT,
            unit="chunk", times=5, units=CHUNKS,
        )  # fmt: skip
        return [compare(call, turns), compare(stream, turns)]


def _calls(client: openai.OpenAI) -> Any:
    def run(times: int) -> None:
        for _ in range(times):
            client.chat.completions.create(**body())

    return run


def _streams(client: openai.OpenAI) -> Any:
    def run(times: int) -> None:
        for _ in range(times):
            for _ in client.chat.completions.create(**body(STREAMED), stream=True):
                pass

    return run


def _async(origin: str, turns: int) -> list[Row]:
    with asyncio.Runner() as runner:
        stock = openai.AsyncOpenAI(api_key=KEY, base_url=f"{origin}/v1")
        ours = async_openai_client(KEY, base_url=origin)
        call = Comparison(
            "call, async",
            Side("openai.AsyncOpenAI", _async_calls(stock, runner)),
            Side("async_openai_client()", _async_calls(ours, runner)),
            LIMIT,
        )
        stream = Comparison(
            "stream, async",
            Side("openai.AsyncOpenAI", _async_streams(stock, runner)),
            Side("async_openai_client()", _async_streams(ours, runner)),
            LIMIT, unit="chunk", times=5, units=CHUNKS,
        )  # fmt: skip
        rows = [compare(call, turns), compare(stream, turns)]
        for client in (stock, ours):
            runner.run(client.close())
        return rows


def _async_calls(client: openai.AsyncOpenAI, runner: asyncio.Runner) -> Any:
    async def ask(times: int) -> None:
        for _ in range(times):
            await client.chat.completions.create(**body())

    return lambda times: runner.run(ask(times))


def _async_streams(client: openai.AsyncOpenAI, runner: asyncio.Runner) -> Any:
    async def ask(times: int) -> None:
        for _ in range(times):
            async for _ in await client.chat.completions.create(**body(STREAMED), stream=True):
                pass

    return lambda times: runner.run(ask(times))
