"""Requests as clients send them, in short."""

import base64
from decimal import Decimal
from typing import Any

from aisa_integrations.catalogue import Model
from aisa_integrations.routing.pools import blend

PICTURE = "data:image/png;base64," + base64.b64encode(bytes(range(256)) * 40).decode()
TOOL: dict[str, Any] = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}


def price(model: Model) -> Decimal:
    blended = blend(model)
    assert blended is not None, f"{model.id} has no price"
    return blended


def chat(text: str = "What is the capital of France?", **fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], **fields}


def seeing(text: str = "What is in this picture?", **fields: Any) -> dict[str, Any]:
    parts = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": PICTURE}}]
    return {"messages": [{"role": "user", "content": parts}], **fields}


def gemini(text: str = "What is the capital of France?", **fields: Any) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"text": text}]}], **fields}


def gemini_seeing(**fields: Any) -> dict[str, Any]:
    parts = [{"text": "What is this?"}, {"inlineData": {"mimeType": "image/png", "data": "QUJD" * 2000}}]
    return {"contents": [{"role": "user", "parts": parts}], **fields}
