"""What docs/notebooks.md shows is run, its `ipython` blocks as cells of one notebook, and shows what the page says."""

import os
import pathlib
import re

import pytest

from aisa_integrations.local import LocalGateway
from tests.notebook.shells import Notebook, Ran, notebook
from tests.test_readme import blocks, expected_output, is_shown

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "notebooks.md"


def shown(ran: Ran) -> str:
    """What a cell shows where there is no HTML."""
    texts = [ran.published[-1].text] if ran.published else []
    return re.sub(r"^Out\[\d+\]: ", "", "\n".join([ran.printed.strip("\n"), *texts]).strip("\n"))


def run(cell: str, book: Notebook) -> str:
    ran = book.run(cell)
    assert ran.error is None or ran.printed, cell
    return shown(ran)


def test_the_cells_of_the_page_show_what_it_says(gateway: LocalGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AISA_API_KEY", gateway.api_key)
    monkeypatch.setenv("AISA_BASE_URL", gateway.url)
    text = PAGE.read_text(encoding="utf-8")
    cells = [block for block in blocks(text) if block.kind == "ipython"]
    assert len(cells) > 8
    with notebook() as book:
        book.run("%unload_ext aisa_integrations")
        for cell in cells:
            said, expected = run(cell.text, book), expected_output(text, cell)
            assert expected is None or is_shown(expected, said), f"{cell.text}\nshows\n{said}"
            assert expected is not None or "Error" not in said, said
    assert os.environ["AISA_BASE_URL"] == gateway.url


def test_every_option_is_on_the_page() -> None:
    from aisa_integrations.notebook.arguments import AISA

    text = PAGE.read_text(encoding="utf-8")
    options = {action.option_strings[-1] for action in AISA._actions if action.option_strings}
    assert {option for option in options - {"-t", "-s"} if option not in text} == set()
