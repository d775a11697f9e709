"""1,000 calls of 200 ms at once: the wall time of `AsyncGatewayClient` against the stock `openai.AsyncOpenAI`."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

import openai

from aisa_integrations import AsyncGatewayClient
from benchmarks.chat import KEY, body
from benchmarks.runner import Row, quartiles
from benchmarks.server import serving

CALLS, SLOW, LIMIT = 1000, "after-200", 0.35


def measure(turns: int) -> list[Row]:
    """Run both in turns, each on a loop and with connections of its own, as a job is run."""
    with serving() as origin:
        pairs = [(asyncio.run(_stock(origin)), asyncio.run(_ours(origin))) for _ in range(max(3, turns // 5))]
    ratios = [ours / stock for stock, ours in pairs]
    detail = {
        "baseline_s": round(statistics.median(stock for stock, _ in pairs), 2),
        "ours_s": round(statistics.median(ours for _, ours in pairs), 2),
    }
    value = round(statistics.median(ratios), 3)
    return [Row("1,000 calls of 200 ms", "openai.AsyncOpenAI", value, LIMIT, "x", quartiles(ratios), detail)]


async def _stock(origin: str) -> float:
    async with openai.AsyncOpenAI(api_key=KEY, base_url=f"{origin}/v1", max_retries=0) as client:
        return await _all(lambda: client.chat.completions.create(**body(SLOW)))


async def _ours(origin: str) -> float:
    async with AsyncGatewayClient(KEY, base_url=origin) as client:
        return await _all(lambda: client.chat(body(SLOW)))


async def _all(ask: Callable[[], Awaitable[object]]) -> float:
    await ask()
    began = time.perf_counter()
    await asyncio.gather(*[ask() for _ in range(CALLS)])
    return time.perf_counter() - began
