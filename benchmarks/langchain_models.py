"""`ChatAisa` against `ChatOpenAI`: a call, and a stream by its chunks, both sync and async."""

from __future__ import annotations

import asyncio
from typing import Any

from langchain_openai import ChatOpenAI

from aisa_integrations import ChatAisa
from benchmarks.chat import CHUNKS, KEY, MESSAGES, STREAMED
from benchmarks.runner import Comparison, Row, Side, compare
from benchmarks.server import serving

CALL_LIMIT, STREAM_LIMIT = 0.5, 0.3
OPTIONS: dict[str, Any] = {"temperature": 0.5, "max_tokens": 200, "api_key": KEY}


def measure(turns: int) -> list[Row]:
    """Compare plain calls and streams; both ask for usage in streams, as ChatOpenAI does on OpenAI's own host."""
    with serving() as origin, asyncio.Runner() as runner:
        stock, ours = _stock(origin), _ours(origin)
        rows = [
            compare(_call("call", _calls(stock["call"]), _calls(ours["call"])), turns),
            compare(_stream("stream", _streams(stock["stream"]), _streams(ours["stream"])), turns),
            compare(
                _call("call, async", _async_calls(stock["call"], runner), _async_calls(ours["call"], runner)), turns
            ),
            compare(
                _stream(
                    "stream, async",
                    _async_streams(stock["stream"], runner),
                    _async_streams(ours["stream"], runner),
                ),
                turns,
            ),
        ]
        runner.run(ours["call"].aclose())
        return rows


def _stock(origin: str) -> dict[str, Any]:
    common = {**OPTIONS, "base_url": f"{origin}/v1", "max_retries": 0}
    return {
        "call": ChatOpenAI(model="gpt-4o", **common),
        "stream": ChatOpenAI(model=STREAMED, stream_usage=True, **common),
    }


def _ours(origin: str) -> dict[str, Any]:
    return {
        "call": ChatAisa(model="gpt-4o", base_url=origin, **OPTIONS),
        "stream": ChatAisa(model=STREAMED, base_url=origin, **OPTIONS),
    }


def _call(name: str, stock: Any, ours: Any) -> Comparison:
    return Comparison(name, Side("ChatOpenAI", stock), Side("ChatAisa", ours), CALL_LIMIT)


def _stream(name: str, stock: Any, ours: Any) -> Comparison:
    return Comparison(
        name, Side("ChatOpenAI", stock), Side("ChatAisa", ours), STREAM_LIMIT, unit="chunk", times=5, units=CHUNKS
    )


def _calls(chat: Any) -> Any:
    def run(times: int) -> None:
        for _ in range(times):
            chat.invoke(MESSAGES)

    return run


def _streams(chat: Any) -> Any:
    def run(times: int) -> None:
        for _ in range(times):
            for _ in chat.stream(MESSAGES):
                pass

    return run


def _async_calls(chat: Any, runner: asyncio.Runner) -> Any:
    async def ask(times: int) -> None:
        for _ in range(times):
            await chat.ainvoke(MESSAGES)

    return lambda times: runner.run(ask(times))


def _async_streams(chat: Any, runner: asyncio.Runner) -> Any:
    async def ask(times: int) -> None:
        for _ in range(times):
            async for _ in chat.astream(MESSAGES):
                pass

    return lambda times: runner.run(ask(times))
