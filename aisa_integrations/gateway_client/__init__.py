"""Dict in, dict out, on the transport alone; no vendor's SDK is loaded."""

from __future__ import annotations

from .client import AsyncGatewayClient, GatewayClient, Reply
from .streams import AsyncGatewayStream, GatewayStream

__all__ = ["AsyncGatewayClient", "AsyncGatewayStream", "GatewayClient", "GatewayStream", "Reply"]
