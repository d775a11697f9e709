"""Reasoning that comes within the text, between `<think>` and `</think>` at its very start: taken apart. Pure."""

from __future__ import annotations

from typing import Final

_OPENING: Final = "<think>"
_CLOSING: Final = "</think>"


class ThoughtSplitter:
    """Take the reasoning at the start of a text apart from the answer, whatever pieces it comes in.

    Attributes:
        idle: whether the rest is all answer, so that pieces need not be fed.
    """

    __slots__ = ("_held", "_thinking", "idle")

    def __init__(self) -> None:
        self.idle = False
        self._held = ""  # what may be part of a tag
        self._thinking = False

    def feed(self, piece: str) -> tuple[str, str]:
        """Return what is reasoning and what is answer so far, of this piece and what was held back."""
        if self.idle:
            return "", piece
        text, self._held = self._held + piece, ""
        if not self._thinking:
            start = text.lstrip()
            if start.startswith(_OPENING):
                self._thinking, text = True, start[len(_OPENING) :]
            elif _OPENING.startswith(start):
                self._held = text
                return "", ""
            else:
                self.idle = True
                return "", text
        thought, closed, answer = text.partition(_CLOSING)
        if closed:
            self.idle = True
            return thought, answer.lstrip("\n")
        kept = _overlap(thought, _CLOSING)
        self._held = thought[len(thought) - kept :]
        return thought[: len(thought) - kept], ""

    def finish(self) -> tuple[str, str]:
        """Return what was held back: the text is at its end."""
        held, self._held = self._held, ""
        return (held, "") if self._thinking and not self.idle else ("", held)


def split_thought(text: str) -> tuple[str, str]:
    """Return the reasoning at the start of a whole text, and the answer."""
    if "<" not in text:
        return "", text
    splitter = ThoughtSplitter()
    (thought, answer), (last_thought, rest) = splitter.feed(text), splitter.finish()
    return thought + last_thought, answer + rest


def _overlap(text: str, tag: str) -> int:
    """Return how many characters at the end of a text may be the start of a tag."""
    return next((size for size in range(min(len(tag) - 1, len(text)), 0, -1) if text.endswith(tag[:size])), 0)
