"""How two clients are compared: in turns, by the CPU time of this process, as the median of the turns' ratios.

Absolute times drift twofold on a shared machine, within a second too, and waiting is not work. So only ratios within
one run are told, both sides go by turns in small parts, and `time.process_time` counts what this process did; the
server is another process.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

PARTS: Final = 5


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two that are compared.

    Args:
        name: what it is.
        run: does the work so many times.
    """

    name: str
    run: Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two ways to do the same work.

    Args:
        name: the work.
        baseline: the way that is known.
        ours: ours.
        limit: the ratio that is aimed at.
        unit: what one unit of the work is, such as `call`.
        times: how often the work is done in a turn, in all its parts.
        units: units of work done each time.
    """

    name: str
    baseline: Side
    ours: Side
    limit: float
    unit: str = "call"
    times: int = 100
    units: int = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the results.

    Args:
        name: the work.
        against: what ours is held against.
        value: the ratio, or a difference.
        limit: what is aimed at.
        unit: `x` for a ratio, else the unit of the difference.
        spread: the quartiles of the turns' values.
        detail: figures of this run alone, such as microseconds of each side.
    """

    name: str
    against: str
    value: float
    limit: float
    unit: str
    spread: tuple[float, float]
    detail: dict[str, float]

    @property
    def within(self) -> bool:
        """Say whether the value is what was aimed at."""
        return self.value <= self.limit


def compare(comparison: Comparison, turns: int) -> Row:
    """Run both sides in turns, each in parts: baseline, ours, baseline, ours, …"""
    both = (comparison.baseline, comparison.ours)
    for side in both:
        side.run(max(3, comparison.times // 5))
    seconds: dict[str, list[float]] = {"baseline": [], "ours": []}
    for _ in range(turns):
        for turn in seconds.values():
            turn.append(0.0)
        for _ in range(PARTS):
            for turn, side in zip(seconds.values(), both, strict=True):
                turn[-1] += _cpu_seconds(side, comparison.times // PARTS)
    ratios = [ours / baseline for baseline, ours in zip(seconds["baseline"], seconds["ours"], strict=True)]
    count = comparison.times * comparison.units
    detail = {
        f"{key}_us_per_{comparison.unit}": round(statistics.median(turn) / count * 1e6, 2)
        for key, turn in seconds.items()
    }
    return Row(
        comparison.name,
        comparison.baseline.name,
        round(statistics.median(ratios), 3),
        comparison.limit,
        "x",
        quartiles(ratios),
        detail,
    )


def quartiles(values: list[float]) -> tuple[float, float]:
    """Return the first and the third quartile."""
    first, _, third = statistics.quantiles(values, n=4)
    return round(first, 3), round(third, 3)


def _cpu_seconds(side: Side, times: int) -> float:
    gc.collect()
    began = time.process_time()
    side.run(times)
    return time.process_time() - began
