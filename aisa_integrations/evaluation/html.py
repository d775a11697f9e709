"""An evaluation and its summary in a notebook: figures with their intervals, and who did better. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from ..display import cells, figures, html, money
from ..display.html import Html
from ..display.text import plural
from ..intervals import Interval

if TYPE_CHECKING:
    from ..errors import AisaError
    from .summary import ModelSummary, Pair, Summary
    from .tally import Count, Tally

_MOST_ROWS: Final = 50


def evaluation_html(tally: Tally, kept: int, stopped: AisaError | None, name: str | None) -> Html:
    """Return the output of an evaluation.

    Args:
        tally: what its calls come to.
        kept: how many answers there are.
        stopped: the error that ended it early, or None.
        name: of the file that holds the answers, or None.
    """
    whole, models = tally.whole, list(tally.by_model.items())
    calls = plural(kept, "call") if kept == tally.total else f"{tally.told} calls"
    failed = [f"{whole.failed:,} failed"] if whole.failed else []
    largest = max((count.cost for _, count in models), default=None)
    rows = [
        (
            html.code(model),
            f"{count.calls:,}",
            _failed(count.failed),
            cells.with_bar(_cost(count), count.cost, largest),
        )
        for model, count in models[:_MOST_ROWS]
    ]
    return html.panel(
        f"Evaluation of {plural(len(models), 'model')}",
        html.table(("model", "calls", "failed", "cost"), rows, right=frozenset({1, 2, 3})) if rows else None,
        _left_out(len(models), "model", "evaluation.summary().models"),
        _stopped(stopped),
        _line(html.quiet("kept in ", html.code(name))) if name is not None else None,
        summary=" · ".join([calls, *failed, _cost(whole)]),
    )


def summary_html(summary: Summary) -> Html:
    """Return the output of a summary: a row for each model, and below it one for each pair."""
    names = list(dict.fromkeys(name for model in summary.models for name in model.scores))
    headings = ("model", "calls", "failed", *names, "latency, s", "tokens", "cost")
    rows = [_model_row(model, names, summary.models) for model in summary.models[:_MOST_ROWS]]
    pairs = [_pair_row(pair) for pair in summary.pairs[:_MOST_ROWS]]
    return html.panel(
        "Summary",
        html.table(headings, rows, right=frozenset(range(1, len(headings))), nowrap=frozenset({0})) if rows else None,
        _left_out(len(summary.models), "model", "summary.models"),
        *[_not_scored(model) for model in summary.models[:_MOST_ROWS] if model.score_errors],
        html.table(_PAIR_HEADINGS, pairs, right=frozenset({1, 2, 3, 4})) if pairs else None,
        _left_out(len(summary.pairs), "pair", "summary.pairs"),
        summary=f"intervals of {summary.confidence:.0%}",
    )


_PAIR_HEADINGS: Final = ("row by row", "won", "tied", "lost", "share of wins", "")


def _model_row(model: ModelSummary, names: Sequence[str], models: Sequence[ModelSummary]) -> Sequence[str | Html]:
    latency = _with_bar(model.latency, (other.latency for other in models))
    scores = [_with_bar(model.scores.get(name), (other.scores.get(name) for other in models)) for name in names]
    return (
        *(html.code(model.model), f"{model.n:,}", _failed(model.failed), *scores, latency),
        *(f"{figures.tokens(model.input_tokens)} → {figures.tokens(model.output_tokens)}",),
        money.total(model.billed, model.estimated, model.unknown),
    )


def _not_scored(model: ModelSummary) -> Html:
    errors = html.badge(f"{plural(model.score_errors, 'answer')} not scored", "warning")
    return _line(html.joined(errors, " ", html.code(model.model)))


def _pair_row(pair: Pair) -> Sequence[str | Html]:
    which = html.joined(html.code(pair.model), " against ", html.code(pair.other))
    verdict = html.badge("clear", "good") if pair.is_clear else html.badge("no clear difference")
    return (which, f"{pair.wins:,}", f"{pair.ties:,}", f"{pair.losses:,}", cells.interval(pair.rate), verdict)


def _with_bar(interval: Interval | None, others: Iterable[Interval | None]) -> str | Html:
    """Return a figure with its interval, over a bar of its share of the largest; none where one is below zero."""
    if interval is None:
        return ""
    estimates = [other.estimate for other in others if other is not None]
    largest = max(estimates) if min(estimates) >= 0 else None
    return cells.with_bar(cells.interval(interval), interval.estimate, largest)


def _failed(failed: int) -> str | Html:
    return html.badge(f"{failed:,}", "bad") if failed else "0"


def _cost(count: Count) -> str:
    return money.total(count.billed, count.estimated, count.unknown)


def _stopped(stopped: AisaError | None) -> Html | None:
    if stopped is None:
        return None
    error = html.data(f"{type(stopped).__name__}: {stopped}", limit=2_000)
    return _line(html.joined(html.badge("stopped", "warning"), " ", error))


def _left_out(count: int, noun: str, whole: str) -> Html | None:
    more = count - _MOST_ROWS
    return _line(html.quiet(f"… and {plural(more, noun)} more: ", html.code(whole), " has all.")) if more > 0 else None


def _line(content: Html) -> Html:
    return html.element("div", content)
