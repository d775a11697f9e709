"""Every face that sends, as one kind of thing: one case is run by all of them, sync and async alike."""

import asyncio
import contextlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import openai
import pytest

from aisa_integrations import (
    AsyncGatewayClient,
    GatewayClient,
    async_openai_client,
    genai_client,
    openai_client,
)
from aisa_integrations.transport.network import NetworkOptions

HELLO = "Say hello"
MESSAGES = [{"role": "user", "content": HELLO}]
BODY = {"model": "gpt-4o", "messages": MESSAGES}


@dataclass(frozen=True, slots=True)
class Face:
    """How one face is made, asked and read.

    Args:
        name: shown in the ids of tests.
        make: the factory.
        call: makes one plain call with a client, and a text to say; its result is awaited where it can be.
        open: opens one stream; its result is awaited where it can be.
        text: the text of a plain reply.
        piece: the text of one piece of a stream.
        close: closes the client.
        is_async: whether calls are awaited.
        model: the id that is asked.
    """

    name: str
    make: Callable[..., Any]
    call: Callable[..., Any]
    open: Callable[[Any], Any]
    text: Callable[[Any], str]
    piece: Callable[[Any], str]
    close: Callable[[Any], Any]
    is_async: bool
    model: str

    def ask(self, client: Any, text: str = HELLO) -> str:
        """Make one plain call, in an event loop of its own where the face is async; return the answer's text."""
        return self.text(self.run(self.call, client, text))

    def read(self, client: Any) -> str:
        """Read one stream to its end; return its text."""
        return str(self.run(self.read_within, client))

    def run(self, case: Callable[..., Any], *args: Any) -> Any:
        """Run a case; what can be awaited is awaited in a loop of its own."""

        async def awaited() -> Any:
            result = case(*args)
            return await result if inspect.isawaitable(result) else result

        return asyncio.run(awaited()) if self.is_async else case(*args)

    def read_within(self, client: Any) -> Any:
        """Read one stream to its end; a coroutine where the face is async."""
        return self._aread(client) if self.is_async else self._read(client)

    def _read(self, client: Any) -> str:
        return "".join(self.piece(item) for item in self.open(client))

    async def _aread(self, client: Any) -> str:
        stream = self.open(client)
        stream = await stream if inspect.isawaitable(stream) else stream
        return "".join([self.piece(item) async for item in stream])

    def __str__(self) -> str:
        return self.name


def _chat_piece(chunk: Any) -> str:
    return chunk.choices[0].delta.content or "" if chunk.choices else ""


def _dict_piece(chunk: dict[str, Any]) -> str:
    return chunk["choices"][0]["delta"].get("content") or "" if chunk.get("choices") else ""


def _dict_text(reply: dict[str, Any]) -> str:
    return str(reply["choices"][0]["message"]["content"])


def _body(text: str) -> dict[str, Any]:
    return {"model": "gpt-4o", "messages": [{"role": "user", "content": text}]}


def _chat(client: Any, text: str = HELLO, **options: Any) -> Any:
    return client.chat.completions.create(**_body(text), **options)


def _gemini(models: Any, text: str = HELLO) -> Any:
    return models.generate_content(model="gemini-2.5-flash", contents=text)


def _gemini_stream(models: Any) -> Any:
    return models.generate_content_stream(model="gemini-2.5-flash", contents=HELLO)


def _openai(name: str, make: Callable[..., Any], *, is_async: bool) -> Face:
    return Face(
        name,
        make,
        call=_chat,
        open=lambda client: _chat(client, stream=True),
        text=lambda reply: str(reply.choices[0].message.content),
        piece=_chat_piece,
        close=lambda client: client.close(),
        is_async=is_async,
        model="gpt-4o",
    )


def _genai(name: str, side: Callable[[Any], Any], close: Callable[[Any], Any], *, is_async: bool) -> Face:
    return Face(
        name,
        genai_client,
        call=lambda client, text=HELLO: _gemini(side(client).models, text),
        open=lambda client: _gemini_stream(side(client).models),
        text=lambda reply: str(reply.text),
        piece=lambda chunk: chunk.text or "",
        close=close,
        is_async=is_async,
        model="gemini-2.5-flash",
    )


def _gateway(name: str, make: Callable[..., Any], *, is_async: bool) -> Face:
    return Face(
        name,
        make,
        call=lambda client, text=HELLO: client.chat(_body(text)),
        open=lambda client: client.stream(BODY),
        text=_dict_text,
        piece=_dict_piece,
        close=lambda client: client.close(),
        is_async=is_async,
        model="gpt-4o",
    )


def _chat_aisa(name: str, call: str, stream: str, close: str, *, is_async: bool) -> Face:
    return Face(
        name,
        _make_chat_aisa,
        call=lambda client, text=HELLO: getattr(client, call)(text),
        open=lambda client: getattr(client, stream)(HELLO),
        text=lambda message: str(message.text),
        piece=lambda chunk: str(chunk.text),
        close=lambda client: getattr(client, close)(),
        is_async=is_async,
        model="gpt-4o",
    )


def _make_chat_aisa(api_key: str | None = None, **settings: Any) -> Any:
    from aisa_integrations import ChatAisa  # here, for the processes of their own that need no langchain

    network = {name: settings.pop(name) for name in ("limits", "verify", "proxy") if name in settings}
    if network:
        settings["network"] = NetworkOptions(**network)
    return ChatAisa(model="gpt-4o", api_key=api_key, **settings)


OPENAI = _openai("openai", openai_client, is_async=False)
ASYNC_OPENAI = _openai("async openai", async_openai_client, is_async=True)
GENAI = _genai("genai", lambda client: client, lambda client: client.close(), is_async=False)
GENAI_AIO = _genai("genai aio", lambda client: client.aio, lambda client: client.aio.aclose(), is_async=True)
GATEWAY = _gateway("gateway", GatewayClient, is_async=False)
ASYNC_GATEWAY = _gateway("async gateway", AsyncGatewayClient, is_async=True)
CHAT_AISA = _chat_aisa("ChatAisa", "invoke", "stream", "close", is_async=False)
ASYNC_CHAT_AISA = _chat_aisa("async ChatAisa", "ainvoke", "astream", "aclose", is_async=True)

FACES = (OPENAI, ASYNC_OPENAI, GENAI, GENAI_AIO, GATEWAY, ASYNC_GATEWAY, CHAT_AISA, ASYNC_CHAT_AISA)
SYNC_FACES = tuple(face for face in FACES if not face.is_async)
ASYNC_FACES = tuple(face for face in FACES if face.is_async)
SDK_FACES = (OPENAI, ASYNC_OPENAI, GENAI, GENAI_AIO)


@contextlib.contextmanager
def comes_out(kind: type[Exception], words: str) -> Iterator[None]:
    """What is raised below an SDK comes out of it: openai below 3.1 makes a connection error of it, with it behind."""
    with pytest.raises((kind, openai.APIConnectionError)) as caught:
        yield
    error = caught.value if isinstance(caught.value, kind) else caught.value.__cause__
    assert isinstance(error, kind)
    assert words in str(error)
