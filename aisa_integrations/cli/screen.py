"""What goes where: the answer alone on stdout, everything else on stderr, styled only for a person's eyes."""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TextIO

from .wording import in_words_here

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


class ReaderLeft(Exception):
    """Tell that whoever read our output has closed its end, as `head` does: no error, and nobody is left to tell."""


@dataclass(frozen=True, slots=True)
class Screen:
    """Write a command's output.

    Args:
        as_json: whether stdout holds one JSON document and nothing else.
    """

    as_json: bool = False

    @property
    def for_a_person(self) -> bool:
        """Say whether notes are read on a terminal: costs and progress are for it alone."""
        return sys.stderr.isatty()

    def piece(self, text: str) -> None:
        """Write a piece of the answer, seen at once."""
        with _a_reader():
            sys.stdout.write(harmless(text) if sys.stdout.isatty() else text)
            sys.stdout.flush()

    def line(self, text: str = "") -> None:
        """Write a line of the answer."""
        self.piece(f"{text}\n")

    def document(self, document: Mapping[str, Any]) -> None:
        """Write the one JSON document."""
        self.line(json.dumps(document, ensure_ascii=False, indent=2, default=_plain))

    def table(self, renderable: RenderableType) -> None:
        """Write a table, or what else rich lays out, as the answer."""
        out = console()
        with _a_reader():
            if sys.stdout.isatty():
                out.print(renderable)
                return
            with out.capture() as captured:
                out.print(renderable)
            # rich fills each line up with blanks, which a pipe would keep.
            sys.stdout.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())
            sys.stdout.flush()

    def note(self, text: str, *, style: str = "dim") -> None:
        """Say something beside the answer."""
        with _a_reader():
            if self.for_a_person:
                from rich.text import Text

                console(stderr=True).print(Text(harmless(text), style=style, overflow="fold"))
            else:
                sys.stderr.write(f"{text}\n")

    def complaint(self, text: str) -> None:
        """Say what went wrong."""
        self.note(f"error: {text}", style="bold red")

    def prompt(self, text: str) -> None:
        """Ask for a line where stdout is no terminal."""
        with _a_reader():
            sys.stderr.write(text)
            sys.stderr.flush()

    @contextlib.contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Show a person that something is waited for; it is wiped away at the end."""
        if self.as_json or not self.for_a_person:
            yield
            return
        from rich.live import Live
        from rich.spinner import Spinner
        from rich.text import Text

        # Not rich's usual spinner, whose characters not every encoding has.
        shown = Spinner("line", Text(harmless(text), style="dim"), style="dim")
        with Live(
            shown, console=console(stderr=True), refresh_per_second=8, transient=True,
            redirect_stdout=False, redirect_stderr=False,
        ):  # fmt: skip
            yield

    def aside(self, text: str) -> None:
        """Show a piece that is no part of the answer, such as reasoning, as it comes; to a person only."""
        if self.for_a_person:
            from rich.text import Text

            with _a_reader():
                console(stderr=True).print(Text(harmless(text), style="dim italic"), end="", soft_wrap=True)


def harmless(text: str) -> str:
    """Return text that a terminal only shows: what a model writes may hold commands to it, and they become visible."""
    return text.translate(_VISIBLE)


# ESC and its like as Unicode pictures them; those from 0x80 on have no picture. A lone CR would write over a line.
_VISIBLE: Final = {
    **{code: 0x2400 + code for code in range(0x20) if code not in (9, 10)},
    13: None,
    0x7F: 0x2421,
    **dict.fromkeys(range(0x80, 0xA0), 0xFFFD),
}


def console(*, stderr: bool = False) -> Console:
    """Return rich's console for one stream: one and the same, so that a note and what is drawn anew know each other.

    It honours NO_COLOR, TERM=dumb and COLUMNS by itself; a pipe gets plain text of any width.
    """
    return _console(sys.stderr if stderr else sys.stdout)


@functools.lru_cache(maxsize=2)
def _console(stream: TextIO) -> Console:
    from rich.console import Console

    width = None if stream.isatty() or "COLUMNS" in os.environ else 200
    return Console(file=stream, highlight=False, markup=False, width=width)


class _Notes(logging.Handler):
    """Show what the library logs, failovers above all, as notes when they happen."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(logging.WARNING)
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        bars = sys.modules.get("tqdm")
        with bars.tqdm.external_write_mode(file=sys.stderr) if bars is not None else contextlib.nullcontext():
            self._screen.note(in_words_here(record.getMessage()), style="yellow")


@contextlib.contextmanager
def failovers_told(screen: Screen) -> Iterator[None]:
    """Show failovers and other warnings of the library as they happen, each once."""
    logger, notes = logging.getLogger("aisa_integrations"), _Notes(screen)
    logger.addHandler(notes)
    try:
        yield
    finally:
        logger.removeHandler(notes)


@contextlib.contextmanager
def _a_reader() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise ReaderLeft from None


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        # JSON has one kind of number; a price's few digits survive in a float to the last one.
        return float(value)
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    return str(value)
