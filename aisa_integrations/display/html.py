"""Small pieces of HTML for notebooks: safe whatever is put in, right in light and dark, readable where styles are cut.

A plain string is data and is escaped where it is put in; only what this module made (`Html`) passes as it is. There is
no script, no link, no picture, no id and no style sheet: nothing is fetched, two outputs of a page can't meet, and what
strips styles (GitHub) leaves plain tables. Colours are the theme's own; what is tinted is translucent.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from .text import harmless, plural

Tone = Literal["plain", "accent", "good", "bad", "warning"]

# Keeps MathJax from reading two amounts of dollars as a formula.
NO_MATHS: Final = "tex2jax_ignore mathjax_ignore"
_LINE: Final = "1px solid rgba(128,128,128,.35)"
_TINTS: Final[dict[Tone, str]] = {
    "plain": "128,128,128",
    "good": "46,160,67",
    "bad": "248,81,73",
    "accent": "70,130,220",
    "warning": "210,153,34",
}
_PANEL: Final = "font-size:13px;line-height:1.45;max-width:100%;font-variant-numeric:tabular-nums"
_TABLE: Final = "border-collapse:collapse;table-layout:auto;margin:4px 0;font-size:inherit"
# Notebooks have styles of their own for cells and for pre: right-aligned, fixed widths, a background.
_CELL: Final = "padding:3px 10px;vertical-align:top;border:0;overflow-wrap:anywhere;"
_TEXT: Final = (
    # `font:inherit` would be shorter, and is taken out by JupyterLab where a notebook is not trusted yet.
    "margin:0;padding:0;border:0;background:transparent;color:inherit;font-family:inherit;font-size:inherit;"
    "text-align:start;white-space:pre-wrap;word-break:normal;overflow-wrap:anywhere"
)
_CARD: Final = f"flex:1 1 260px;min-width:0;max-width:100%;border:{_LINE};border-radius:6px;padding:6px 10px"


class Html(str):
    """Markup whose every part was escaped."""

    __slots__ = ()


def element(name: str, *content: str | Html | None, **attributes: str | None) -> Html:
    """Return an element; content that is no `Html` is escaped, None is nothing."""
    given = "".join(f' {key.rstrip("_")}="{_escaped(value)}"' for key, value in attributes.items() if value is not None)
    return Html(f"<{name}{given}>{joined(*content)}</{name}>")


def joined(*content: str | Html | None) -> Html:
    """Return pieces one after the other; those that are no `Html` are escaped."""
    return Html(
        "".join(piece if isinstance(piece, Html) else _escaped(piece) for piece in content if piece is not None)
    )


def _escaped(text: str) -> str:
    return html.escape(harmless(text))


def data(text: str, *, limit: int = 200) -> Html:
    """Return a short text that others wrote, an id or an error: bounded, and unable to turn what is around it."""
    shown = text if len(text) <= limit else text[: limit - 1] + "…"
    return element("bdi", shown)


def code(text: str, *, limit: int = 200) -> Html:
    """Return an id or a piece of code."""
    # Notebooks break code wherever it fits, in a cell too that is kept in one line.
    style = "background:transparent;color:inherit;padding:0;white-space:inherit"
    return element("code", data(text, limit=limit), style=style)


def strong(content: str | Html) -> Html:
    """Return content that stands out."""
    return element("b", content)


def quiet(*content: str | Html | None) -> Html:
    """Return content that stands back."""
    return element("small", *content, style="opacity:.75")


def badge(text: str | Html, tone: Tone = "plain") -> Html:
    """Return a word on a tinted ground: `billed`, `failed`, `local, simulated`."""
    tint = _TINTS[tone]
    style = f"background:rgba({tint},.18);border:1px solid rgba({tint},.45);border-radius:8px;padding:0 6px"
    return element("small", text, style=f"{style};white-space:nowrap")


def bar(share: float, tone: Tone = "plain") -> Html:
    """Return a thin bar of a share (0 to 1) of the width it stands in, on a track of the whole."""
    width = min(max(share, 0.0), 1.0) * 100
    filled = element("div", style=f"height:4px;width:{width:.0f}%;min-width:2px;background:rgba({_TINTS[tone]},.75)")
    track = f"background:rgba({_TINTS['plain']},.15);border-radius:2px;overflow:hidden;min-width:72px;margin:2px 0"
    return element("div", filled, style=track)


def table(
    headings: Sequence[str | Html],
    rows: Iterable[Sequence[str | Html | None]],
    *,
    right: frozenset[int] = frozenset(),
    nowrap: frozenset[int] = frozenset(),
) -> Html:
    """Return a table; columns numbered in `right` are figures, which are also kept in one line.

    Whoever calls bounds the rows, and says below what is left out.
    """

    def style(number: int) -> str:
        kept = "white-space:nowrap;" if number in right or number in nowrap else ""
        return f"{_CELL}{kept}text-align:{'right' if number in right else 'left'}"

    def line(name: str, cells: Sequence[str | Html | None], also: str = "") -> Html:
        made = [
            element(name, cell, style=style(number) + also, align="right" if number in right else "left")
            for number, cell in enumerate(cells)
        ]
        return element("tr", *made)

    head = element("thead", line("th", headings, f";font-weight:600;border-bottom:{_LINE}"))
    body = element("tbody", *[line("td", row) for row in rows])
    return element("div", element("table", head, body, style=_TABLE), style="overflow-x:auto")


def text(written: str, *, whole: str, shown: int = 1_200, unfolded: int = 20_000, height: str = "18em") -> Html:
    """Return a long text that others wrote: its beginning, more to unfold, and how much is left out beyond.

    Args:
        written: the text; of a large one only what is shown is looked at.
        whole: the Python expression that gives all of it, such as `comparison["gpt-4o"].response`.
        shown: characters that are shown at once.
        unfolded: characters that are in the page at all.
        height: the height at which the text begins to scroll.
    """
    if len(written) <= shown + shown // 4:  # not worth a click
        return _passage(written, height)
    more = written[shown:unfolded]
    left_out = len(written) - shown - len(more)
    beyond = (
        quiet(f"… {plural(left_out, 'character')} more, which are left out here: ", code(whole), " has them all.")
        if left_out
        else None
    )
    summary = element("summary", quiet(f"… {plural(len(more), 'character')} more"), style="cursor:pointer")
    unfolding = element("details", summary, _passage(more, height), beyond) if more else None
    return joined(_passage(written[:shown], height), unfolding, None if unfolding else beyond)


def _passage(written: str, height: str) -> Html:
    clean = harmless(written)
    # A line break right after <pre> is dropped by browsers, so that one of the text's own would be lost.
    inside = element("pre", Html("\n") if clean.startswith("\n") else None, clean, style=_TEXT, dir="auto")
    return element("div", inside, style=f"max-height:{height};overflow:auto")


def card(title: str | Html, *content: str | Html | None) -> Html:
    """Return a box with a title, one of those that `side_by_side` lays out."""
    heading = element("div", strong(title), style=f"border-bottom:{_LINE};padding-bottom:3px;margin-bottom:5px")
    return element("div", heading, *content, style=_CARD)


def side_by_side(cards: Iterable[Html]) -> Html:
    """Return boxes beside each other, as many as there is room for, the rest below."""
    return element("div", *cards, style="display:flex;flex-wrap:wrap;gap:8px;align-items:stretch;margin:6px 0")


def panel(title: str | Html, *content: str | Html | None, summary: str | Html | None = None) -> Html:
    """Return a whole output: a title, a summary beside it, and what it holds."""
    heading = element("div", strong(title), None if summary is None else joined(" · ", summary))
    return element("div", heading, *content, style=_PANEL, class_=NO_MATHS)
