"""How a cell's answers look while they come, and afterwards: HTML for a notebook, lines for what shows none. Pure."""

from __future__ import annotations

from typing import Final

from ..comparison.html import comparison_html
from ..comparison.question import Answered
from ..display import figures, html, money
from ..display.answer import answer as answered_with
from ..display.answer import ended_early
from ..display.html import Html, Tone
from ..display.text import harmless, plural
from ..tracking import Spend
from .board import Answer, Board, State

_TONES: Final[dict[State, Tone]] = {
    "asked": "plain",
    "answering": "plain",
    "answered": "good",
    "failed": "bad",
    "interrupted": "warning",
}
_WORDS: Final[dict[State, str]] = {"asked": "asked …", "answering": "answering …"}
# Characters of an answer that are sent again and again while it comes, alone and beside others.
_ALONE: Final = 12_000
_BESIDE: Final = 3_000
# An answer is what the cell is for: it is not folded, and whoever finds it long folds the cell's output.
_SHOWN: Final = 20_000
_MOST: Final = 200_000
_NOTES: Final = 8
_LINE: Final = "margin-top:4px;font-size:13px"


def one_answer(board: Board, notebook: Spend, into: str, place: str | None = None) -> Html:
    """Return the output of `%%aisa`; `place` says whose answers these are, where they are not the live gateway's."""
    (answer,) = board.answers.values()
    return html.panel(
        _title(answer),
        _notes(board),
        _text(answer, _ALONE, f"{into}.response", "none"),
        _line(*_facts(answer), _running(notebook), *_in_place(place)),
    )


def many_answers(board: Board, notebook: Spend, into: str, place: str | None = None) -> Html:
    """Return the output of `%%compare`: boxes while answers come; at the end the comparison's own look.

    One that was interrupted keeps the boxes: a comparison shows an error, and not what had come before it. `place` as
    above.
    """
    if all(answer.state in ("answered", "failed") for answer in board.answers.values()):
        running = _line(_running(notebook), *_in_place(place))
        return html.joined(comparison_html(board.results, board.spend, into), _notes(board), running)
    cards = [
        html.card(
            _title(answer),
            _text(answer, _BESIDE, f"{into}[{model!r}].response", "18em"),
            _failure(answer),
            _line(*_facts(answer)),
        )
        for model, answer in board.answers.items()
    ]
    totals = html.joined(summary(board, notebook), *([" ", html.badge(place)] if place else []))
    return html.panel(plural(len(cards), "model"), html.side_by_side(cards), _notes(board), summary=totals)


def summary(board: Board, notebook: Spend) -> str:
    """Return the running totals of a comparison."""
    states = [answer.state for answer in board.answers.values()]
    counted = [
        f"{states.count(state)} {state}"
        for state in ("answered", "failed", "interrupted")
        if state == "answered" or state in states
    ]
    spend = board.spend
    return " · ".join([*counted, *([_cost(spend)] if spend.calls else []), _running(notebook)])


def plain(board: Board) -> str:
    """Return the same without HTML: a line for each answer, and once all is there what they say."""
    answers = board.answers.values()
    if any(answer.answered is None for answer in answers):
        return "\n".join(f"{answer.question.model}: {_said(answer.state)}" for answer in answers)
    if len(answers) > 1:
        return harmless(repr(board.comparison()))
    return "\n".join(f"{_bounded(answer.text)}\n· {receipt(answer)}".lstrip("\n") for answer in answers)


def _bounded(text: str) -> str:
    """Return text of which no more gets into the notebook's file than of its HTML."""
    beyond = len(text) - _MOST
    return harmless(text[:_MOST]) + (f"\n… {plural(beyond, 'character')} more" if beyond > 0 else "")


def receipt(answer: Answer) -> str:
    """Return one line: the model, how it ended, time, tokens, cost."""
    return " · ".join([answer.question.model, *([] if answer.state == "answered" else [answer.state]), *_facts(answer)])


def _title(answer: Answer) -> Html:
    state = answer.state
    cut = ended_early(answer.answered.result.finish_reason) if answer.answered is not None else None
    return html.joined(
        html.code(answer.question.model), " ", html.badge(_said(state), _TONES[state]), " " if cut else None, cut
    )


def _said(state: State) -> str:
    return _WORDS.get(state, state)


def _text(answer: Answer, tail: int, whole: str, height: str) -> Html | None:
    if answer.answered is None:
        return _growing(answer.last(tail), height)
    if not answer.text and answer.state != "answered":
        return None
    message = answer.answered.result.message
    return answered_with(message, answer.text, whole=whole, shown=_SHOWN, unfolded=_MOST, height=height)


def _failure(answer: Answer) -> Html | None:
    """Return the error of a model that failed beside others; alone it is the cell's own."""
    error = answer.answered.result.error if answer.answered is not None else None
    if error is None or answer.state == "interrupted":
        return None
    return html.element("div", html.strong(type(error).__name__), ": ", html.data(str(error), limit=2_000))


def _growing(written: str, height: str) -> Html:
    """Return a text whose end stays in sight where it scrolls: a box that is filled from below needs no script."""
    style = f"max-height:{height};overflow:auto;display:flex;flex-direction:column-reverse"
    return html.element(
        "div",
        html.element("div", written or " ", style="white-space:pre-wrap;overflow-wrap:anywhere", dir="auto"),
        style=style,
    )


def _facts(answer: Answer) -> list[str]:
    """Return what is known: who served it, after whom, time to first token, time, tokens, cost."""
    if answer.answered is None:
        first = [] if answer.ttft is None else [f"first token after {figures.seconds(answer.ttft)}"]
        return [*first, f"{answer.waited:.0f} s so far"]
    result, facts = answer.answered.result, []
    if result.served_by not in (None, result.model):
        facts.append(f"served by {result.served_by}")
    if answer.question.streams and result.ttft is not None:
        facts.append(f"first token after {figures.seconds(result.ttft)}")
    facts.append(f"{figures.seconds(result.latency)} in all")
    usage = result.usage
    if usage.prompt_tokens is not None and usage.completion_tokens is not None:
        facts.append(f"{usage.prompt_tokens:,} → {usage.completion_tokens:,} tokens")
    return [*facts, _cost_of(answer.answered)]


def _cost_of(answered: Answered) -> str:
    if answered.exchanges[-1].cached:
        return "$0 from the cache"
    if answered.result.ok:
        return money.cost(answered.result.cost, answered.result.usage.cost_kind)
    spend = Spend()
    for exchange in answered.exchanges:
        spend.record(exchange)
    return money.UNKNOWN if spend.unknown and not spend.cost else _cost(spend)


def _cost(spend: Spend) -> str:
    return money.total(spend.billed, spend.estimated, spend.unknown)


def _running(notebook: Spend) -> str:
    return f"this notebook: {plural(notebook.calls, 'call')}, {_cost(notebook)}" if notebook.calls else "no call yet"


def _notes(board: Board) -> Html | None:
    """Return what happened on the way, the last of it where there is much."""
    notes = list(board.notes)
    if not notes:
        return None
    left_out = [f"{plural(len(notes) - _NOTES, 'note')} before"] if len(notes) > _NOTES else []
    lines = [html.element("div", html.quiet(html.data(note, limit=300))) for note in left_out + notes[-_NOTES:]]
    return html.element("div", *lines, class_=html.NO_MATHS)


def _in_place(place: str | None) -> list[str]:
    return [place] if place else []


def _line(*facts: str) -> Html | None:
    if not facts:
        return None
    return html.element("div", html.quiet(" · ".join(facts)), style=_LINE, class_=html.NO_MATHS)
