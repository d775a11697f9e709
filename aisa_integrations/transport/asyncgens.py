"""Reading a body's async generators without the loop knowing of them.

httpx2 and httpcore2 read a body through three async generators inside each other. A loop that ends closes every
generator it knows of at once, and these meet each other closing ("aclose(): asynchronous generator is already
running") wherever a caller left a stream half read. Their reply closes them, in order, so the loop need not know.
"""

from __future__ import annotations

import sys
import types
from collections.abc import AsyncIterator, Generator
from typing import Any, TypeVar

T = TypeVar("T")
D = TypeVar("D")


@types.coroutine
def first_of(items: AsyncIterator[T], default: D) -> Generator[Any, Any, T | D]:
    """Return the first item of async generators, or the default; all inner ones begin in the first step to it."""
    steps = _anext(items, default)
    before = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(firstiter=_ignore, finalizer=_ignore)
    try:
        waited_for = steps.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    finally:
        sys.set_asyncgen_hooks(*before)
    return (yield from _rest(steps, waited_for))  # type: ignore[no-any-return]


def _rest(steps: Any, waited_for: Any) -> Generator[Any, Any, Any]:
    try:
        while True:
            try:
                sent = yield waited_for
            except BaseException as error:
                waited_for = steps.throw(error)
            else:
                waited_for = steps.send(sent)
    except StopIteration as end:
        return end.value


async def _anext(items: AsyncIterator[T], default: D) -> T | D:
    return await anext(items, default)


def _ignore(generator: object) -> None:
    pass
