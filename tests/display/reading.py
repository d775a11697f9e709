"""What a browser would make of our HTML: its elements, attributes and text, with all that must not be in it refused."""

import re
from html.parser import HTMLParser

ELEMENTS = {
    *("div", "b", "bdi", "small", "code", "pre", "span", "details", "summary"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
# None of these fetches, runs, names an id or leads anywhere.
ATTRIBUTES = {"style", "class", "align", "dir", "title", "open"}
HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029\ud800-\udfff]")


class Page(HTMLParser):
    """The page that holds this markup; raises for anything that is not allowed in one."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.pieces: list[str] = []
        assert not HARMFUL.search(markup)
        assert not re.search("&(?!(amp|lt|gt|quot|#x27);)", markup)
        markup.encode()
        self.feed(markup)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert tag in ELEMENTS, tag
        assert {name for name, _ in attrs} <= ATTRIBUTES, attrs
        styles = " ".join(value or "" for name, value in attrs if name == "style")
        assert not re.search(r"url|expression|@import|[<>\\]|position|!important", styles), styles
        self.open.append(tag)
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_startendtag(self, tag, attrs):
        raise AssertionError(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.pieces.append(data)

    def handle_comment(self, data):
        raise AssertionError(data)

    handle_decl = handle_pi = unknown_decl = handle_comment

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)
