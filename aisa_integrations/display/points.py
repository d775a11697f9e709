"""Calls, put together by model: how long a call took and what it cost, and how sure that is. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..intervals import Interval


class Timed(NamedTuple):
    """One call, as far as a plot asks: its model, seconds, USD and by whose word; None is unknown."""

    model: str
    ok: bool
    latency: float | None
    cost: Decimal | None
    cost_kind: str | None


@dataclass(frozen=True, slots=True)
class Point:
    """One model on a plot.

    Args:
        model: the id.
        latency: median seconds of its answers; None where it never answered.
        cost: mean USD of the answers whose cost is known; None where none is.
        kind: `billed`, `estimated`, `billed and estimated`, or `unknown`.
        answers: how many there are.
        unknown: answers whose cost is not known.
        failed: calls that brought no answer.
    """

    model: str
    latency: Interval | None
    cost: Interval | None
    kind: str
    answers: int
    unknown: int
    failed: int


def points(calls: Iterable[Timed]) -> list[Point]:
    """Return a point for each model, in the order in which they first come.

    Raises:
        ImportError: numpy is not installed; matplotlib brings it.
    """
    by_model: dict[str, list[Timed]] = {}
    for call in calls:
        by_model.setdefault(call.model, []).append(call)
    return [_point(model, held) for model, held in by_model.items()]


def _point(model: str, calls: list[Timed]) -> Point:
    from ..intervals import bootstrap

    answers = [call for call in calls if call.ok]
    costs = [call.cost for call in answers if call.cost is not None]
    kinds = sorted({call.cost_kind for call in answers if call.cost is not None and call.cost_kind})
    return Point(
        model=model,
        latency=bootstrap([call.latency for call in answers if call.latency is not None], "median"),
        cost=bootstrap(map(float, costs), "mean"),
        kind=" and ".join(kinds) or ("billed" if costs else "unknown"),
        answers=len(answers),
        unknown=len(answers) - len(costs),
        failed=len(calls) - len(answers),
    )
