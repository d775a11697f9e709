"""Both clients, each on the test's own gateway."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from aisa_integrations import AsyncGatewayClient, GatewayClient
from aisa_integrations.local import LocalGateway
from tests.gateway_client.ways import NETWORK, waited


@pytest.fixture(params=[GatewayClient, AsyncGatewayClient], ids=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
async def client(kind: Any, gateway: LocalGateway) -> AsyncIterator[Any]:
    made = kind(gateway.api_key, base_url=gateway.url, max_retries=0, network=NETWORK)
    yield made
    await waited(made.close())
