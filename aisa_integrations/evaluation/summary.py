"""An evaluation in figures: each model with how sure they are, and each pair of models row by row. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

from ..display.figures import seconds
from ..display.money import total
from ..display.text import aligned
from ..errors import ConfigurationError
from ..intervals import CONFIDENCE, Interval, bootstrap, proportion
from .record import Answer, column_of
from .tally import Count

if TYPE_CHECKING:
    import pandas

_WIN, _TIE, _LOSS = 1.0, 0.5, 0.0
_SEED: Final = 0
# Columns of a model's figures, which a score of the same name leaves alone.
_OWN_COLUMNS: Final = (
    *("model", "n", "failed", "score_errors", "latency_s", "ttft_s", "input_tokens", "output_tokens"),
    *("billed_usd", "estimated_usd", "calls_of_unknown_cost"),
)


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """What one model did. A figure that nothing is known of is None.

    Args:
        model: the id.
        n: calls that were made and kept.
        failed: those that brought no answer.
        scores: the mean of each score, with its interval, over the answers that have it.
        score_errors: answers whose scoring raised.
        latency: median seconds to the end of an answer.
        ttft: median seconds to its first content.
        input_tokens: of all prompts, as far as known.
        output_tokens: of all answers, likewise.
        billed: USD that the gateway said.
        estimated: USD by the catalogue's price.
        unknown: calls whose cost is not known, or not in full.
    """

    model: str
    n: int
    failed: int
    scores: dict[str, Interval]
    score_errors: int
    latency: Interval | None
    ttft: Interval | None
    input_tokens: int | None
    output_tokens: int | None
    billed: Decimal
    estimated: Decimal
    unknown: int

    def to_dict(self) -> dict[str, Any]:
        """Return it as a flat row of plain values."""
        scores: dict[str, Any] = {}
        for name, interval in self.scores.items():
            scores |= _plain(column_of(name) if name in _OWN_COLUMNS else name, interval)
        return {
            "model": self.model,
            "n": self.n,
            "failed": self.failed,
            **scores,
            "score_errors": self.score_errors,
            **_plain("latency_s", self.latency),
            **_plain("ttft_s", self.ttft),
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "billed_usd": float(self.billed),
            "estimated_usd": float(self.estimated),
            "calls_of_unknown_cost": self.unknown,
        }


@dataclass(frozen=True, slots=True)
class Pair:
    """Two models beside each other, over the rows for which both have a score.

    Args:
        model: the one.
        other: the other.
        wins: rows that `model` scored higher in.
        ties: rows in which both scored the same.
        losses: rows that `other` scored higher in.
        rate: wins, with half of the ties, as a share of the rows; 0.5 within its interval is no clear difference.
    """

    model: str
    other: str
    wins: int
    ties: int
    losses: int
    rate: Interval

    @property
    def is_clear(self) -> bool:
        """Say whether the rows tell which of the two is better."""
        return 0.5 not in self.rate

    def to_dict(self) -> dict[str, Any]:
        """Return it as a flat row of plain values."""
        counts = {"wins": self.wins, "ties": self.ties, "losses": self.losses}
        return {"model": self.model, "other": self.other, **counts, **_plain("rate", self.rate)}


@dataclass(frozen=True, slots=True)
class Summary:
    """An evaluation in figures.

    Args:
        models: each model, in the order in which they were given.
        pairs: each two of them.
        score: the score that the pairs are compared by, or None where there is none.
        confidence: of the intervals.
    """

    models: tuple[ModelSummary, ...]
    pairs: tuple[Pair, ...]
    score: str | None
    confidence: float

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return a row of plain values for each model."""
        return [model.to_dict() for model in self.models]

    def to_pandas(self) -> pandas.DataFrame:
        """Return a data frame with a row for each model.

        Raises:
            ImportError: pandas is not installed.
        """
        from .tables import pandas_module

        return pandas_module().DataFrame(self.to_dicts())

    def __repr__(self) -> str:
        names = list(dict.fromkeys(name for model in self.models for name in model.scores))
        head = ("model", "n", "failed", *names, "latency", "ttft", "in", "out", "cost")
        rows = [head, *(_cells(model, names) for model in self.models)]
        lines = [f"<Summary, intervals of {self.confidence:.0%}>", *aligned(rows)]
        lines += [
            f"{pair.model} against {pair.other}: {pair.wins} won, {pair.ties} tied, {pair.losses} lost, "
            f"rate {pair.rate}{'' if pair.is_clear else ', no clear difference'}"
            for pair in self.pairs
        ]
        return "\n".join(line.rstrip() for line in lines)

    def _repr_html_(self) -> str:
        from .html import summary_html

        return summary_html(self)


