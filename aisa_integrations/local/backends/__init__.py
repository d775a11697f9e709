"""Who writes the answers of a local gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol, runtime_checkable

Json = dict[str, Any]


class BackendError(Exception):
    """A backend could not answer; its status and body are passed on as they are."""

    def __init__(self, status: int, body: bytes, content_type: str = "application/json") -> None:
        super().__init__(f"the backend answered {status}")
        self.status = status
        self.body = body
        self.content_type = content_type


@runtime_checkable
class Backend(Protocol):
    """Answers chat bodies in OpenAI's form; the gateway puts prices, ids and the asked model on them.

    Every surface (Gemini, Responses, Messages) is translated to chat before it comes here.
    """

    label: str
    """The value of the header `x-aisa-local`: says what the answers are."""
    fingerprint: str
    """The value of `system_fingerprint`."""

    async def start(self) -> None:
        """Get ready, inside the gateway's own event loop."""

    async def stop(self) -> None:
        """Let go of everything that `start` took."""

    async def chat(self, body: Json) -> Json:
        """A chat completion: `choices` and `usage` are what counts."""

    def stream(self, body: Json) -> AsyncIterator[Json]:
        """The same as chunks, with the usage on one of the last where it is known."""
