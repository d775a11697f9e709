"""How far an evaluation is, on stderr or in a notebook: a bar, with what it costs and will have cost."""

from __future__ import annotations

import sys
import warnings
from types import TracebackType
from typing import Any

from ..display.money import total, usd
from .tally import Tally


class Progress:
    """A bar, while it is open as a context; nothing where it is not wanted.

    Args:
        wanted: whether to show it; None is on a terminal and in a notebook, where tqdm is installed.

    Raises:
        ImportError: it is wanted, and tqdm is not installed.
    """

    def __init__(self, wanted: bool | None) -> None:
        self._bar: Any = None
        self._make = _bar_maker(wanted)
        self._kept = 0

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, tally: Tally) -> None:
        """Show how far it is."""
        if self._make is None:
            return
        if self._bar is None:
            self._bar = self._make(total=tally.total, unit="call", desc="evaluating", dynamic_ncols=True)
        found = tally.whole.calls - tally.new.calls
        # What an earlier run did says nothing of how fast this one is.
        self._bar.initial = found
        self._bar.set_postfix_str(in_words(tally), refresh=False)
        self._bar.update(tally.whole.calls - self._kept)
        self._kept = tally.whole.calls


def in_words(tally: Tally) -> str:
    """Return what it has cost, what all of it will have cost, and how many calls failed."""
    whole, forecast = tally.whole, tally.forecast
    parts = [total(whole.billed, whole.estimated, whole.unknown)]
    if forecast and whole.calls != tally.total:
        parts.append(f"about {usd(_rounded(forecast))} in all")
    if whole.failed:
        parts.append(f"{whole.failed:,} failed")
    return ", ".join(parts)


def _rounded(amount: Any) -> Any:
    return amount.quantize(amount.__class__(1).scaleb(amount.adjusted() - 1))  # a forecast is good for two digits


def _bar_maker(wanted: bool | None) -> Any:
    if wanted is False or (wanted is None and not _is_seen()):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # without ipywidgets tqdm says so, and draws a plain bar
            from tqdm.auto import tqdm
    except ImportError as error:
        if wanted is None:
            return None
        raise ImportError('progress=True needs tqdm: pip install "aisa-integrations[eval]"') from error
    return tqdm


def _is_seen() -> bool:
    return (sys.stderr is not None and sys.stderr.isatty()) or _in_notebook()


def _in_notebook() -> bool:
    """Say whether a kernel runs this: a program may have loaded ipykernel for reasons of its own."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and getattr(ipython.get_ipython(), "kernel", None) is not None
