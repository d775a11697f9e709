"""Tables of calls as data frames: the same columns everywhere, gaps where nothing is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pandas

COLUMNS: Final = (
    *("model", "ok", "latency_s", "ttft_s", "input_tokens", "output_tokens", "cost_usd", "cost_kind"),
    *("served_by", "error", "response"),
)
# Whole numbers with gaps, and amounts that are numbers even where none is known.
_KINDS: Final = {
    **dict.fromkeys(("latency_s", "ttft_s", "cost_usd", "saved_usd"), "float64"),
    **dict.fromkeys(("input_tokens", "output_tokens"), "Int64"),
}


def frame(
    rows: Iterable[Mapping[str, Any]], columns: Sequence[str], kinds: Mapping[str, str] | None = None
) -> pandas.DataFrame:
    """Return a data frame of these columns; what is None is missing, never 0.

    Args:
        rows: a mapping of plain values for each row.
        columns: their names, in order.
        kinds: pandas' types of columns that are not among those of every table.

    Raises:
        ImportError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError('to_pandas() needs pandas: pip install "aisa-integrations[notebook]"') from error
    known = {name: kind for name, kind in {**_KINDS, **(kinds or {})}.items() if name in columns}
    return pandas.DataFrame(list(rows), columns=list(columns)).astype(known)
