"""Cost against latency, a point for each model: what is billed, estimated and unknown is told apart."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from .labels import Mark, named, place_labels
from .money import usd
from .points import Point, Timed, points
from .text import in_a_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from ..intervals import Interval

_MARKERS: Final[dict[str, dict[str, Any]]] = {
    "billed": {"marker": "o", "fillstyle": "full"},
    "estimated": {"marker": "o", "fillstyle": "none"},
    "billed and estimated": {"marker": "o", "fillstyle": "left"},
    "unknown": {"marker": "x"},
}
_KINDS: Final = {"unknown": "cost unknown"}
_WIDE: Final = 20  # times the smallest figure from which a scale is logarithmic
_BAND: Final = 0.085  # the part of the height that is for unknown costs: less than from one tick to the next
_MOST_NAMES: Final = 4


def plot_calls(calls: Iterable[Timed], *, ax: Axes | None = None) -> Axes:
    """Draw what calls cost against how long they took, a point for each model; several calls to one give error bars.

    Args:
        calls: of one run or of several.
        ax: where to draw; None is a figure of its own.

    Raises:
        ImportError: matplotlib is not installed.
    """
    axes = _own_axes() if ax is None else ax
    found = points(calls)
    shown = [point for point in found if point.latency is not None]
    unpriced = any(point.cost is None for point in shown)
    _scale(axes, shown, band=unpriced)
    _name_axes(axes, shown)
    marks = [_draw(axes, point, f"C{number}") for number, point in enumerate(shown)]
    if unpriced:
        _draw_band(axes)
    handles = _legend(found)
    if ax is None and handles:  # below, where it covers nothing
        axes.figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize="small", frameon=False)
    if ax is None:
        axes.figure.draw_without_rendering()  # type: ignore[union-attr]  # settles where things are
    place_labels(axes, [(_label(point), mark) for point, mark in zip(shown, marks, strict=True)])
    if ax is not None and handles:
        axes.legend(handles=handles, fontsize="small", framealpha=0.6)
    return axes


def _own_axes() -> Axes:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError('plot() needs matplotlib: pip install "aisa-integrations[notebook]"') from error
    ipython = sys.modules.get("IPython")
    if ipython is not None and ipython.get_ipython() is not None:
        # A notebook shows what pyplot holds when a cell ends, and lets go of it.
        from matplotlib import pyplot

        figure = pyplot.figure(layout="constrained")
    else:
        figure = Figure(layout="constrained")
    axes: Axes = figure.add_subplot()
    return axes


# ---- scales ---------------------------------------------------------------------------------------------------------


def _scale(axes: Axes, shown: Sequence[Point], *, band: bool) -> None:
    low, high, log = _range([point.latency for point in shown if point.latency is not None])
    axes.set_xscale("log" if log else "linear")
    axes.set_xlim(low, high)
    priced = [point.cost for point in shown if point.cost is not None]
    low, high, log = _range(priced)
    axes.set_yscale("log" if log else "linear")
    if band:  # unknown costs have the foot of the plot for themselves
        share = _BAND / (1 - _BAND)
        low = low / (high / low) ** share if log else low - (high - low) * share
    axes.set_ylim(low, high)
    axes.yaxis.set_major_formatter(lambda value, _: usd(Decimal(f"{value:.6g}")) if value >= 0 else "")
    axes.yaxis.set_minor_formatter("")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.6g}")
    if not priced:
        axes.set_yticks([])


def _range(intervals: Sequence[Interval]) -> tuple[float, float, bool]:
    """Return where an axis begins and ends, and whether it is logarithmic."""
    ends = [end for one in intervals for end in (one.low, one.estimate, one.high) if end is not None]
    least, most = min(ends, default=0.0), max(ends, default=0.0)
    if least > 0 and most / least > _WIDE:
        return least / 1.6, most * 1.6, True
    return 0.0, most * 1.15 or 1.0, False


# ---- marks ----------------------------------------------------------------------------------------------------------


def _draw(axes: Axes, point: Point, colour: str) -> Mark:
    """Draw a point with its bars."""
    assert point.latency is not None
    if point.cost is not None:
        place = Mark(point.latency.estimate, point.cost.estimate, axes.transData)
    else:  # its height says nothing of an amount
        place = Mark(point.latency.estimate, _BAND / 2, axes.get_xaxis_transform())
    mark = place._replace(across=_ends(point.latency), along=_ends(point.cost))
    axes.errorbar(
        mark.x, mark.y, xerr=_reach(mark.x, mark.across), yerr=_reach(mark.y, mark.along), transform=mark.transform,
        color=colour, linestyle="none", capsize=3, elinewidth=1, markersize=8, **_MARKERS[point.kind],
    )  # fmt: skip
    return mark


def _ends(interval: Interval | None) -> tuple[float, float] | None:
    return None if interval is None or interval.low is None or interval.high is None else (interval.low, interval.high)


def _reach(value: float, ends: tuple[float, float] | None) -> list[list[float]] | None:
    # A bootstrap interval may lie wholly to one side of its estimate.
    return None if ends is None else [[max(value - ends[0], 0)], [max(ends[1] - value, 0)]]


def _draw_band(axes: Axes) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((0, 0), 1, _BAND, transform=axes.transAxes, color="gray", alpha=0.15, linewidth=0))
    # Where the amounts stand, as it stands for one.
    axes.annotate(
        "unknown", (0, _BAND / 2), xycoords="axes fraction", xytext=(-6, 0), textcoords="offset points",
        ha="right", va="center",
    )  # fmt: skip


# ---- words ----------------------------------------------------------------------------------------------------------


def _name_axes(axes: Axes, shown: Sequence[Point]) -> None:
    repeated = any(point.answers > 1 for point in shown)
    axes.set_xlabel("median latency (s)" if repeated else "latency (s)")
    axes.set_ylabel("mean cost of an answer (USD)" if repeated else "cost (USD)")


def _label(point: Point) -> str:
    notes = []
    if point.unknown and point.cost is not None:
        notes.append(f"cost of {point.unknown} unknown")
    if point.failed:
        notes.append(f"{point.failed} failed")
    return named(in_a_line(point.model, 40) + (f" ({', '.join(notes)})" if notes else ""))


def _legend(found: Sequence[Point]) -> list[Line2D]:
    from matplotlib.lines import Line2D

    kinds = [kind for kind in _MARKERS if any(point.latency is not None and point.kind == kind for point in found)]
    handles = [
        Line2D([], [], color="gray", linestyle="none", label=_KINDS.get(kind, kind), **_MARKERS[kind]) for kind in kinds
    ]
    barred = [one for point in found for one in (point.latency, point.cost) if _ends(one) is not None]
    if barred and barred[0] is not None:
        bars = f"{barred[0].confidence:.0%} bootstrap interval"
        handles.append(Line2D([], [], color="gray", linewidth=1, label=bars))
    silent = [in_a_line(point.model, 40) for point in found if point.latency is None]
    if silent:
        more = f" and {len(silent) - _MOST_NAMES} more" if len(silent) > _MOST_NAMES else ""
        names = named(", ".join(silent[:_MOST_NAMES]) + more).replace("$", r"\$")
        handles.append(Line2D([], [], linestyle="none", label=f"no answer: {names}"))
    return handles
