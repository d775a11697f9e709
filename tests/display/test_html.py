"""The pieces that outputs are made of: whatever text is put in stays text."""

from unicodedata import category

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aisa_integrations.display import html
from aisa_integrations.display import text as display_text
from aisa_integrations.display.text import aligned, harmless, in_a_line, plural
from tests.display.reading import Page

# A busy machine is slow, which is no fault of what is tested.
quickly = settings(deadline=None, max_examples=50)
NASTY = st.lists(
    st.sampled_from(
        [
            *(
                "<script>alert(1)</script>",
                "<img src=x onerror=alert(1)>",
                "</pre></details></td></table>",
                "<!--",
                "-->",
            ),
            *(
                "'\" onmouseover='x",
                "&lt;script&gt;",
                "&amp",
                "<![CDATA[",
                "<?php",
                "javascript:alert(1)",
                "$x$ \\(y\\)",
            ),
            *(
                "\u202e",
                "\u2066",
                "\x1b]8;;http://x\x07",
                "\x00",
                "\x9b31m",
                "\ud800",
                "\r",
                "\u2028",
                "مرحبا",
                "\n",
                "<a href=//x>",
            ),
        ]
    )
    | st.text(max_size=20),
    max_size=12,
).map("".join)


def everything(text: str) -> html.Html:
    """Each piece once, with the text wherever a text may stand."""
    return html.panel(
        text,
        html.element("div", text, title=text),
        html.table([text, "n"], [[text, html.strong(text)], [None, html.quiet(text)]], right=frozenset({1})),
        html.side_by_side(
            [
                html.card(
                    text, html.badge(text, "bad"), html.bar(0.4), html.text(text, whole=text, shown=20, unfolded=40)
                )
            ]
        ),
        html.code(text),
        html.data(text),
        summary=text,
    )


@quickly
@given(NASTY)
def test_text_makes_no_element_and_no_attribute(text: str) -> None:
    plain = [(name, sorted(attributes)) for name, attributes in Page(everything("x" * len(text))).elements]
    assert [(name, sorted(attributes)) for name, attributes in Page(everything(text)).elements] == plain


@quickly
@given(NASTY)
def test_a_text_is_read_as_it_was_written(text: str) -> None:
    page = Page(html.text(text, whole="x", shown=1_000_000))
    # A browser drops one line break right after <pre>.
    assert page.text.removeprefix("\n" if harmless(text).startswith("\n") else "") == harmless(text)


@quickly
@given(NASTY)
def test_what_a_terminal_is_given_moves_nothing(text: str) -> None:
    shown = in_a_line(text)
    assert len(shown) <= 60
    assert not any(category(character) in ("Cc", "Cs", "Zl", "Zp") for character in shown)
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    shown.encode()


def test_control_characters_are_made_visible() -> None:
    assert harmless("a\x1b[31mb\x7f\x9b\u202ec\ud800") == "a␛[31mb␡\\x9b\\u202ec\\ud800"
    assert harmless("one\r\ntwo\rthree\tfour\u2028five") == "one\ntwo\nthree\tfour\nfive"
    assert harmless("مرحبا\u200f 👩\u200d💻") == "مرحبا\u200f 👩\u200d💻"


def test_a_long_text_unfolds_up_to_a_bound_and_says_what_is_left_out() -> None:
    page = Page(html.text("é" * 10_000_000, whole='comparison["m"].response'))
    assert page.count("details") == 1
    assert page.text.count("é") == 20_000
    assert "… 18,800 characters more" in page.text
    assert '… 9,980,000 characters more, which are left out here: comparison["m"].response has them all.' in page.text
    assert Page(html.text("x" * 1_300, whole="x")).count("details") == 0


@pytest.mark.parametrize(
    "text", ["<" * 10_000_000, "\u202e" * 10_000_000, "a b\n" * 3_000_000], ids=["<", "bidi", "words"]
)
def test_of_a_huge_text_only_what_is_shown_is_looked_at(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = []

    def watched(written: str) -> str:
        looked_at.append(len(written))
        return harmless(written)

    for module in (html, display_text):
        monkeypatch.setattr(module, "harmless", watched)
    assert len(html.text(text, whole="x")) < 200_000
    assert len(html.data(text)) < 1_500
    assert len(in_a_line(text)) == 60
    assert max(looked_at) < 200_000


def test_markup_that_was_made_here_passes_once() -> None:
    assert html.element("b", "<", html.element("small", "&"), None) == "<b>&lt;<small>&amp;</small></b>"
    assert html.element("b", "<" + html.element("small")) == "<b>&lt;&lt;small&gt;&lt;/small&gt;</b>"


def test_a_table_marks_its_figures_without_styles_too() -> None:
    page = Page(html.table(["model", "cost"], [["a", "$0.0012"]], right=frozenset({1})))
    assert [attributes["align"] for tag, attributes in page.elements if tag in ("th", "td")] == ["left", "right"] * 2


def test_lines_are_aligned() -> None:
    assert aligned([("a", "1", "x"), ("bcd", "200", "")], right=frozenset({1})) == ["a      1  x", "bcd  200"]
    assert (plural(1, "call"), plural(2_000, "call")) == ("1 call", "2,000 calls")
