"""That the execution of notebooks sees what it is there to see, on small ones made here."""

import sys
from typing import Any

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from aisa_integrations.local import DEFAULT_API_KEY
from tests.notebooks.execution import ROOT, executed, normal, read, settled, write
from tests.notebooks.test_notebooks import check_outputs

BADGE = "<b><small>local, simulated</small></b>"


def notebook(*outputs: Any, source: str = "pass") -> Any:
    cell = nbformat.v4.new_code_cell(source, id="only", outputs=list(outputs), execution_count=1)
    return normal(nbformat.v4.new_notebook(cells=[cell]))


def shown(html: str) -> Any:
    return nbformat.v4.new_output("display_data", data={"text/html": html, "text/plain": "…"})


def printed(text: str, name: str = "stdout") -> Any:
    return nbformat.v4.new_output("stream", name=name, text=text)


def ran(tmp_path, source: str) -> Any:
    write(notebook(source=source), tmp_path / "small.ipynb")
    return executed(tmp_path / "small.ipynb")


def test_a_cell_that_raises_fails(tmp_path):
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        ran(tmp_path, "1 / 0")


def test_a_connection_to_elsewhere_fails_even_where_it_is_swallowed(tmp_path):
    source = "import socket\ntry: socket.create_connection(('192.0.2.1', 80))\nexcept Exception as e: print(type(e))"
    with pytest.raises(AssertionError, match="tried to reach another machine: getaddrinfo"):
        ran(tmp_path, source)


def test_a_kernel_sees_nothing_of_the_machine(tmp_path, monkeypatch, canary_key):
    monkeypatch.setenv("AISA_API_KEY", canary_key)
    monkeypatch.setenv("OPENAI_API_KEY", canary_key)
    source = f"import os, sys; print({canary_key!r} in os.environ.values(), sys.prefix)"
    (cell,) = ran(tmp_path, source).cells
    assert cell.outputs[0].text == f"False {sys.prefix}\n"


@pytest.mark.parametrize(
    "output",
    [
        printed(f"the key is {DEFAULT_API_KEY}\n"),
        printed("sk-live-0123\n"),
        printed(f"{ROOT}/notebooks\n"),
        printed("/home/somebody/answers.jsonl\n"),
        printed("http://127.0.0.1:43127\n"),
        printed("SomeWarning: something is deprecated\n", "stderr"),
        shown('<a href="http://127.0.0.1:43127">here</a>'),
        nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[]),
        nbformat.v4.new_output("display_data", data={"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}),
    ],
)
def test_what_must_not_be_committed_is_found(output):
    check_outputs(notebook(shown(BADGE), printed("fine\n")))
    with pytest.raises(AssertionError):
        check_outputs(notebook(shown(BADGE), output))


def test_a_missing_badge_is_found():
    with pytest.raises(AssertionError):
        check_outputs(notebook(shown("<b>hello</b>")))


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        ("took 0.12 s", "took 3.4 s", True),
        ("gpt-4o;status=200;ms=12", "gpt-4o;status=200;ms=188", True),
        ("12/12 [00:01<00:00,  6.35call/s, $0.001 billed]", "12/12 [00:02<00:00,  5.76call/s, $0.001 billed]", True),
        ("12/12 [00:01<00:00,  6.35call/s, $0.001 billed]", "12/12 [00:01<00:00,  6.35call/s, $0.002 billed]", False),
        ("3 calls", "4 calls", False),
        ("$0.0012", "$0.0013", False),
    ],
)
def test_a_run_that_differs_in_its_times_alone_changes_nothing(before, after, kept):
    (cell,) = settled(notebook(printed(after)), notebook(printed(before))).cells
    assert cell.outputs[0].text == (before if kept else after)


def test_outputs_of_another_source_are_not_kept():
    old = notebook(printed("took 1 s"), source="old()")
    (cell,) = settled(notebook(printed("took 2 s"), source="new()"), old).cells
    assert cell.outputs[0].text == "took 2 s"


def test_what_is_written_is_what_is_read(tmp_path):
    made = notebook(printed("a bar      \n"))
    write(made, tmp_path / "one.ipynb")
    assert read(tmp_path / "one.ipynb").cells[0].outputs[0].text == "a bar\n"
