"""Answers as a data frame: the same columns everywhere, whole numbers with gaps, amounts that are numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from .record import ROW_COLUMNS

if TYPE_CHECKING:
    import pandas

_LAST: Final = "score_error"
_KINDS: Final = {
    **dict.fromkeys(("latency_s", "ttft_s", "cost_usd"), "float64"),
    **dict.fromkeys(("row", "input_tokens", "output_tokens"), "Int64"),
}


def pandas_module() -> Any:
    """Return pandas.

    Raises:
        ImportError: it is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError('a data frame needs pandas: pip install "aisa-integrations[eval]"') from error
    return pandas


def frame_of(rows: Sequence[dict[str, Any]]) -> pandas.DataFrame:
    """Return a data frame of answers; the columns of scores come after those that are always there."""
    scores = list(dict.fromkeys(name for row in rows for name in row if name not in (*ROW_COLUMNS, _LAST)))
    frame = pandas_module().DataFrame(rows, columns=[*ROW_COLUMNS, *scores, _LAST])
    found: pandas.DataFrame = frame.astype({**_KINDS, **dict.fromkeys(scores, "float64")})
    return found
