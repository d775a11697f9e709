"""Every fault on every face that it is made for, plain and streamed."""

from collections.abc import Callable
from typing import Any

import pytest

from aisa_integrations.local import FAULTS, Fault, LocalGateway
from tests.faults.faces import FACES, Face

# Faults in which nothing comes any more: they take as long as the timeout.
SILENT = frozenset(name for name in FAULTS if name.startswith(("hang", "comment_trickle")))


def cases(faces: tuple[Face, ...] = FACES, where: Callable[[Fault, bool], bool] = lambda *_: True) -> list[Any]:
    """Return `(fault, face, stream)` for each request that a fault can be played for, where one is asked for."""
    return [
        pytest.param(fault, face, stream, id=f"{fault.name}-{face}-{'stream' if stream else 'plain'}")
        for fault in FAULTS.values()
        for face in faces
        for stream in (False, True)
        if fault.fits(surface="gemini" if face.surface == "gemini" else "chat", stream=stream) and where(fault, stream)
    ]


def play(gateway: LocalGateway, fault: Fault, model: str = "first-model", **options: Any) -> None:
    """Let a model fail, quickly where the fault is a slow one."""
    slow = {"seconds": 0.02} if fault.name.startswith("slow") else {"every": 0.02}
    gateway.script.fail(model, fault.name, **{**slow, **options})


def settings(fault: Fault, *, least: float = 0.1) -> dict[str, Any]:
    """Return a timeout that a fault which says nothing runs into, and no other."""
    if fault.name not in SILENT:
        return {"timeout": 10}
    return {"timeout": max(least, 0.5 if "after" in fault.name else 0.1)}
