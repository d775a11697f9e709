"""The magics in IPython on a terminal: plain text, as it comes."""

from collections.abc import Iterator

import pytest

from aisa_integrations.local import LocalGateway
from tests.notebook.shells import Notebook, notebook


@pytest.fixture
def book(gateway: LocalGateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    monkeypatch.setenv("AISA_API_KEY", gateway.api_key)
    monkeypatch.setenv("AISA_BASE_URL", gateway.url)
    with notebook(terminal=True) as opened:
        yield opened


@pytest.mark.parametrize("stream", ["--stream", "--no-stream"])
def test_an_answer(stream: str, book: Notebook, gateway: LocalGateway) -> None:
    gateway.script.reply("gpt-4o", "Red \x1b[31m and <b>bold</b>,\r\nof two lines")
    ran = book.run(f"%%aisa gpt-4o {stream}\nHello")
    first, second, receipt, total = ran.printed.splitlines()
    assert (first, second) == ("Red ␛[31m and <b>bold</b>,", "of two lines")
    assert receipt.startswith("· gpt-4o · ")
    assert receipt.endswith(f"${book['_aisa'].cost} billed")
    assert "this notebook: 1 call" in total
    assert ran.published == []


def test_who_was_asked_instead_is_said_before_the_answer(book: Notebook, gateway: LocalGateway) -> None:
    gateway.script.fail("gpt-4o", "server_error")
    ran = book.run("%%aisa gpt-4o --fallback o3\nHello")
    note, answer, receipt, _ = ran.printed.splitlines()
    assert note == "· gpt-4o failed (server_error, status 500); asking o3"
    assert answer == book["_aisa"].response
    assert "served by o3" in receipt


def test_an_error(book: Notebook, gateway: LocalGateway) -> None:
    gateway.script.fail("gpt-4o", "model_gated")
    ran = book.run("%%aisa gpt-4o\nHello")
    assert ran.error is not None
    assert "InsufficientCreditsError" in ran.printed
    assert "Traceback" not in ran.printed


def test_a_comparison(book: Notebook, gateway: LocalGateway) -> None:
    gateway.script.fail("gpt-4.1", "model_gated")
    gateway.script.set_style("o3", chunk_delay=0.05)
    ran = book.run("%%compare o3 gpt-4.1 gpt-4o\nHello")
    assert ran.error is None
    assert ran.published == []
    # In the order in which they came.
    assert ran.printed.index("── gpt-4o\n") < ran.printed.index("── o3\n")
    assert f"── o3\n{book['_compare']['o3'].response}\n· o3 · " in ran.printed
    assert "InsufficientCreditsError: " in ran.printed
    assert "2 answered · 1 failed · " in ran.printed.splitlines()[-1]


def test_spend(book: Notebook) -> None:
    book.run("%%aisa gpt-4o\nHello")
    assert repr(book.run("%aisa_spend").value) in book.run("%aisa_spend").printed
