"""What a fault is, and the few ways in which one can be played."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["reply", "in_stream_before_content", "in_stream_after_content", "connection"]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP reply in place of the good one. `{model}` in it is the asked model."""

    body: Mapping[str, Any] | str
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    gemini_body: Mapping[str, Any] | str | None = None
    """Another body for a Gemini request; `None`: the same."""


@dataclass(frozen=True, slots=True)
class Break:
    """A stream that goes wrong before its first content, or after `chunks` (an option, default 2) pieces of it."""

    at: Literal["before", "after"]
    ending: Literal["clean", "cut", "hang", "trickle"]
    event: Mapping[str, Any] | None = None
    """Sent before the end."""
    bare: bool = False
    """Not even the chunk with the role is sent first."""
    comments: int = 0
    """Comment lines before the end."""


@dataclass(frozen=True, slots=True)
class Drop:
    """A connection that breaks, or says nothing."""

    how: Literal["reset", "close", "hang", "late", "late_content", "body_cut"]


@dataclass(frozen=True, slots=True)
class Twist:
    """The good reply with one thing wrong."""

    what: Literal["finish_error", "bare_finish_error", "choice_unfinished", "json_to_stream"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which a call goes wrong.

    `tags` say which requests it is made for: "plain" and "stream" (how the reply comes), "chat" and "gemini" (the
    surface; Responses, Messages and the rest count as "chat"). `status` is the HTTP status that the client sees, 0 for
    none. `when` names a field that the request's body must have. `source` says where the form is known from.
    """

    name: str
    kind: Kind
    status: int
    play: Answer | Break | Drop | Twist
    description: str
    source: str
    tags: frozenset[str] = frozenset({"plain", "stream", "chat", "gemini"})
    when: str | None = None

    def fits(self, *, surface: str, stream: bool) -> bool:
        """Whether it can be played for such a request."""
        kind = "gemini" if surface == "gemini" else "chat"
        return kind in self.tags and ("stream" if stream else "plain") in self.tags
