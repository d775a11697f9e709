"""Where a cell's answers are shown: one output that is drawn anew, or the lines of a terminal."""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Callable
from typing import Any, Final, Protocol

from ..comparison.question import Answered, Piece
from ..display.text import harmless
from .board import Answer, Board
from .look import receipt

View = Callable[[], tuple[str, str]]

# Seconds between two drawings at least: an eye follows no more, and a browser draws the whole output each time.
_PACE: Final = 0.1
# Seconds between two drawings where only the time that has passed is new.
_TICK: Final = 1.0
# Bytes a second that go to the browser at most.
_FLOW: Final = 500_000


class Screen(Protocol):
    """Show answers as they come."""

    def begins(self) -> None:
        """Say that the models were asked."""

    def arrives(self, arrival: Answered | Piece, answer: Answer) -> None:
        """Show what has come."""

    def waits(self) -> None:
        """Be told, again and again, that nothing comes."""

    def ends(self) -> None:
        """Show how it ended."""


def screen_of(shell: Any, board: Board, view: View, total: Callable[[], str]) -> Screen:
    """Return where a shell shows answers: IPython in a terminal has no outputs that can be drawn anew."""
    in_a_terminal = any(kind.__module__.startswith("IPython.terminal.") for kind in type(shell).__mro__)
    return TerminalScreen(board, total) if in_a_terminal else OutputScreen(shell, view)


class OutputScreen:
    """Draw one output of the cell again and again, at a bounded rate.

    Args:
        shell: whose cell it is.
        view: returns the output, as HTML and as plain text.
    """

    def __init__(self, shell: Any, view: View) -> None:
        self._publisher = shell.display_pub
        self._view = view
        self._id = uuid.uuid4().hex
        self._drawn = self._behind = False
        self._next = 0.0

    def begins(self) -> None:
        """Say that the models were asked."""
        self._draw()

    def arrives(self, arrival: Answered | Piece, answer: Answer) -> None:
        """Show what has come, if it is time to."""
        self._behind = True
        if time.monotonic() >= self._next:
            self._draw()

    def waits(self) -> None:
        """Show what came since the last drawing, and each second that time passes."""
        now = time.monotonic()
        if now >= (self._next if self._behind else self._next + _TICK):
            self._draw()

    def ends(self) -> None:
        """Show how it ended."""
        self._draw()

    def _draw(self) -> None:
        markup, text = self._view()
        self._publisher.publish(
            {"text/html": str(markup), "text/plain": text}, transient={"display_id": self._id}, update=self._drawn
        )
        self._drawn, self._behind = True, False
        self._next = time.monotonic() + max(_PACE, len(markup) / _FLOW)


class TerminalScreen:
    """Write answers to a terminal, which has no output to draw anew: one as it comes, several each when it is whole.

    Args:
        board: the answers.
        total: returns the line at the end.
    """

    def __init__(self, board: Board, total: Callable[[], str]) -> None:
        self._board = board
        self._total = total
        self._alone = len(board.answers) == 1
        self._begun = False
        self._noted = 0

    def begins(self) -> None:
        """Say that the models were asked: here the prompt shows it."""

    def arrives(self, arrival: Answered | Piece, answer: Answer) -> None:
        """Show what has come."""
        if isinstance(arrival, Piece):
            if self._alone:
                if not self._begun:
                    self._note()
                self._begun = True
                self._write(arrival.text)
        else:
            self._settled(answer)

    def waits(self) -> None:
        """Be told that nothing comes: a terminal shows that by itself."""

    def ends(self) -> None:
        """Show what was interrupted, and the total."""
        for answer in self._board.answers.values():
            if answer.state == "interrupted":
                self._settled(answer)
        self._write(f"{self._total()}\n")

    def _settled(self, answer: Answer) -> None:
        said = answer.text
        if not self._alone:
            self._write(f"── {answer.question.model}\n{said}")
        elif answer.ttft is None:
            self._write(said)  # it came whole
        self._write("\n" if said else "")
        self._note()
        self._write(f"· {receipt(answer)}\n")
        error = answer.answered.result.error if answer.answered is not None else None
        if error is not None and not self._alone:
            self._write(f"{type(error).__name__}: {error}\n")

    def _note(self) -> None:
        while self._noted < len(self._board.notes):
            self._write(f"· {self._board.notes[self._noted]}\n")
            self._noted += 1

    def _write(self, text: str) -> None:
        sys.stdout.write(harmless(text))
        sys.stdout.flush()
