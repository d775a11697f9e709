"""`Evaluation`: the answers of an evaluation, read from where they are kept; as a table, as files, in figures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from ..display.money import total
from ..display.text import aligned, plural
from ..errors import AisaError, ConfigurationError
from ..intervals import CONFIDENCE
from ..stores.folders import resolve_path
from .journal import Journal
from .record import Answer
from .summary import Summary, summarised
from .tables import frame_of
from .tally import Count, Tally

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes


class Evaluation(Sequence[Answer]):
    """The answers of an evaluation: row by row, and for each row in the order of the models.

    With a file only their names are in memory; each is read when it is looked at.

    Attributes:
        models: the ids, in the order in which they were given.
        path: the file that holds the answers, or None.
        stopped: the error that ended it early, or None.
        total: how many calls there are in all, or None where that is not known.
        provenance: what it was made with.
    """

    def __init__(
        self,
        journal: Journal,
        keys: Sequence[str],
        tally: Tally,
        *,
        stopped: AisaError | None,
        provenance: Mapping[str, Any],
    ) -> None:
        self._journal, self._keys = journal, keys
        self._tally = tally
        self.models = tuple(tally.by_model)
        self.path = journal.path
        self.stopped = stopped
        self.total = tally.total
        self.provenance = dict(provenance)

    # ---- the answers ------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[Answer]:
        return self._journal.read(iter(self._keys))

    @overload
    def __getitem__(self, index: int) -> Answer: ...
    @overload
    def __getitem__(self, index: slice) -> list[Answer]: ...
    def __getitem__(self, index: int | slice) -> Answer | list[Answer]:
        if isinstance(index, slice):
            return list(self._journal.read(iter(self._keys[index])))
        return next(self._journal.read(iter([self._keys[index]])))

    def of(self, model: str) -> list[Answer]:
        """Return the answers of one model, row by row.

        Raises:
            KeyError: it was not asked.
        """
        if model not in self.models:
            raise KeyError(model)
        return [answer for answer in self if answer.model == model]

    @property
    def failed(self) -> list[Answer]:
        """Return the calls that brought no answer."""
        return [answer for answer in self if not answer.ok]

    @property
    def progress(self) -> str:
        """Return how many calls are done, as `12 of 4,000`."""
        return self._tally.told

    @property
    def complete(self) -> bool:
        """Say whether every call was made."""
        return self.stopped is None and len(self) == self.total

    # ---- what it cost -----------------------------------------------------------------------------------------------

    @property
    def cost(self) -> Count:
        """Return what all its calls cost, those of earlier runs too: `.billed`, `.estimated`, `.unknown`."""
        return self._tally.whole

    @property
    def cost_now(self) -> Count:
        """Return what the calls of this very run cost."""
        return self._tally.new

    # ---- in figures, as tables, as files ----------------------------------------------------------------------------

    def summary(self, *, score: str | None = None, confidence: float = CONFIDENCE) -> Summary:
        """Return the figures of each model with their intervals, and each pair of models row by row.

        Args:
            score: what the pairs are compared by, where there are several scores.
            confidence: of the bootstrap intervals, between 0 and 1.

        Raises:
            ConfigurationError: there is no such score.
            ImportError: numpy is not installed.
        """
        return summarised(self, self.models, score, confidence)

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw what an answer of each model cost against how long it took, with bootstrap intervals.

        Args:
            ax: where to draw; None is a figure of its own.

        Raises:
            ImportError: matplotlib is not installed.
        """
        from ..display.plots import plot_calls
        from ..display.points import Timed

        calls = (Timed(one.model, one.ok, one.latency, one.cost, one.cost_kind) for one in self)
        return plot_calls(calls, ax=ax)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return a row of plain values for each answer; see `Answer.to_dict`."""
        return [answer.to_dict() for answer in self]

    def to_pandas(self) -> pandas.DataFrame:
        """Return a data frame with a row for each answer; what is unknown is missing, never 0.

        Raises:
            ImportError: pandas is not installed.
        """
        return frame_of(self.to_dicts())

    def to_jsonl(self, path: str | PathLike[str]) -> None:
        """Write a line for each answer, with the columns of `to_pandas()`."""
        target = _another(path, self.path)
        with target.open("w", encoding="utf-8", errors="backslashreplace") as file:
            for answer in self:
                file.write(f"{json.dumps(answer.to_dict(), ensure_ascii=False)}\n")

    def to_parquet(self, path: str | PathLike[str]) -> None:
        """Write the data frame as a Parquet file.

        Raises:
            ImportError: pandas or pyarrow is not installed.
        """
        self.to_pandas().to_parquet(_another(path, self.path), index=False)

    def __repr__(self) -> str:
        whole = self._tally.whole
        calls = plural(len(self), "call") if self.total == len(self) else f"{self.progress} calls"
        failed = f", {whole.failed:,} failed" if whole.failed else ""
        cost = total(whole.billed, whole.estimated, whole.unknown)
        head = f"<Evaluation of {plural(len(self.models), 'model')}: {calls}{failed}, {cost}>"
        rows: list[tuple[str, ...]] = [
            (model, plural(count.calls, "call"), f"{count.failed:,} failed", _cost(count))
            for model, count in self._tally.by_model.items()
        ]
        lines = [head, *(line.rstrip() for line in aligned(rows))]
        if self.stopped is not None:
            lines.append(f"stopped: {type(self.stopped).__name__}: {self.stopped}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from .html import evaluation_html

        return evaluation_html(self._tally, len(self), self.stopped, self.path.name if self.path else None)


def _cost(count: Count) -> str:
    return total(count.billed, count.estimated, count.unknown)


def _another(path: str | PathLike[str], own: Path | None) -> Path:
    """Return the path of a file to write, which is not the one that the answers are read from."""
    target = resolve_path(path, "path")
    if own is not None and target == own:
        raise ConfigurationError(f"{target.name} is the file that the answers are read from; name another one.")
    return target
