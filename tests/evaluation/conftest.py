"""Both ways to evaluate, each on the test's own gateway."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from aisa_integrations import AsyncGatewayClient, Evaluation, GatewayClient, aevaluate, evaluate
from aisa_integrations.local import LocalGateway

Run = Callable[..., Evaluation]
MODELS = ["gpt-4o", "gpt-4.1"]


@pytest.fixture(params=["sync", "async"])
def way(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def run(way: str, gateway: LocalGateway) -> Run:
    """`run(rows, models, **more)`: evaluate on the gateway, in threads or on a loop of its own."""

    def evaluated(rows: Any, models: Any = tuple(MODELS), **more: Any) -> Evaluation:
        if more.get("client") is None:
            more = {"api_key": gateway.api_key, "base_url": gateway.url, "max_retries": 0, "timeout": 10, **more}
        if way == "sync":
            return evaluate(rows, models, **more)
        return asyncio.run(aevaluate(rows, models, **more))

    return evaluated


@pytest.fixture
def client(way: str, gateway: LocalGateway) -> Any:
    """A client of the kind that asks; nothing needs to be closed where no call is made."""
    kind: Any = GatewayClient if way == "sync" else AsyncGatewayClient
    return kind(gateway.api_key, base_url=gateway.url, max_retries=0)


def asked(gateway: LocalGateway) -> list[tuple[str, str]]:
    """Each request's model and last message, in the order in which they came."""
    return [(request.model, request.json["messages"][-1]["content"]) for request in gateway.requests]


def told(evaluation: Evaluation) -> list[tuple[Any, ...]]:
    """What an evaluation found, without what differs from run to run."""
    return [(one.row, one.id, one.model, one.ok, one.response, dict(one.scores), one.error) for one in evaluation]
