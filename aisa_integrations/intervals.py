"""How sure a figure is: percentile bootstrap intervals of a sample, and of the difference of two; seeded, pure.

What is resampled is what was measured, so nothing is assumed of how latencies or costs are distributed. A rate is the
exception: resampling a hundred calls without an error finds none, and would be sure of it; it gets Wilson's interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Final, Literal

from .errors import ConfigurationError

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Sample = NDArray[numpy.float64]

Statistic = Literal["mean", "median", "sum", "p90", "p95", "p99"] | Callable[..., Any]

RESAMPLES: Final = 2_000
CONFIDENCE: Final = 0.95

# Numbers drawn at once; a large sample is resampled in several goes rather than in gigabytes.
_DRAWN_AT_ONCE: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure, and the range that it may as well have had.

    Args:
        estimate: the figure of the sample itself.
        low: the lower bound; None where fewer than two values say nothing of how they spread.
        high: the upper bound, likewise.
        confidence: how often such a range holds the true figure, such as 0.95.
        count: how many values, or pairs, it rests on; of two samples the smaller count.
    """

    estimate: float
    low: float | None
    high: float | None
    confidence: float
    count: int

    def __contains__(self, value: float) -> bool:
        """Say whether the true figure may be this one: `0 in interval` is no clear difference."""
        if self.low is None or self.high is None:
            return True
        return self.low <= value <= self.high

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.estimate:.4g}"
        return f"{self.estimate:.4g} [{self.low:.4g}, {self.high:.4g}]"


