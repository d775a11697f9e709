"""What a comparison found: one `Result` for each model, errors among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..display.frames import COLUMNS, frame
from ..errors import AisaError
from ..tracking import Spend
from ..usage import Attempt, Exchange, Usage
from .table import described, described_result

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True, repr=False)
class Result:
    """What one model made of the question.

    Args:
        model: the id that was asked.
        ok: whether it answered.
        response: the text of the answer; empty where there is none, as with an error or a tool call.
        message: the whole message of the answer, tool calls and reasoning included; None for an error.
        latency: seconds from the call to the end of the reply, or to the error.
        ttft: seconds to the first content of a stream; a plain reply comes whole, and this is when it came. None for
            an error.
        usage: tokens and cost of the answer; all unknown for an error.
        cost: USD of the answer, None where it is not known; `usage.cost_kind` says whether it was billed or estimated.
        finish_reason: why the answer ended, as the model said it.
        served_by: the id that answered: another one than `model` for a route, a fallback, or another spelling.
        attempts: every request on the wire, with what each cost.
        error: what went wrong, or None.
    """

    model: str
    ok: bool
    response: str
    message: dict[str, Any] | None
    latency: float
    ttft: float | None
    usage: Usage
    cost: Decimal | None
    finish_reason: str | None
    served_by: str | None
    attempts: tuple[Attempt, ...]
    error: AisaError | None

    def to_dict(self) -> dict[str, Any]:
        """Return the result as a flat row of plain values under the names of `COLUMNS`; None is unknown."""
        values = (
            *(self.model, self.ok, self.latency, self.ttft),
            *(self.usage.prompt_tokens, self.usage.completion_tokens),
            *(None if self.cost is None else float(self.cost), self.usage.cost_kind, self.served_by),
            *(None if self.error is None else f"{type(self.error).__name__}: {self.error}", self.response),
        )
        return dict(zip(COLUMNS, values, strict=True))

    def _repr_html_(self) -> str:
        from .html import result_html

        return result_html(self)

    def __repr__(self) -> str:
        return described_result(self)


class Comparison(Mapping[str, Result]):
    """The results of a comparison by model, in the order in which the models were given."""

    def __init__(self, results: Iterable[Result], exchanges: Iterable[Exchange]) -> None:
        self._results = {result.model: result for result in results}
        self._exchanges = tuple(exchanges)

    def __getitem__(self, model: str) -> Result:
        return self._results[model]

    def __iter__(self) -> Iterator[str]:
        return iter(self._results)

    def __len__(self) -> int:
        return len(self._results)

    @property
    def answered(self) -> tuple[Result, ...]:
        """Return the results of the models that answered."""
        return tuple(result for result in self.values() if result.ok)

    @property
    def failed(self) -> tuple[Result, ...]:
        """Return the results of the models that did not."""
        return tuple(result for result in self.values() if not result.ok)

    @property
    def spend(self) -> Spend:
        """Return what the calls cost in all, failed ones included: billed, estimated and unknown apart."""
        spend = Spend()
        for exchange in self._exchanges:
            spend.record(exchange)
        return spend

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return a row of plain values for each model; see `Result.to_dict`."""
        return [result.to_dict() for result in self.values()]

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return the same rows by model."""
        return {model: result.to_dict() for model, result in self.items()}

    def to_pandas(self) -> pandas.DataFrame:
        """Return a data frame with a row for each model; what is unknown is missing, never 0.

        Raises:
            ImportError: pandas is not installed.
        """
        return frame(self.to_dicts(), COLUMNS)

    def plot(self, *more: Comparison, ax: Axes | None = None) -> Axes:
        """Draw what each answer cost against how long it took; return the matplotlib axes.

        Args:
            more: further runs of the same question, which give error bars: `runs[0].plot(*runs[1:])`.
            ax: where to draw; None is a figure of its own.

        Raises:
            ImportError: matplotlib is not installed.
        """
        from ..display.plots import plot_calls
        from ..display.points import Timed

        return plot_calls(
            (
                Timed(result.model, result.ok, result.latency, result.cost, result.usage.cost_kind)
                for comparison in (self, *more)
                for result in comparison.values()
            ),
            ax=ax,
        )

    def _repr_html_(self) -> str:
        from .html import comparison_html

        return comparison_html(list(self.values()), self.spend)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    def __repr__(self) -> str:
        return described(list(self.values()), self.spend)
