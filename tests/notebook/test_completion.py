"""What Tab gives in the first line of a cell."""

from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter

from tests.notebook.shells import Notebook, notebook


@pytest.fixture(scope="module")
def book() -> Iterator[Notebook]:
    with notebook() as opened:
        yield opened


def completed(book: Notebook, typed: str) -> list[str]:
    """What a front end makes of the text with each of the completions."""
    completer: Any = book.shell.Completer
    with provisionalcompleter():
        return [typed[: one.start] + one.text + typed[one.end :] for one in completer.completions(typed, len(typed))]


@pytest.mark.parametrize(
    ("typed", "becomes"),
    [
        ("%%aisa gpt-4.1", ["%%aisa gpt-4.1", "%%aisa gpt-4.1-mini"]),
        ("%%aisa aisa/ch", ["%%aisa aisa/cheap", "%%aisa aisa/chinese"]),
        ("%%compare gpt-4o gpt-4.1", ["%%compare gpt-4o gpt-4.1", "%%compare gpt-4o gpt-4.1-mini"]),
        ("%%compare gpt-4.1 gpt-4.1", ["%%compare gpt-4.1 gpt-4.1-mini"]),
        ("%%aisa o3 --fallback aisa/ch", ["%%aisa o3 --fallback aisa/cheap", "%%aisa o3 --fallback aisa/chinese"]),
        ("%%aisa o3 --fallback gpt-4.1,gpt-4.1", ["%%aisa o3 --fallback gpt-4.1,gpt-4.1-mini"]),
        ("%%aisa --fallback=aisa/chi", ["%%aisa --fallback=aisa/chinese"]),
        ("%%aisa o3 --te", ["%%aisa o3 --temperature"]),
        ("%%aisa o3 --no", ["%%aisa o3 --no-stream"]),
        ("%%aisa --no-stream aisa/chi", ["%%aisa --no-stream aisa/chinese"]),
    ],
)
def test_ids_routes_and_options(typed: str, becomes: list[str], book: Notebook) -> None:
    assert completed(book, typed) == becomes


@pytest.mark.parametrize("typed", ["%%aisa o3 --system gpt-4", "%%aisa o3 --max-tokens gpt-4", "%%aisa o3 -t gpt-4"])
def test_no_model_where_something_else_belongs(typed: str, book: Notebook) -> None:
    assert not any(
        "gpt-4" in text.removeprefix(typed) or (text != typed and "gpt-4o" in text) for text in completed(book, typed)
    )


@pytest.mark.parametrize("typed", ["%%aisa o3\ngpt-4", "gpt-4", "%%timeit gpt-4", "x = 'aisa/ch"])
def test_other_lines_are_left_alone(typed: str, book: Notebook) -> None:
    assert not any("gpt-4o" in text or "aisa/cheap" in text for text in completed(book, typed))


def test_nothing_is_completed_once_the_extension_is_unloaded() -> None:
    with notebook() as opened:
        opened.run("%unload_ext aisa_integrations")
        assert "%%aisa aisa/chinese" not in completed(opened, "%%aisa aisa/chi")
