"""The notebooks as a reader runs them: each in a fresh kernel of this Python, from the first cell to the last.

    make notebooks                    # runs them all and writes their outputs
    make notebooks ARGS="03 05"       # some of them
    make notebooks ARGS=--anew        # also the outputs that differ in nothing but their times

Nothing of the machine gets in: no key, no configuration of IPython or Jupyter, no kernel installed elsewhere, and no
connection but to loopback.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "notebooks"
PATHS = sorted(FOLDER.glob("*.ipynb"))
# Seconds for a cell.
TIMEOUT = 120

_GUARD = "from tests.notebooks.guard import stand\nstand({told!r})\ndel stand\n"

_OF_THE_MACHINE = re.compile(
    r"(AISA|OPENAI|GOOGLE|GEMINI|LANGCHAIN|LANGSMITH|JUPYTER|IPYTHON)|(.*_PROXY|MPLBACKEND)$", re.IGNORECASE
)


def read(path: Path) -> Any:
    """A notebook, as it is committed."""
    return nbformat.read(path, as_version=4)


def executed(path: Path, **environment: str) -> Any:
    """The notebook with the outputs of a run from top to bottom, in its normal form.

    `environment` are variables that the kernel has besides.

    Raises:
        CellExecutionError: a cell raised.
        AssertionError: something tried to reach another machine.
    """
    notebook = read(path)
    # Short: a socket's path may have no more than about 100 characters.
    with tempfile.TemporaryDirectory(prefix="aisa-nb-") as folder:
        home = Path(folder)
        told = home / "told"
        startup = home / "ipython" / "profile_default" / "startup"
        startup.mkdir(parents=True)
        (startup / "00-guard.py").write_text(_GUARD.format(told=str(told)), encoding="utf-8")
        (home / "here").mkdir()
        kernel = AsyncKernelManager(
            kernel_name="python3",
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),  # the native one alone, which is this Python
            connection_file=str(home / "kernel.json"),
            # Ports are chosen first and bound later, and somebody else may be faster.
            **({"transport": "ipc", "ip": str(home / "socket")} if os.name == "posix" else {}),
        )
        client = NotebookClient(notebook, km=kernel, timeout=TIMEOUT, record_timing=False, coalesce_streams=True)
        client.execute(cwd=str(home / "here"), env=_environment(home) | environment, cleanup_kc=True)
        attempts = told.read_text(encoding="utf-8")
        assert attempts == "", f"a notebook tried to reach another machine: {attempts}"
    return normal(notebook)


def _environment(home: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not _OF_THE_MACHINE.match(name)}
    return {
        **clean,
        "AISA_HOME": str(home / "aisa"),
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_CONFIG_DIR": str(home / "jupyter"),
        "JUPYTER_DATA_DIR": str(home / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(home / "jupyter"),
        "PYTHONPATH": str(ROOT),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def normal(notebook: Any) -> Any:
    """The notebook without what differs from run to run or from machine to machine."""
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if output.output_type == "stream":  # a progress bar blanks out what it said before
                output.text = re.sub(r" +$", "", output.text, flags=re.MULTILINE)
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k in ("tags",)})
    return notebook


# ---- what differs from run to run -----------------------------------------------------------------------------------

# Durations, and what a progress bar says of its speed.
_TIMES = re.compile(
    r"\d+(\.\d+)?(?=(\s|&nbsp;)?(ms|s)\b)|(?<=ms=)\d+|(?<=latency=|.. ttft=)[\d.e-]+"
    r"|\[\d\d:\d\d<\d\d:\d\d, *[\d.]+(call/s|s/call)"
)


def lasting(cell: Any) -> list[Any]:
    """The outputs of a cell without durations and pictures: what is the same in every run."""
    # stdout and stderr come in either order.
    return sorted((_lasting(output) for output in cell.get("outputs", ())), key=str)


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: "a picture" if key.startswith("image/") else _lasting(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_lasting(inner) for inner in value]
    return _TIMES.sub("…", value) if isinstance(value, str) else value


def settled(new: Any, old: Any) -> Any:
    """The new run, with the old outputs wherever nothing but times and pictures is different."""
    known = {cell.id: cell for cell in old.cells}
    for cell in (cell for cell in new.cells if cell.cell_type == "code"):
        before = known.get(cell.id)
        if before is not None and before.source == cell.source and lasting(cell) == lasting(before):
            cell.outputs = before.outputs
    return new


def write(notebook: Any, path: Path) -> None:
    """Write a notebook as it is to be committed."""
    nbformat.validate(notebook)
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


def main() -> None:
    """Execute notebooks and write their outputs."""
    parser = argparse.ArgumentParser(description="Execute the notebooks and write their outputs.")
    parser.add_argument("names", nargs="*", help="what their names begin with; none is all")
    parser.add_argument("--anew", action="store_true", help="write outputs too that differ in nothing but their times")
    options = parser.parse_args()
    for path in PATHS:
        if options.names and not path.name.startswith(tuple(options.names)):
            continue
        print(f"· {path.relative_to(ROOT)}", flush=True)
        new = executed(path)
        write(new if options.anew else settled(new, read(path)), path)


if __name__ == "__main__":
    main()
