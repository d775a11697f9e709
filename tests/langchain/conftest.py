"""What the tests of the chat model share: models of the test's own gateway, and one set of cases for sync and async."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk

from aisa_integrations import ChatAisa
from aisa_integrations.local import LocalGateway

MODEL = "gpt-4.1-mini"


@pytest.fixture
def make_chat(gateway: LocalGateway) -> Iterator[Callable[..., ChatAisa]]:
    """Chat models of the test's gateway; their connections are closed at the end."""
    made: list[ChatAisa] = []

    def make(**settings: Any) -> ChatAisa:
        made.append(ChatAisa(**{"model": MODEL, "base_url": gateway.url, "api_key": gateway.api_key, **settings}))
        return made[-1]

    yield make
    for chat in made:
        chat.close()


@pytest.fixture
def chat(make_chat: Callable[..., ChatAisa]) -> ChatAisa:
    return make_chat()


@dataclass(frozen=True)
class Way:
    """One of the four ways to ask: whole or streamed, plain or from a loop."""

    streams: bool
    is_async: bool

    def chunks(self, runnable: Any, said: Any, **options: Any) -> list[Any]:
        """What a stream gives, piece by piece."""
        if not self.is_async:
            return list(runnable.stream(said, **options))

        async def collect() -> list[Any]:
            return [chunk async for chunk in runnable.astream(said, **options)]

        return asyncio.run(collect())

    def ask(self, runnable: Any, said: Any, **options: Any) -> Any:
        """The whole answer, put together where it streams."""
        if self.streams:
            whole = None
            for chunk in self.chunks(runnable, said, **options):
                whole = chunk if whole is None or not isinstance(chunk, AIMessageChunk) else whole + chunk
            return whole
        if not self.is_async:
            return runnable.invoke(said, **options)

        async def ask() -> AIMessage:
            answer: AIMessage = await runnable.ainvoke(said, **options)
            return answer

        return asyncio.run(ask())


def named(way: Way) -> str:
    return ("stream" if way.streams else "invoke") + ("-async" if way.is_async else "")


WAYS = [Way(streams, is_async) for streams in (False, True) for is_async in (False, True)]


@pytest.fixture(params=WAYS, ids=named)
def way(request: pytest.FixtureRequest) -> Way:
    chosen: Way = request.param
    return chosen


@pytest.fixture(params=[way for way in WAYS if way.streams], ids=named)
def stream_way(request: pytest.FixtureRequest) -> Way:
    chosen: Way = request.param
    return chosen
