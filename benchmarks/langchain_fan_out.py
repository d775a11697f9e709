"""Ten models of 200 ms each, compared through a chain: how long it takes until the last has answered."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from typing import Any

from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda

from aisa_integrations import ChatAisa
from benchmarks.chat import KEY
from benchmarks.runner import Row, quartiles
from benchmarks.server import serving

MODELS = [f"after-200-{number}" for number in range(10)]
LIMIT_MS = 230.0
SAID = {"question": "In one sentence: why is the sky blue?"}


def measure(turns: int) -> list[Row]:
    """Time the chain, sync and async; the first run, which opens the connections, is told apart."""
    with serving() as origin, asyncio.Runner() as runner:
        chat = ChatAisa(model=MODELS[0], base_url=origin, api_key=KEY, max_tokens=200)
        prompt = ChatPromptTemplate.from_messages([("user", "{question}")])
        chain: Any = prompt | chat.compare_with(*MODELS[1:]) | RunnableLambda(lambda found: len(found.answered))
        rows = [
            _row("compare 10 models of 200 ms", lambda: chain.invoke(SAID), turns),
            _row("compare 10 models of 200 ms, async", lambda: runner.run(chain.ainvoke(SAID)), turns),
        ]
        runner.run(chat.aclose())
        return rows


def _row(name: str, run: Callable[[], object], turns: int) -> Row:
    first, *later = [_milliseconds(run) for _ in range(max(5, turns) + 1)]
    began = time.process_time()
    run()
    cpu = (time.process_time() - began) * 1000
    # What it would take where nothing else runs: 200 and this.
    detail = {"first_ms": round(first, 1), "worst_ms": round(max(later), 1), "cpu_ms": round(cpu, 1)}
    value = round(statistics.median(later), 1)
    return Row(name, "the wall clock", value, LIMIT_MS, "ms", quartiles(later), detail)


def _milliseconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    answered = run()
    assert answered == len(MODELS), f"{answered} of {len(MODELS)} models answered"
    return (time.perf_counter() - began) * 1000
