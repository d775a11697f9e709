"""What the rows of an A/B test say of each model, with how sure that is, and of its difference to the first. Pure."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from ..display.money import total
from ..display.text import aligned, in_a_line, plural
from ..intervals import (
    CONFIDENCE,
    Interval,
    Statistic,
    bootstrap,
    bootstrap_difference,
    proportion,
    proportion_difference,
)
from .log import read_rows
from .row import Row

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

Figures = Mapping[str, Interval | None]


@dataclass(frozen=True, slots=True)
class _Measure:
    """A figure of an arm's calls: what is taken of a row (None says nothing), and how it is summed up."""

    label: str
    unit: str
    statistic: Statistic
    of: Callable[[Row], float | None]


def _of_kind(kind: str) -> Callable[[Row], float | None]:
    return lambda row: float(row.cost_usd) if row.cost_usd is not None and row.cost_kind == kind else None


_MEASURES: Final[Mapping[str, _Measure]] = {
    "latency_s": _Measure("latency, median", "s", "median", lambda row: row.latency_s),
    "latency_p95_s": _Measure("latency, 95th percentile", "s", "p95", lambda row: row.latency_s),
    "ttft_s": _Measure("time to first token, median", "s", "median", lambda row: row.ttft_s),
    "input_tokens": _Measure("input tokens, mean", "", "mean", lambda row: row.input_tokens),
    "output_tokens": _Measure("output tokens, mean", "", "mean", lambda row: row.output_tokens),
    "billed_usd": _Measure("billed, mean", "USD", "mean", _of_kind("billed")),
    "estimated_usd": _Measure("estimated, mean", "USD", "mean", _of_kind("estimated")),
}
FIGURES: Final = ("error_rate", *_MEASURES)


@dataclass(frozen=True, slots=True)
class Arm:
    """What the calls to one model came to.

    Args:
        model: the model that they were dealt to.
        calls: how many there were; `answered`, `failed` and `cancelled` add up to it.
        answered: those with an answer.
        failed: those that ended in an error.
        cancelled: those that their caller left.
        elsewhere: answers that another model gave, as a fallback does, or another spelling of the same.
        cached: answers from a cache.
        billed: USD by the gateway's word, failed attempts that it billed among it.
        estimated: USD by the catalogue's prices.
        unknown: calls that may have cost more than is known.
        figures: `error_rate` of the calls that were not cancelled; of those that were answered the median `latency_s`
            and `latency_p95_s`, the median `ttft_s` of streams, and the means of `input_tokens`, `output_tokens`,
            `billed_usd` and `estimated_usd`. None where no call says.
        differences: by how much each exceeds the first arm's; None for the first arm itself.
    """

    model: str
    calls: int
    answered: int
    failed: int
    cancelled: int
    elsewhere: int
    cached: int
    billed: Decimal
    estimated: Decimal
    unknown: int
    figures: Figures
    differences: Figures | None


