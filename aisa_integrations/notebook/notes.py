"""What the library logs while a cell is answered, failovers above all: it is shown in the cell's own output."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator


class _Notes(logging.Handler):
    def __init__(self, notes: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._notes = notes

    def emit(self, record: logging.LogRecord) -> None:
        self._notes.append(record.getMessage())


@contextlib.contextmanager
def noted(notes: list[str]) -> Iterator[None]:
    """Take the library's warnings as notes; without a handler Python prints them to stderr, as if the cell had failed.

    Handlers of the user's get them as well.
    """
    logger, handler = logging.getLogger("aisa_integrations"), _Notes(notes)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
