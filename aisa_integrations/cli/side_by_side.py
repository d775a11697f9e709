"""The answers of a comparison: side by side where the terminal has room for them, else one below the other."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from .screen import Screen, console, harmless

if TYPE_CHECKING:
    from rich.table import Table

NARROWEST: Final = 34  # columns of text that still read well


def side_by_side(screen: Screen, answers: Sequence[tuple[str, str]]) -> None:
    """Show answers, each a title and a text; a pipe gets them in sections of plain text, as they are."""
    if not sys.stdout.isatty():
        screen.piece("\n".join(f"== {title} ==\n\n{text.rstrip()}\n" for title, text in answers))
    elif answers:
        across = columns(console().width, len(answers))
        for first in range(0, len(answers), across):
            screen.table(_row(answers[first : first + across]))


def columns(width: int, answers: int) -> int:
    """Return how many answers fit beside each other, evenly spread over as few rows as they need."""
    fitting = max(1, min(answers, (width + 1) // (NARROWEST + 3)))
    rows = -(-answers // fitting)
    return -(-answers // rows)


def _row(answers: Sequence[tuple[str, str]]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.ROUNDED, expand=True)
    for title, _ in answers:
        table.add_column(Text(harmless(title), style="bold"), ratio=1, overflow="fold")
    table.add_row(*(Text(harmless(text.strip("\n"))) for _, text in answers))
    return table
