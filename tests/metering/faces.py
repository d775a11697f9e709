"""The six faces behind one call each, so that a test is written once and runs on all of them."""

import inspect
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from aisa_integrations import (
    AsyncGatewayClient,
    GatewayClient,
    Policy,
    async_openai_client,
    genai_client,
    openai_client,
)
from aisa_integrations.local import LocalGateway
from aisa_integrations.transport.network import NetworkOptions

FACES = ("openai", "openai async", "genai", "genai async", "gateway", "gateway async")
SYNC_FACES = ("openai", "genai", "gateway")
MODEL = "gemini-2.5-flash"  # on every surface: chat and Gemini's own
OTHER_MODEL = "gemini-2.5-pro"
UNPRICED = "someone/model-without-a-price"
ZERO = Decimal(0)

TLS = ssl.create_default_context()  # one for all clients: it is never used on loopback, and takes 20 ms to build


def messages(text: str = "Say hello to Zoë, 你好") -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def body(model: str = MODEL, **options: Any) -> dict[str, Any]:
    return {"model": model, "messages": messages(), **options}


@dataclass(frozen=True)
class Face:
    """One client. `plain` and `open` make a call; what they return may have to be awaited."""

    name: str
    plain: Callable[[str], Any]
    open: Callable[[str], Any]
    close: Callable[[], Any] = field(repr=False)

    async def stream(self, model: str = MODEL) -> Any:
        """The open stream, an iterator of either kind."""
        return await waited(self.open(model))

    async def ask(self, model: str = MODEL, *, stream: bool = False) -> None:
        """One whole call."""
        if not stream:
            await waited(self.plain(model))
            return
        opened = await self.stream(model)
        if hasattr(opened, "__aiter__"):
            async for _ in opened:
                pass
        else:
            for _ in opened:
                pass

    def ask_now(self, model: str = MODEL, *, stream: bool = False) -> None:
        """One whole call of a sync face."""
        if stream:
            for _ in self.open(model):
                pass
        else:
            self.plain(model)


async def waited(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


async def first_of(stream: Any) -> Any:
    """The first event of a stream of either kind."""
    return await anext(stream.__aiter__()) if hasattr(stream, "__aiter__") else next(iter(stream))


async def closed(stream: Any) -> None:
    """Close a stream as its own SDK does."""
    close: Callable[[], Any] = getattr(stream, "aclose", None) or stream.close
    await waited(close())


def make_face(name: str, gateway: LocalGateway, policy: Policy | None = None, **options: Any) -> Face:
    options = {"base_url": gateway.url, "policy": policy, "max_retries": 0, **options}
    key = gateway.api_key
    kind, is_async = name.split()[0], name.endswith("async")
    if kind == "openai":
        options["verify"] = TLS
        chat = async_openai_client(key, **options) if is_async else openai_client(key, **options)
        create: Any = chat.chat.completions.create
        return Face(
            name,
            lambda model: create(model=model, messages=messages()),
            lambda model: create(model=model, messages=messages(), stream=True),
            chat.close,
        )
    if kind == "genai":
        google = genai_client(key, **options, verify=TLS)
        models: Any = google.aio.models if is_async else google.models
        close: Callable[[], Awaitable[None] | None] = google.aio.aclose if is_async else google.close
        return Face(
            name,
            lambda model: models.generate_content(model=model, contents="Say hello to Zoë, 你好"),
            lambda model: models.generate_content_stream(model=model, contents="Say hello to Zoë, 你好"),
            close,
        )
    options["network"] = NetworkOptions(verify=TLS)
    client: Any = AsyncGatewayClient(key, **options) if is_async else GatewayClient(key, **options)
    return Face(name, lambda model: client.chat(body(model)), lambda model: client.stream(body(model)), client.close)


@contextmanager
def sync_face(name: str, gateway: LocalGateway, **options: Any) -> Iterator[Face]:
    face = make_face(name, gateway, **options)
    try:
        yield face
    finally:
        face.close()
