"""What every surface has in common: a request translated to chat, and the answer translated back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from .script import Style
from .sse import Encoding

Json = dict[str, Any]
FrameKind = Literal["head", "content", "finish", "done"]
Frame = tuple[FrameKind, bytes]


class WrongRequest(Exception):
    """A body that this surface can't make sense of: answered with 400 and a code of the docs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class About:
    """What a reply says beside its answer."""

    model: str
    reply_id: str
    created: int
    fingerprint: str
    style: Style
    wants_usage: bool


class Frames(Protocol):
    """Writes one stream down, frame by frame."""

    def head(self) -> Iterable[Frame]:
        """What comes before any content."""

    def delta(self, index: int, delta: Json) -> Iterable[Frame]:
        """A piece of content of choice `index`, in the form of a chat chunk's delta."""

    def end(self, finishes: Mapping[int, str], usage: Json | None) -> Iterable[Frame]:
        """The finish reasons, the usage, the end mark."""


@dataclass(frozen=True, slots=True)
class Surface:
    """One of the ways to ask a model."""

    name: str
    to_chat: Callable[[Json, str], Json]
    whole: Callable[[Json, About, Json | None], Json]
    frames: Callable[[About, Encoding], Frames]


def money(usage: Json) -> Json:
    """What a chat usage says beside its tokens, for surfaces that count tokens by other names."""
    return {key: usage[key] for key in ("cost", "credits_remaining") if key in usage}


def first_message(completion: Json) -> tuple[Json, str]:
    """The first choice's message and finish reason, for surfaces that have but one."""
    choice = completion["choices"][0]
    return choice["message"], choice.get("finish_reason") or "stop"