@dataclass(slots=True)
class _Gathered:
    """The figures of one model, as they are read."""

    count: Count = field(default_factory=Count)
    scores: dict[str, dict[int, float]] = field(default_factory=dict)
    score_errors: int = 0
    latencies: list[float] = field(default_factory=list)
    ttfts: list[float] = field(default_factory=list)
    input_tokens: int | None = None
    output_tokens: int | None = None

    def add(self, answer: Answer) -> None:
        self.count.add(answer)
        self.score_errors += answer.score_error is not None
        for name, value in answer.scores.items():
            self.scores.setdefault(name, {})[answer.row] = value
        if answer.ok and answer.latency is not None:
            self.latencies.append(answer.latency)
        if answer.ok and answer.ttft is not None:
            self.ttfts.append(answer.ttft)
        self.input_tokens = _sum(self.input_tokens, answer.input_tokens)
        self.output_tokens = _sum(self.output_tokens, answer.output_tokens)


def summarised(answers: Iterable[Answer], models: Sequence[str], score: str | None, confidence: float) -> Summary:
    """Return the figures of answers, which are read once.

    Args:
        answers: of one evaluation.
        models: the ids, in the order in which to list them.
        score: what pairs are compared by; None is the first score.
        confidence: of the intervals, between 0 and 1.

    Raises:
        ConfigurationError: there is no such score.
        ImportError: numpy is not installed.
    """
    gathered = {model: _Gathered() for model in models}
    for answer in answers:
        gathered[answer.model].add(answer)
    names = list(dict.fromkeys(name for found in gathered.values() for name in found.scores))
    if score is not None and score not in names:
        raise ConfigurationError(f"there is no score {score!r}, but {', '.join(names) or 'none at all'}.")
    compared = score if score is not None else next(iter(names), None)
    return Summary(
        models=tuple(_summary(model, found, confidence) for model, found in gathered.items()),
        pairs=tuple(_pairs(gathered, compared, confidence)) if compared is not None else (),
        score=compared,
        confidence=confidence,
    )


def _summary(model: str, found: _Gathered, confidence: float) -> ModelSummary:
    means = {name: _mean(held.values(), confidence) for name, held in found.scores.items()}
    return ModelSummary(
        model=model,
        n=found.count.calls,
        failed=found.count.failed,
        scores={name: mean for name, mean in means.items() if mean is not None},
        score_errors=found.score_errors,
        latency=bootstrap(found.latencies, "median", confidence=confidence, seed=_SEED),
        ttft=bootstrap(found.ttfts, "median", confidence=confidence, seed=_SEED),
        input_tokens=found.input_tokens,
        output_tokens=found.output_tokens,
        billed=found.count.billed,
        estimated=found.count.estimated,
        unknown=found.count.unknown,
    )


def _mean(values: Iterable[float], confidence: float) -> Interval | None:
    """Return a mean with its interval; of passes and failures it is a share, whose interval few rows leave wide."""
    held = list(values)
    if all(value in (0, 1) for value in held):
        return proportion(sum(value == 1 for value in held), len(held), confidence=confidence)
    return bootstrap(held, confidence=confidence, seed=_SEED)


def _pairs(gathered: dict[str, _Gathered], score: str, confidence: float) -> Iterator[Pair]:
    for model, other in combinations(gathered, 2):
        mine, theirs = (gathered[name].scores.get(score, {}) for name in (model, other))
        points = [
            _WIN if mine[row] > theirs[row] else _TIE if mine[row] == theirs[row] else _LOSS
            for row in mine
            if row in theirs
        ]
        rate = _mean(points, confidence)
        if rate is not None:
            wins, ties, losses = (points.count(point) for point in (_WIN, _TIE, _LOSS))
            yield Pair(model, other, wins, ties, losses, rate)


def _sum(so_far: int | None, tokens: int | None) -> int | None:
    return so_far if tokens is None else tokens + (so_far or 0)


def _plain(name: str, interval: Interval | None) -> dict[str, float | None]:
    figures = (interval.estimate, interval.low, interval.high) if interval is not None else (None, None, None)
    return dict(zip((name, f"{name}_low", f"{name}_high"), figures, strict=True))


def _seconds(interval: Interval | None) -> str:
    return seconds(None if interval is None else interval.estimate)


def _cells(model: ModelSummary, names: Sequence[str]) -> tuple[str, ...]:
    def count(tokens: int | None) -> str:
        return "?" if tokens is None else f"{tokens:,}"

    scores = [str(model.scores.get(name, "")) for name in names]
    return (
        *(model.model, f"{model.n:,}", f"{model.failed:,}", *scores, _seconds(model.latency), _seconds(model.ttft)),
        *(count(model.input_tokens), count(model.output_tokens)),
        total(model.billed, model.estimated, model.unknown),
    )


__all__ = ["CONFIDENCE", "ModelSummary", "Pair", "Summary", "summarised"]
