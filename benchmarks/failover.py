"""What a failed first model costs: the time of a call that fails over, less that of a call that need not."""

from __future__ import annotations

import importlib.util
import logging
import statistics
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from aisa_integrations import Cooldown, GatewayClient, Policy, openai_client
from benchmarks.chat import KEY, MESSAGES, body
from benchmarks.runner import Row, quartiles
from benchmarks.server import serving

LIMIT_MS = 3.0
FAILS, WELL = "fails-500", "gpt-4o"


def measure(turns: int) -> list[Row]:
    """Time calls with a failing first model beside calls to a well one; rivals too where they are installed."""
    logging.getLogger("aisa_integrations").setLevel(logging.ERROR)
    with serving() as origin:
        return [_row(name, failing, well, turns * 8) for name, failing, well in _clients(origin)]


def _clients(origin: str) -> Iterator[tuple[str, Callable[[], object], Callable[[], object]]]:
    # The cooldown would soon ask the failing model last, and there would be nothing left to measure.
    policy = Policy(fallbacks=[WELL], cooldown=Cooldown(failures=10**9))
    gateway = GatewayClient(KEY, base_url=origin, policy=policy)
    yield "GatewayClient", lambda: gateway.chat(body(FAILS)), lambda: gateway.chat(body(WELL))
    client = openai_client(KEY, base_url=origin, policy=policy)
    create = client.chat.completions.create
    yield "openai_client()", lambda: create(**body(FAILS)), lambda: create(**body(WELL))
    if importlib.util.find_spec("langchain_openai"):
        yield "ChatOpenAI.with_fallbacks", *_langchain(origin)
    if importlib.util.find_spec("litellm"):
        yield "litellm.Router", *_litellm(origin)


def _langchain(origin: str) -> tuple[Callable[[], object], Callable[[], object]]:
    ChatOpenAI = import_module("langchain_openai").ChatOpenAI
    common: Any = {"api_key": KEY, "base_url": f"{origin}/v1", "max_retries": 0}
    well = ChatOpenAI(model=WELL, **common)
    chain = ChatOpenAI(model=FAILS, **common).with_fallbacks([well])
    return lambda: chain.invoke(MESSAGES), lambda: well.invoke(MESSAGES)


def _litellm(origin: str) -> tuple[Callable[[], object], Callable[[], object]]:
    litellm: Any = import_module("litellm")
    litellm.suppress_debug_info = True

    def deployment(name: str) -> dict[str, Any]:
        return {
            "model_name": name,
            "litellm_params": {"model": f"openai/{name}", "api_key": KEY, "api_base": f"{origin}/v1"},
        }

    router = litellm.Router(
        model_list=[deployment(FAILS), deployment(WELL)], fallbacks=[{FAILS: [WELL]}], num_retries=0,
        disable_cooldowns=True,
    )  # fmt: skip

    def ask(model: str) -> Callable[[], object]:
        return lambda: router.completion(model=model, messages=MESSAGES)

    return ask(FAILS), ask(WELL)


def _row(name: str, failing: Callable[[], object], well: Callable[[], object], times: int) -> Row:
    for run in (failing, well) * 5:
        run()
    pairs = [(_milliseconds(failing), _milliseconds(well)) for _ in range(times)]
    added = [one - other for one, other in pairs]
    detail = {
        "failing_ms": round(statistics.median(one for one, _ in pairs), 2),
        "well_ms": round(statistics.median(other for _, other in pairs), 2),
    }
    ours = name in ("GatewayClient", "openai_client()")
    limit = LIMIT_MS if ours else float("inf")
    value = round(statistics.median(added), 2)
    return Row(name, "a call that need not fail over", value, limit, "ms", quartiles(added), detail)


def _milliseconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return (time.perf_counter() - began) * 1000
