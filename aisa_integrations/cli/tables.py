"""How the command's tables look: plain columns that read well at 80 columns, in a pipe and without colour."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.table import Table

# A line below the head and nothing else.
_RULED: Final = "    \n    \n {0}{0} \n    \n    \n    \n    \n    \n"


def plain_table(*columns: str, gap: int = 2) -> Table:
    """Return a table without a frame, `gap` blanks between columns; `>name` is one that is aligned to the right."""
    from rich import box
    from rich.table import Table

    # Left to rich, a box that an encoding lacks turns into a fence of its own.
    rule = "─" if (sys.stdout.encoding or "").lower().startswith("utf") else "-"
    table = Table(
        box=box.Box(_RULED.format(rule), ascii=rule == "-"),
        padding=(0, gap - 1, 0, 0), show_edge=False, pad_edge=False, header_style="bold",
    )  # fmt: skip
    for number, column in enumerate(columns):
        right = column.startswith(">")
        # An id must be copied whole: it goes on in the next line rather than end in an ellipsis.
        table.add_column(column.removeprefix(">"), justify="right" if right else "left", overflow="fold")
        table.columns[number].no_wrap = right
    return table
