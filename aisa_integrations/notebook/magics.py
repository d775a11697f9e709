"""`%%aisa`, `%%compare` and `%aisa_spend`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import no_var_expand

from ..cli.wording import in_words
from ..comparison.arriving import arriving
from ..comparison.question import questions
from ..errors import AisaError, ConfigurationError
from ..tracking import Spend
from . import look
from .arguments import AISA, COMPARE, Asked, Parser, read
from .board import Board
from .brief import briefly
from .clients import Clients
from .notes import noted
from .screens import Screen, View, screen_of
from .spending import Spending


class Magics:
    """Answer the cells of one notebook.

    Args:
        shell: IPython's.
        clients: who asks.
        spending: counts what it costs.
    """

    def __init__(self, shell: Any, clients: Clients, spending: Spending) -> None:
        self._shell = shell
        self._clients = clients
        self._spending = spending

    @no_var_expand
    def aisa(self, line: str, cell: str) -> None:
        asked, board = self._read(AISA, line, cell)

        def view() -> tuple[str, str]:
            shown = look.one_answer(board, self._spending.notebook, asked.into, self._clients.place(asked))
            return shown, look.plain(board)

        self._answer(asked, board, view, lambda: board.results[0])
        error = board.results[0].error
        if error is not None:
            raise briefly(error, self._shell)

    @no_var_expand
    def compare(self, line: str, cell: str) -> None:
        asked, board = self._read(COMPARE, line, cell)

        def view() -> tuple[str, str]:
            shown = look.many_answers(board, self._spending.notebook, asked.into, self._clients.place(asked))
            return shown, look.plain(board)

        self._answer(asked, board, view, board.comparison)

    # What `%%aisa?` shows.
    aisa.__doc__, compare.__doc__ = AISA.format_help(), COMPARE.format_help()

    def aisa_spend(self, line: str) -> Spend:
        """Return what this notebook's calls cost since the extension was loaded: `%aisa_spend`.

        `%aisa_spend cell` returns those of this cell alone, or where it has none yet, of the last one that had any.
        Every call of the process counts, whichever client, cell, task or thread makes it, and `with track():` blocks
        count theirs as well. The Spend goes on counting.
        """
        which = line.strip()
        if which not in ("", "cell"):
            raise UsageError(f"%aisa_spend, or %aisa_spend cell; not {which!r}.")
        return self._spending.last_cell() if which else self._spending.notebook

    def _read(self, parser: Parser, line: str, cell: str) -> tuple[Asked, Board]:
        asked = read(parser, line, cell, self._shell.user_ns)
        try:
            them = questions(
                asked.models, asked.prompt, asked.system, asked.fallbacks, asked.options, streams=asked.stream
            )
        except ConfigurationError as error:
            raise UsageError(in_words(error)) from None
        # A comparison asks each model alone; a call by itself has the fallbacks that the client's policy may have.
        return asked, Board([one.with_the_policy() for one in them] if parser is AISA and not asked.fallbacks else them)

    def _answer(self, asked: Asked, board: Board, view: View, value: Callable[[], object]) -> None:
        """Ask, show what comes, and leave the value in its variable, also where it was interrupted.

        Raises:
            KeyboardInterrupt: as it came, with the requests closed and what had come shown.
            AisaError: nothing could be asked.
        """
        screen = screen_of(self._shell, board, view, lambda: look.summary(board, self._spending.notebook))
        try:
            self._ask(asked, board, screen)
        except KeyboardInterrupt as leaving:
            board.interrupt()
            self._shell.user_ns[asked.into] = value()
            screen.ends()
            raise briefly(
                leaving, self._shell, f"the requests were closed; what had come is in {asked.into}."
            ) from None
        except AisaError as error:
            raise briefly(error, self._shell) from None
        self._shell.user_ns[asked.into] = value()
        screen.ends()

    def _ask(self, asked: Asked, board: Board, screen: Screen) -> None:
        with (
            noted(board.notes),
            self._clients.asking(asked) as client,
            contextlib.closing(arriving(client, board.questions, pieces=True, meanwhile=screen.waits)) as arrivals,
        ):
            screen.begins()
            for arrival in arrivals:
                screen.arrives(arrival, board.take(arrival))