def bootstrap(
    values: Iterable[float],
    statistic: Statistic = "mean",
    *,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval | None:
    """Return a statistic of the values with its interval, or None where there are no values.

    Args:
        values: numbers; leave what is unknown out.
        statistic: a name, or a function of an array and `axis=` such as numpy's own.
        confidence: between 0 and 1.
        resamples: how often the sample is drawn anew.
        seed: the same seed draws the same.

    Raises:
        ConfigurationError: a value that is no finite number, or an argument that cannot work.
        ImportError: numpy is not installed.
    """
    sample, of = _sample(values), _statistic(statistic)
    _check(confidence, resamples)
    if not len(sample):
        return None
    return _interval(of(sample), _resampled(sample, of, resamples, seed), confidence, len(sample))


def bootstrap_difference(
    values: Iterable[float],
    baseline: Iterable[float],
    statistic: Statistic = "mean",
    *,
    paired: bool = False,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval | None:
    """Return by how much the values exceed the baseline, with its interval; None where a side has no values.

    Args:
        values: one sample.
        baseline: the other one.
        statistic: as in `bootstrap`; of paired samples it is taken of the differences of the pairs.
        paired: the values belong together one by one, such as two models' scores of the same row.
        confidence: between 0 and 1.
        resamples: how often the samples are drawn anew.
        seed: the same seed draws the same.

    Raises:
        ConfigurationError: a value that is no finite number, pairs that do not match, or an argument that cannot work.
        ImportError: numpy is not installed.
    """
    mine, theirs, of = _sample(values), _sample(baseline), _statistic(statistic)
    _check(confidence, resamples)
    if paired and len(mine) != len(theirs):
        raise ConfigurationError(f"pairs need two samples of one length, not {len(mine)} and {len(theirs)} values.")
    count = min(len(mine), len(theirs))
    if not count:
        return None
    if paired:
        pairs = mine - theirs
        return _interval(of(pairs), _resampled(pairs, of, resamples, seed), confidence, count)
    drawn = _resampled(mine, of, resamples, seed) - _resampled(theirs, of, resamples, seed + 1)
    return _interval(of(mine) - of(theirs), drawn, confidence, count)


def proportion(hits: int, count: int, *, confidence: float = CONFIDENCE) -> Interval | None:
    """Return the share of hits with Wilson's interval, which is right where all or none hit; None of no tries.

    Raises:
        ConfigurationError: more hits than tries, or a confidence that is none.
    """
    _check(confidence, 1)
    if not 0 <= hits <= count:
        raise ConfigurationError(f"{hits} hits of {count} tries can't be.")
    if not count:
        return None
    share, z = hits / count, NormalDist().inv_cdf((1 + confidence) / 2)
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    reach = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    # What is at an end is exactly there; rounding would put the bound a hair beside it.
    low = 0.0 if hits == 0 else middle - reach
    high = 1.0 if hits == count else middle + reach
    return Interval(share, low, high, confidence, count)


def proportion_difference(
    hits: int, count: int, baseline_hits: int, baseline_count: int, *, confidence: float = CONFIDENCE
) -> Interval | None:
    """Return by how much a share exceeds the baseline's, with Newcombe's interval, which is made of Wilson's two.

    Raises:
        ConfigurationError: more hits than tries, or a confidence that is none.
    """
    mine = proportion(hits, count, confidence=confidence)
    theirs = proportion(baseline_hits, baseline_count, confidence=confidence)
    if mine is None or theirs is None:
        return None
    assert mine.low is not None
    assert mine.high is not None
    assert theirs.low is not None
    assert theirs.high is not None
    difference = mine.estimate - theirs.estimate
    below = math.hypot(mine.estimate - mine.low, theirs.high - theirs.estimate)
    above = math.hypot(mine.high - mine.estimate, theirs.estimate - theirs.low)
    return Interval(difference, difference - below, difference + above, confidence, min(count, baseline_count))


# ---- drawing --------------------------------------------------------------------------------------------------------


def _numpy() -> Any:
    try:
        import numpy
    except ImportError as error:
        raise ImportError('bootstrap intervals need numpy: pip install "aisa-integrations[eval]"') from error
    return numpy


def _sample(values: Iterable[float]) -> Sample:
    numpy = _numpy()
    try:
        sample: Sample = numpy.asarray([float(value) for value in values], dtype=float)
    except (TypeError, ValueError):
        raise ConfigurationError("an interval is made of numbers; leave out what is unknown.") from None
    if not numpy.isfinite(sample).all():
        raise ConfigurationError("an interval is made of finite numbers; leave out what is unknown.")
    return sample


def _statistic(statistic: Statistic) -> Callable[..., Any]:
    if callable(statistic):
        return lambda sample: statistic(sample, axis=-1)
    numpy = _numpy()
    if statistic in ("mean", "median", "sum"):
        return lambda sample: getattr(numpy, statistic)(sample, axis=-1)
    if statistic in ("p90", "p95", "p99"):
        return lambda sample: numpy.percentile(sample, int(statistic[1:]), axis=-1)
    raise ConfigurationError(f"statistic is mean, median, sum, p90, p95, p99 or a function, not {statistic!r}.")


def _check(confidence: float, resamples: int) -> None:
    if not 0 < confidence < 1:
        raise ConfigurationError(f"confidence is between 0 and 1, such as 0.95, not {confidence!r}.")
    if resamples < 1:
        raise ConfigurationError(f"resamples is at least 1, not {resamples!r}.")


def _resampled(sample: Sample, of: Callable[..., Any], resamples: int, seed: int) -> Sample:
    numpy = _numpy()
    generator = numpy.random.default_rng(seed)
    goes = max(1, _DRAWN_AT_ONCE // len(sample))
    drawn = [
        of(sample[generator.integers(len(sample), size=(min(goes, resamples - done), len(sample)))])
        for done in range(0, resamples, goes)
    ]
    found: Sample = numpy.concatenate(drawn)
    return found


def _interval(estimate: Any, drawn: Sample, confidence: float, count: int) -> Interval:
    if count < 2:
        return Interval(float(estimate), None, None, confidence, count)
    tail = (1 - confidence) / 2 * 100
    low, high = _numpy().percentile(drawn, [tail, 100 - tail])
    return Interval(float(estimate), float(low), float(high), confidence, count)
