"""Names beside the points of a plot, where they cover neither points nor each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox, Transform

# Where a name may stand, best first: points of print from the mark, and how it is aligned there.
_SIDES: Final = (
    *((8, 0, "left", "center"), (-8, 0, "right", "center"), (0, 8, "center", "bottom"), (0, -8, "center", "top")),
    *((7, 7, "left", "bottom"), (7, -7, "left", "top"), (-7, 7, "right", "bottom"), (-7, -7, "right", "top")),
    *((8, 18, "left", "center"), (8, -18, "left", "center"), (-8, 18, "right", "center"), (-8, -18, "right", "center")),
    *((0, 20, "center", "bottom"), (0, -20, "center", "top"), (8, 30, "left", "center"), (-8, -30, "right", "center")),
)
_LAST_OF_THE_FONT: Final = 0x24F  # matplotlib warns of letters that its own font lacks; Latin ones it has
_HALF: Final = 5.0  # pixels of a mark to each side


class Mark(NamedTuple):
    """Where a point is, in the coordinates of `transform`, and from where to where its bars reach."""

    x: float
    y: float
    transform: Transform
    across: tuple[float, float] | None = None
    along: tuple[float, float] | None = None


def named(text: str) -> str:
    r"""Return a name in letters that every font has; others as `\u4f60`."""
    return "".join(
        letter
        if ord(letter) <= _LAST_OF_THE_FONT or letter == "…"
        else letter.encode("ascii", "backslashreplace").decode()
        for letter in text
    )


def place_labels(axes: Axes, labels: Sequence[tuple[str, Mark]]) -> None:
    """Write a name beside each mark, on the side where there is most room."""
    taken = [box for _, mark in labels for box in _boxes(mark)]
    for text, mark in labels:
        written = axes.annotate(
            text, (mark.x, mark.y), xycoords=mark.transform, xytext=(0, 0), textcoords="offset points",
            fontsize="small", parse_math=False,
        )  # fmt: skip
        rated = [(_covered(_moved(written, side), taken, axes.bbox), number) for number, side in enumerate(_SIDES)]
        taken.append(_moved(written, _SIDES[min(rated)[1]]))


def _moved(written: Annotation, side: tuple[int, int, str, str]) -> Bbox:
    across, up, horizontal, vertical = side
    written.set_position((across, up))
    written.set_horizontalalignment(horizontal)  # type: ignore[arg-type]  # one of its words
    written.set_verticalalignment(vertical)  # type: ignore[arg-type]
    return written.get_window_extent()


def _covered(box: Bbox, taken: Sequence[Bbox], inside: Bbox) -> float:
    """Return how much of a box, in pixels, lies over others or outside of the plot."""
    from matplotlib.transforms import Bbox

    kept = Bbox.intersection(box, inside)
    outside = box.width * box.height - (0 if kept is None else kept.width * kept.height)
    over = [common for other in taken if (common := Bbox.intersection(box, other)) is not None]
    return outside + sum(common.width * common.height for common in over)


def _boxes(mark: Mark) -> list[Bbox]:
    """Return where the mark and its bars are, in pixels."""
    from matplotlib.transforms import Bbox

    def box(low: tuple[float, float], high: tuple[float, float]) -> Bbox:
        (left, bottom), (right, top) = mark.transform.transform((low, high))
        return Bbox.from_extents(left - _HALF, bottom - _HALF, right + _HALF, top + _HALF)

    (left, right), (bottom, top) = mark.across or (mark.x, mark.x), mark.along or (mark.y, mark.y)
    return [box((left, mark.y), (right, mark.y)), box((mark.x, bottom), (mark.x, top))]
