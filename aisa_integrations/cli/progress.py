"""How a comparison stands while its answers arrive: a table on stderr, for a person."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..display.money import usd
from .screen import console

if TYPE_CHECKING:
    from rich.table import Table

    from ..comparison import Result


class Progress:
    """A live table with a line for each model; a context manager, at whose end it stays as it is."""

    def __init__(self, models: Sequence[str]) -> None:
        from rich.live import Live

        self._models = models
        self._found: dict[str, Result] = {}
        self._began = time.monotonic()
        self._live = Live(
            console=console(stderr=True), get_renderable=self._table, refresh_per_second=5,
            redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip

    def arrived(self, result: Result) -> None:
        """Show what came of a model."""
        self._found[result.model] = result
        self._live.refresh()

    def __enter__(self) -> Progress:
        self._live.start(refresh=True)
        return self

    def __exit__(self, *exc: object) -> None:
        self._live.stop()

    def _table(self) -> Table:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
        for name in ("model", "", "seconds", "in", "out", "cost"):
            table.add_column(name, justify="right" if name in ("seconds", "in", "out") else "left", overflow="fold")
        table.columns[1].min_width = len("answered")
        for model in self._models:
            result = self._found.get(model)
            state, style = _state(result)
            seconds = time.monotonic() - self._began if result is None else result.latency
            usage = None if result is None or not result.ok else result.usage
            tokens = (usage.prompt_tokens, usage.completion_tokens) if usage is not None else ("", "")
            table.add_row(model, Text(state, style=style), f"{seconds:.1f}", *map(_count, tokens), _cost(result))
        return table


def _state(result: Result | None) -> tuple[str, str]:
    if result is None:
        return "asked …", "dim"
    if result.error is not None:
        cause = result.attempts[-1].cause if result.attempts else result.error.code
        return f"failed: {cause or type(result.error).__name__}", "red"
    return ("answered" if result.served_by in (None, result.model) else f"by {result.served_by}"), "green"


def _count(tokens: int | str | None) -> str:
    return "?" if tokens is None else f"{tokens:,}" if isinstance(tokens, int) else tokens


def _cost(result: Result | None) -> str:
    if result is None or not result.ok:
        return ""
    return (
        "unknown" if result.cost is None else f"{usd(result.cost, exact=True)} {result.usage.cost_kind or ''}".rstrip()
    )
