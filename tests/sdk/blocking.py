"""An async client that is used like a sync one, so that one case is run by both."""

import asyncio
import inspect
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from pydantic import BaseModel


class Blocking:
    """Stand for an object of an async SDK: what it would have us await is awaited, on one loop, at once."""

    def __init__(self, target: Any, runner: asyncio.Runner) -> None:
        self._target = target
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        return self._shown(getattr(self._target, name))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._shown(self._awaited(self._target(*args, **kwargs)))

    def __iter__(self) -> Iterator[Any]:
        items = aiter(self._target)
        while True:
            try:
                yield self._shown(self._run(anext(items)))
            except StopAsyncIteration:
                return

    def __enter__(self) -> Any:
        return self._shown(self._run(self._target.__aenter__()))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Any:
        return self._run(self._target.__aexit__(kind, error, trace))

    def _awaited(self, value: Any) -> Any:
        return self._run(value) if inspect.isawaitable(value) else value

    def _run(self, awaitable: Any) -> Any:
        async def awaited() -> Any:
            return await awaitable

        return self._runner.run(awaited())

    def _shown(self, value: Any) -> Any:
        """The value itself where it is one; what still has something to await inside goes on being stood for."""
        if hasattr(value, "__aiter__") or hasattr(value, "__aenter__") or inspect.isroutine(value):
            return Blocking(value, self._runner)
        of_an_sdk = type(value).__module__.startswith(("openai.", "google.genai.", "aisa_integrations.clients."))
        is_a_value = isinstance(value, (BaseModel, BaseException, type, str, int))
        return Blocking(value, self._runner) if of_an_sdk and not is_a_value else value
