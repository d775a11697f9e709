"""Every notebook runs from top to bottom; what is committed is what a run shows, and holds nothing of this machine."""

import getpass
import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from aisa_integrations.local import DEFAULT_API_KEY, LocalGateway
from docs.notebook_picture import PICTURE, drawn
from tests.notebooks.execution import FOLDER, PATHS, ROOT, executed, lasting, normal, read

BADGE = re.compile(r"<b><small[^>]*>local, (simulated|SmolLM2-135M)</small></b>")
OF_A_MACHINE = re.compile(
    rf"sk-|{re.escape(DEFAULT_API_KEY)}|{re.escape(str(ROOT))}|/(home|Users|root|tmp|var|private)/|site-packages"
    rf"|[A-Z]:\\\\|127\.0\.0\.1:\d|localhost:\d|\b{re.escape(getpass.getuser())}@"
)
FAILOVER = r"\S+ failed \(.*\); asking \S+\n"
BAR = r"evaluating: 100%.*\n"

every_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def needs_the_model(path: Path) -> bool:
    return 'connect(local="llama")' in path.read_text(encoding="utf-8").replace('\\"', '"')


def runs() -> list[Any]:
    marks = {True: [pytest.mark.model], False: []}
    return [pytest.param(path, id=path.stem, marks=marks[needs_the_model(path)]) for path in PATHS]


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kinds(cell: Any) -> list[Any]:
    """What a cell shows, without what it says."""
    return sorted(sorted(output.get("data", (output.get("name"),))) for output in cell.outputs)


@pytest.mark.parametrize("path", runs())
def test_it_runs_and_shows_what_is_committed(path):
    ran, committed = executed(path), read(path)
    check_outputs(ran)
    how = kinds if needs_the_model(path) else lasting
    for now, then in zip(code_cells(ran), code_cells(committed), strict=True):
        assert how(now) == how(then), f"cell {now.id!r} of {path.name} shows something else now: make notebooks"


@every_notebook
def test_it_runs_unchanged_on_a_gateway_that_the_environment_names(path):
    """As on the live one: with a key, nothing is started, and no fault is played."""
    with LocalGateway(strict_models=True) as gateway:
        ran = executed(path, AISA_API_KEY=gateway.api_key, AISA_BASE_URL=gateway.url)
        assert gateway.account.calls
        assert f"local, {gateway.url}" in json.dumps(code_cells(ran)[0].outputs)


@every_notebook
def test_what_is_committed_was_run_in_order_and_is_clean(path):
    notebook = read(path)
    check_outputs(notebook)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert path.read_text(encoding="utf-8") == nbformat.writes(normal(read(path))) + "\n", "make notebooks"


def check_outputs(notebook: Any) -> None:
    """The badge before anything is answered; no error, no warning but of a failover, no key, no place on a machine."""
    first, *_ = code_cells(notebook)
    assert BADGE.search(json.dumps(first.outputs).replace('\\"', '"'))
    for cell in code_cells(notebook):
        assert [output for output in cell.outputs if output.output_type == "error"] == []
        warned = "".join(output.text for output in cell.outputs if output.get("name") == "stderr")
        assert re.fullmatch(rf"({FAILOVER}|{BAR})*", warned), warned
        for output in cell.outputs:
            shown = {kind: text for kind, text in output.get("data", {}).items() if not kind.startswith("image/")}
            assert "application/vnd.jupyter.widget-view+json" not in shown
            found = OF_A_MACHINE.search(json.dumps([output.get("text"), shown], ensure_ascii=False))
            assert found is None, f"cell {cell.id!r} shows {found}"


@every_notebook
def test_it_says_first_what_one_learns_and_leads_on(path):
    notebook = read(path)
    assert re.match(r"# .+\n\nHow ", notebook.cells[0].source)
    assert "AISA_API_KEY" in notebook.cells[1].source
    links = re.findall(r"\]\((?!https?:)([^)#]+)", "".join(c.source for c in notebook.cells if c.cell_type != "code"))
    assert all((FOLDER / link).exists() for link in links), links


def test_the_readme_lists_them_all_and_shows_what_one_of_them_does():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"docs/{PICTURE.name}" in readme
    assert PICTURE.read_text(encoding="utf-8") == drawn(), "make picture"
    assert [path.name for path in PATHS if f"notebooks/{path.name}" not in readme] == []