class ABSummary(Mapping[str, Arm]):
    """What an A/B test found: an `Arm` by model, the one that the others are held against first.

    The intervals take calls for independent of each other: of few users with many calls each they are too narrow.
    """

    def __init__(
        self,
        rows: Iterable[Row],
        *,
        arms: Sequence[str] | None = None,
        confidence: float = CONFIDENCE,
        seed: int = 0,
    ) -> None:
        """Sum rows up.

        Args:
            rows: the calls.
            arms: the models in order; else as they first come.
            confidence: of the intervals.
            seed: of the resampling.

        Raises:
            ImportError: numpy is not installed.
        """
        self.rows = tuple(rows)
        self.confidence = confidence
        names = dict.fromkeys([*(arms or ()), *(row.arm for row in self.rows)])
        by_arm = {name: [row for row in self.rows if row.arm == name] for name in names}
        first = next(iter(by_arm.values()), [])
        self._arms = {
            name: _arm(name, of_it, None if of_it is first else first, confidence, seed)
            for name, of_it in by_arm.items()
        }

    @classmethod
    def read(
        cls,
        path: str | os.PathLike[str],
        *,
        arms: Sequence[str] | None = None,
        confidence: float = CONFIDENCE,
        seed: int = 0,
    ) -> ABSummary:
        """Return the summary of a log that was written before.

        Args:
            path: of the file.
            arms: the models in order; else as they first come.
            confidence: of the intervals.
            seed: of the resampling.

        Raises:
            ConfigurationError: there is no such file, or it holds something else.
        """
        return cls(read_rows(path), arms=arms, confidence=confidence, seed=seed)

    def __getitem__(self, model: str) -> Arm:
        return self._arms[model]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arms)

    def __len__(self) -> int:
        return len(self._arms)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return a row of plain values for each figure of each model; None is unknown."""
        return [
            {
                "model": arm.model,
                "figure": name,
                **_plain("", arm.figures[name]),
                "count": interval.count if (interval := arm.figures[name]) is not None else 0,
                **_plain("difference", (arm.differences or {}).get(name)),
            }
            for arm in self.values()
            for name in FIGURES
        ]

    def to_pandas(self) -> pandas.DataFrame:
        """Return a data frame of `to_dicts()`; what is unknown is missing.

        Raises:
            ImportError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError('to_pandas() needs pandas: pip install "aisa-integrations[eval]"') from error
        numbers = ("estimate", "low", "high", "difference", "difference_low", "difference_high")
        return pandas.DataFrame(self.to_dicts()).astype(dict.fromkeys(numbers, "float64"))

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw what an answer of each model cost against how long it took, with bootstrap intervals.

        Args:
            ax: where to draw; None is a figure of its own.

        Raises:
            ImportError: matplotlib is not installed.
        """
        from ..display.plots import plot_calls
        from ..display.points import Timed

        ended = (row for row in self.rows if row.outcome != "cancelled")
        timed = (Timed(row.arm, row.outcome == "answered", row.latency_s, row.cost_usd, row.cost_kind) for row in ended)
        return plot_calls(timed, ax=ax)

    def _repr_html_(self) -> str:
        from .html import summary_html

        measured = [(name, measure.label, measure.unit) for name, measure in _MEASURES.items()]
        return summary_html(self, [("error_rate", "error rate", "%"), *measured])

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    def __repr__(self) -> str:
        title = f"A/B test of {plural(len(self), 'model')}: {plural(len(self.rows), 'call')}"
        lines = [f"<{title}; ranges of {self.confidence * 100:g} %>"]
        for arm in self.values():
            lines += [_heading(arm), *(f"  {line}" for line in aligned(_lines(arm)))]
        return "\n".join(lines)


def _arm(name: str, rows: Sequence[Row], first: Sequence[Row] | None, confidence: float, seed: int) -> Arm:
    spends = [row.spend for row in rows]
    outcomes = [row.outcome for row in rows]
    return Arm(
        model=name,
        calls=len(rows),
        answered=outcomes.count("answered"),
        failed=outcomes.count("failed"),
        cancelled=outcomes.count("cancelled"),
        elsewhere=sum(row.served_by not in (None, row.model) for row in rows if row.outcome == "answered"),
        cached=sum(row.cached for row in rows),
        billed=sum((billed for billed, _, _ in spends), Decimal(0)),
        estimated=sum((estimated for _, estimated, _ in spends), Decimal(0)),
        unknown=sum(unknown for _, _, unknown in spends),
        figures=_figures(rows, confidence, seed),
        differences=None if first is None else _differences(rows, first, confidence, seed),
    )


def _figures(rows: Sequence[Row], confidence: float, seed: int) -> Figures:
    return MappingProxyType(
        {"error_rate": proportion(*_failures(rows), confidence=confidence)}
        | {
            name: bootstrap(_values(rows, measure), measure.statistic, confidence=confidence, seed=seed)
            for name, measure in _MEASURES.items()
        }
    )


def _differences(rows: Sequence[Row], first: Sequence[Row], confidence: float, seed: int) -> Figures:
    return MappingProxyType(
        {"error_rate": proportion_difference(*_failures(rows), *_failures(first), confidence=confidence)}
        | {
            name: bootstrap_difference(
                _values(rows, measure), _values(first, measure), measure.statistic, confidence=confidence, seed=seed
            )
            for name, measure in _MEASURES.items()
        }
    )


def _failures(rows: Sequence[Row]) -> tuple[int, int]:
    ended = [row for row in rows if row.outcome != "cancelled"]
    return sum(row.outcome == "failed" for row in ended), len(ended)


def _values(rows: Sequence[Row], measure: _Measure) -> list[float]:
    return [value for row in rows if row.outcome == "answered" and (value := measure.of(row)) is not None]


def _plain(name: str, interval: Interval | None) -> dict[str, float | None]:
    before = f"{name}_" if name else ""
    return {
        name or "estimate": None if interval is None else interval.estimate,
        f"{before}low": None if interval is None else interval.low,
        f"{before}high": None if interval is None else interval.high,
    }


def _heading(arm: Arm) -> str:
    parts = [plural(arm.calls, "call")]
    parts += [f"{count:,} {word}" for count, word in ((arm.failed, "failed"), (arm.cancelled, "cancelled")) if count]
    parts += [f"{arm.elsewhere:,} answered by another id"] if arm.elsewhere else []
    parts += [f"{arm.cached:,} from a cache"] if arm.cached else []
    parts.append(total(arm.billed, arm.estimated, arm.unknown))
    return f"{in_a_line(arm.model)}: {', '.join(parts)}"


def _lines(arm: Arm) -> list[tuple[str, ...]]:
    lines: list[tuple[str, ...]] = [
        ("error rate", _shown(arm.figures["error_rate"], ""), _against(arm, "error_rate", ""))
    ]
    for name, measure in _MEASURES.items():
        if arm.figures[name] is not None:
            lines.append((measure.label, _shown(arm.figures[name], measure.unit), _against(arm, name, measure.unit)))
    return lines


def _shown(interval: Interval | None, unit: str) -> str:
    return "unknown" if interval is None else f"{interval} {unit}".rstrip()


def _against(arm: Arm, name: str, unit: str) -> str:
    difference = (arm.differences or {}).get(name)
    if difference is None:
        return ""
    sign = "+" if difference.estimate > 0 else ""
    return f"{sign}{_shown(difference, unit)} to the first"
