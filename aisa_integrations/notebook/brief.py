"""Errors of a cell shown in a line or two: the frames above it are IPython's and ours, and say nothing to a user."""

from __future__ import annotations

from functools import partial
from typing import Any, Final, TypeVar

from ..cli.wording import in_words
from ..errors import AisaError, MissingKeyError

E = TypeVar("E", bound=BaseException)

_NO_KEY: Final = (
    "No API key: set AISA_API_KEY before the notebook is started, or here, where nobody sees it:\n"
    '    import os, getpass; os.environ["AISA_API_KEY"] = getpass.getpass("AISA_API_KEY: ")\n'
    "Get a key at https://aisa.one. Without one, a gateway on this machine answers:\n"
    "    from aisa_integrations.notebook import connect; connect()"
)


def briefly(error: E, shell: Any, said: str | None = None) -> E:
    """Return the error, which IPython then shows by its name and what it says alone; it fails the cell all the same.

    Args:
        error: what ended the cell.
        shell: which shows it.
        said: in place of its own words.
    """
    name = type(error).__name__
    if said is None:
        said = _words(error) if isinstance(error, AisaError) else str(error)
    if getattr(shell, "colors", "nocolor").lower() != "nocolor":
        name = f"\x1b[31m{name}\x1b[0m"
    # What IPython asks an exception for before it formats a traceback; a partial, so that the error can be pickled.
    error._render_traceback_ = partial(list, (f"{name}: {said}",))  # type: ignore[attr-defined]
    return error


def _words(error: AisaError) -> str:
    return _NO_KEY if isinstance(error, MissingKeyError) else in_words(error)
