"""What the tests of both clients share. Sync and async are used alike: a test awaits what has to be awaited."""

import inspect
import ssl
from typing import Any

from aisa_integrations.transport.network import NetworkOptions

MODEL = "gpt-4o"
NETWORK = NetworkOptions(verify=ssl.create_default_context())


def body(**options: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": "Say hello to Zoë, 你好"}], **options}


def said(events: list[dict[str, Any]]) -> str:
    return "".join(choice["delta"].get("content") or "" for event in events for choice in event["choices"])


async def waited(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


async def all_of(stream: Any) -> list[dict[str, Any]]:
    return [event async for event in stream] if hasattr(stream, "__aiter__") else list(stream)


async def next_of(stream: Any) -> dict[str, Any]:
    event: dict[str, Any] = await anext(stream) if hasattr(stream, "__aiter__") else next(stream)
    return event


async def closed(stream: Any) -> None:
    await waited(stream.aclose() if hasattr(stream, "aclose") else stream.close())
