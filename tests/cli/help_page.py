"""The help of `aisa` and of each verb in docs/cli.md, as the command itself tells it: `make docs`."""

import contextlib
import io
import os
import re
from importlib.metadata import version
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "cli.md"
BEGIN, END = "<!-- help: written by `make docs` -->", "<!-- end of help -->"


def told(*arguments: str) -> str:
    """What the help of a verb says, in 80 columns."""
    from aisa_integrations.cli import main

    out = io.StringIO()
    with mock.patch.dict(os.environ, {"COLUMNS": "80", "LINES": "40"}), contextlib.redirect_stdout(out):
        assert main([*arguments, "--help"]) == 0
    return "\n".join(line.rstrip() for line in out.getvalue().strip("\n").splitlines())


def verbs() -> list[str]:
    """The verbs, in the order of the help."""
    listed = told().partition("Commands:\n")[2]
    return re.findall(r"^  (\w[\w-]*)", listed, re.MULTILINE)


def with_help(page: str) -> str:
    """The page with its help renewed."""
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    parts = [f"### `{' '.join(('aisa', *verb))}`\n\n```text\n{told(*verb)}\n```\n" for verb in ((), *zip(verbs()))]
    return "\n".join([f"{before}{BEGIN}\n", *parts, f"{END}{after}"])


def locked_typer() -> bool:
    """Whether the help is written by the typer of the lock: each version has its own way of it."""
    lock = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")
    found = re.search(r"^typer==(\S+)", lock, re.MULTILINE)
    assert found is not None
    return version("typer") == found[1]


if __name__ == "__main__":
    PAGE.write_text(with_help(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
