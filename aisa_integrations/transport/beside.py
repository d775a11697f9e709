"""What stores are asked beside an event loop, in a thread: it goes on to its end, whoever is cancelled meanwhile."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from .effects import Consult


async def consulted(consult: Consult) -> Any:
    """Do what a store is asked for, beside the loop where it may wait for a file."""
    if not consult.blocks:
        return consult.action()
    errand = _Errand(consult)
    under_way = asyncio.get_running_loop().run_in_executor(None, errand.run)
    try:
        # A future that is cancelled before its thread has begun is never begun, and a bill would be lost.
        return await asyncio.shield(under_way)
    except asyncio.CancelledError:
        errand.forsake()
        raise


class _Errand:
    """An action whose answer may find nobody any more: then it is undone."""

    def __init__(self, consult: Consult) -> None:
        self._consult = consult
        self._lock = threading.Lock()
        self._answers: list[Any] = []
        self._forsaken = False

    def run(self) -> Any:
        answer = self._consult.action()
        with self._lock:
            self._answers.append(answer)
            forsaken = self._forsaken
        if forsaken:
            self._undo()
        return answer

    def forsake(self) -> None:
        with self._lock:
            self._forsaken = True
            answered = bool(self._answers)
        if answered:
            self._undo()

    def _undo(self) -> None:
        if self._consult.undo is not None:
            self._consult.undo(self._answers[0])
