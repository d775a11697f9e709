"""Going on from a break: the next model of the chain is asked to continue the text that had come. Pure."""

from __future__ import annotations

from typing import Any, Final

from ..catalogue import catalogue
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

    def goes_on_with(self, model: str | None) -> None:
        """Note who really goes on: the next model of the chain, or one after it."""
        if self._seam is not None:
            self._seam["to"] = model

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
        before, body, served = self.call, self.call.body, exchange.served_by
        later = _after(served, before.chain)
        text = self.text + reader.partial
        if before.policy.on_break != "continue" or body is None or not later or not reader.partial:
            return None
        if reader.calls_tools or body.get("n") not in (None, 1):
            return None
        messages = [*_without_seam(body.get("messages") or [], self.text), *_seam_messages(text)]
        asked = {**body, "model": later[0], "messages": messages}
        going_on = read_chat(asked, headers=before.headers, timeouts=before.timeouts, policy=before.policy)
        self._seam = {"from": served, "to": later[0], "after": len(text)}
        self.text = text
        # The rest of the chain as it was settled at first, with the caps on it.
        self.call = going_on._replace(chain=later, caps=before.caps, routed=before.routed)
        return self.call


def _after(served: str | None, chain: tuple[str | None, ...]) -> tuple[str | None, ...]:
    """Return who comes after the model that served, which may have answered to another spelling of its id."""
    if served is None:
        return ()
    for names in ((served,), catalogue().spellings(served)):
        for place, model in enumerate(chain):
            if model in names:
                return chain[place + 1 :]
    return ()


def _seam_messages(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}, {"role": "user", "content": _GO_ON}]


def _without_seam(messages: list[Any], text: str) -> list[Any]:
    """Return the caller's own messages: a second break replaces the seam of the first."""
    return messages[:-2] if text and messages[-2:] == _seam_messages(text) else messages
