"""The picture of `aisa compare` in a terminal: the command is run on one, and what stands on it at the end is drawn.

    make picture

The answers are those of the real small model on this machine, and one model is gone, so that a failure is seen.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
import tempfile
from pathlib import Path

import pyte
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from aisa_integrations.local import LocalGateway  # noqa: E402 - from this checkout
from tests.cli.terminal import Terminal  # noqa: E402

COLUMNS, ROWS = 100, 40
LINE = (
    'aisa compare --models gpt-4.1-mini,claude-haiku-4-5-20251001,llama-3.1-70b "Why is the sky blue?" --max-tokens 60'
)


def main() -> None:
    """Run the command and write docs/compare.svg."""
    with LocalGateway("llama", strict_models=True) as gateway, tempfile.TemporaryDirectory() as home:
        terminal = Terminal(
            shlex.split(LINE)[1:], columns=COLUMNS, rows=ROWS,
            AISA_BASE_URL=gateway.url, AISA_API_KEY=gateway.api_key, AISA_HOME=home,
        )  # fmt: skip
        terminal.ends()
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere)
        console.print(Text.assemble(("$ ", "bold green"), LINE))
        for line in drawn(terminal.raw):
            console.print(line, no_wrap=True, overflow="crop")
    svg = console.export_svg(title="aisa compare", theme=MONOKAI, unique_id="aisa-compare")
    # rich has browsers fetch a font from a third party; who looks at a picture did not ask for that.
    svg = re.sub(r"@font-face \{.*?\n    \}\n", "", svg, flags=re.DOTALL)
    (ROOT / "docs" / "compare.svg").write_text(svg, encoding="utf-8")


def drawn(raw: str) -> list[Text]:
    """Return what stands on a terminal after all of this was written to it, without the empty lines at its end."""
    screen = pyte.Screen(COLUMNS, ROWS)
    pyte.Stream(screen).feed(raw)
    lines = [_line(screen, row) for row in range(ROWS)]
    while lines and not lines[-1].plain.strip():
        lines.pop()
    return lines


def _line(screen: pyte.Screen, row: int) -> Text:
    text = Text()
    for column in range(COLUMNS):
        cell = screen.buffer[row][column]
        colour = "" if cell.fg == "default" else {"brown": "yellow"}.get(cell.fg, cell.fg)
        text.append(cell.data, style=" ".join(filter(None, ("bold" if cell.bold else "", colour))))
    text.rstrip()
    return text


if __name__ == "__main__":
    main()
