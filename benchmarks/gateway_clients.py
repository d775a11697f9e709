"""`GatewayClient` against bare httpx2 and json: what all of the policy costs beside the least that one can do."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2

from aisa_integrations import AsyncGatewayClient, GatewayClient
from benchmarks.chat import CHUNKS, KEY, STREAMED, body
from benchmarks.runner import Comparison, Row, Side, compare
from benchmarks.server import serving

CALL_LIMIT, STREAM_LIMIT = 1.3, 1.5
HEADERS = {"authorization": f"Bearer {KEY}"}
PATH = "/v1/chat/completions"


def measure(turns: int) -> list[Row]:
    """Compare plain calls and streams, sync and async."""
    with serving() as origin:
        return [*_sync(origin, turns), *_async(origin, turns)]


def _sync(origin: str, turns: int) -> list[Row]:
    with httpx2.Client(base_url=origin, headers=HEADERS) as raw, GatewayClient(KEY, base_url=origin) as ours:
        call = Comparison(
            "call", Side("httpx2.Client, json", _raw_calls(raw)), Side("GatewayClient", _calls(ours)), CALL_LIMIT
        )
        stream = Comparison(
            "stream", Side("httpx2.Client, iter_lines, json", _raw_streams(raw)), Side("GatewayClient", _streams(ours)),
            STREAM_LIMIT, unit="chunk", times=15, units=CHUNKS,
        )  # fmt: skip
        return [compare(call, turns), compare(stream, turns)]


def _raw_calls(client: httpx2.Client) -> Any:
    def run(times: int) -> None:
        for _ in range(times):
            client.post(PATH, json=body()).json()

    return run


def _calls(client: GatewayClient) -> Any:
    def run(times: int) -> None:
        for _ in range(times):
            client.chat(body())

    return run


def _raw_streams(client: httpx2.Client) -> Any:
    def run(times: int) -> None:
        for _ in range(times):
            with client.stream("POST", PATH, json=body(STREAMED, stream=True)) as reply:
                for line in reply.iter_lines():
                    if line.startswith("data: ") and line != "data: [DONE]":
                        json.loads(line[6:])

    return run


def _streams(client: GatewayClient) -> Any:
    def run(times: int) -> None:
        for _ in range(times):
            for _ in client.stream(body(STREAMED)):
                pass

    return run


def _async(origin: str, turns: int) -> list[Row]:
    with asyncio.Runner() as runner:
        raw = httpx2.AsyncClient(base_url=origin, headers=HEADERS)
        ours = AsyncGatewayClient(KEY, base_url=origin)
        call = Comparison(
            "call, async",
            Side("httpx2.AsyncClient, json", _async_raw_calls(raw, runner)),
            Side("AsyncGatewayClient", _async_calls(ours, runner)),
            CALL_LIMIT,
        )
        stream = Comparison(
            "stream, async",
            Side("httpx2.AsyncClient, aiter_lines, json", _async_raw_streams(raw, runner)),
            Side("AsyncGatewayClient", _async_streams(ours, runner)),
            STREAM_LIMIT, unit="chunk", times=15, units=CHUNKS,
        )  # fmt: skip
        rows = [compare(call, turns), compare(stream, turns)]
        runner.run(raw.aclose())
        runner.run(ours.close())
        return rows


def _async_raw_calls(client: httpx2.AsyncClient, runner: asyncio.Runner) -> Any:
    async def ask(times: int) -> None:
        for _ in range(times):
            (await client.post(PATH, json=body())).json()

    return lambda times: runner.run(ask(times))


def _async_calls(client: AsyncGatewayClient, runner: asyncio.Runner) -> Any:
    async def ask(times: int) -> None:
        for _ in range(times):
            await client.chat(body())

    return lambda times: runner.run(ask(times))


def _async_raw_streams(client: httpx2.AsyncClient, runner: asyncio.Runner) -> Any:
    async def ask(times: int) -> None:
        for _ in range(times):
            async with client.stream("POST", PATH, json=body(STREAMED, stream=True)) as reply:
                async for line in reply.aiter_lines():
                    if line.startswith("data: ") and line != "data: [DONE]":
                        json.loads(line[6:])

    return lambda times: runner.run(ask(times))


def _async_streams(client: AsyncGatewayClient, runner: asyncio.Runner) -> Any:
    async def ask(times: int) -> None:
        for _ in range(times):
            async for _ in client.stream(body(STREAMED)):
                pass

    return lambda times: runner.run(ask(times))
