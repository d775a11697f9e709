"""Both ways to compare, each on the test's own gateway."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from aisa_integrations import AsyncGatewayClient, Comparison, GatewayClient, acompare, compare
from aisa_integrations.local import LocalGateway

Ask = Callable[..., Comparison]


@pytest.fixture(params=["sync", "async"])
def way(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def ask(way: str, gateway: LocalGateway) -> Ask:
    """`ask(models, messages, **more)`: compare on the gateway, in threads or on a loop of its own."""

    def compared(models: Any, messages: Any = "Say hello to Zoë, 你好", **more: Any) -> Comparison:
        if more.get("client") is None:
            more = {"api_key": gateway.api_key, "base_url": gateway.url, "max_retries": 0, "timeout": 10, **more}
        if way == "sync":
            return compare(models, messages, **more)
        return asyncio.run(acompare(models, messages, **more))

    return compared


@pytest.fixture
def client(way: str, gateway: LocalGateway) -> Any:
    """A client of the kind that asks; nothing needs to be closed where no call is made."""
    kind: Any = GatewayClient if way == "sync" else AsyncGatewayClient
    return kind(gateway.api_key, base_url=gateway.url, max_retries=0)
