"""Going on from a break: the next model of the chain is asked to continue the text that had come. Pure."""

from __future__ import annotations

from typing import Any, Final

from ..transport.readers import StreamReader
from ..transport.request import Call, read_chat
from ..usage import Exchange

SEAM: Final = "aisa_seam"
_GO_ON: Final = (
    "Your answer above was cut off. Go on from exactly where it stops: do not repeat any of it, do not begin anew, "
    "and say nothing about the interruption."
)


class Story:
    """What a stream has told so far, over the calls behind it.

    Attributes:
        call: the call whose stream is read now.
        text: what had come before it.
    """

    __slots__ = ("_seam", "call", "text")

    def __init__(self, call: Call) -> None:
        self.call = call
        self.text = ""
        self._seam: dict[str, Any] | None = None

    def marked(self, event: dict[str, Any]) -> dict[str, Any]:
        """Return an event, with the seam on the first one after a break: `{"aisa_seam": {"from", "to", "after"}}`."""
        if self._seam is None:
            return event
        seam, self._seam = self._seam, None
        return {**event, SEAM: seam}

    def after_break(self, reader: StreamReader, exchange: Exchange) -> Call | None:
        """Return the call that goes on from a break, or None where it is an error.

        Only text is gone on from: half a tool call can't be, nor can one of several choices.
        """
        body, chain = self.call.body, self.call.chain
        served = exchange.served_by
        later = chain[chain.index(served) + 1 :] if served in chain else ()
        text = self.text + reader.partial
        if self.call.policy.on_break != "continue" or body is None or not later or not reader.partial:
            return None
        if reader.calls_tools or body.get("n") not in (None, 1):
            return None
        messages = [*_without_seam(body.get("messages") or [], self.text), *_seam_messages(text)]
        models = [model for model in later if model is not None]
        asked = {**body, "model": models[0], "models": models, "messages": messages}
        self._seam = {"from": served, "to": models[0], "after": len(text)}
        self.text = text
        self.call = read_chat(asked, headers=self.call.headers, timeouts=self.call.timeouts, policy=self.call.policy)
        return self.call


def _seam_messages(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}, {"role": "user", "content": _GO_ON}]


def _without_seam(messages: list[Any], text: str) -> list[Any]:
    """Return the caller's own messages: a second break replaces the seam of the first."""
    return messages[:-2] if text and messages[-2:] == _seam_messages(text) else messages
