"""docs/cli.md: the help in it is the command's own, and what it shows of a terminal is what a terminal shows.

What it shows of a pipe is run with the other pages, by tests/test_readme.py.
"""

import re
import shlex

import pytest

from aisa_integrations.cli.exits import Exit
from tests.cli.help_page import PAGE, locked_typer, with_help
from tests.test_readme import Block, blocks, is_shown, typed_lines

TEXT = PAGE.read_text(encoding="utf-8")
ON_A_TERMINAL = [block for block in blocks(TEXT) if "<!-- on a terminal -->" in block.remark]


@pytest.mark.skipif(not locked_typer(), reason="another typer writes its help in another way")
def test_the_help_on_the_page_is_the_command_s_own():
    assert with_help(TEXT) == TEXT, "run `make docs`"


def test_the_exit_codes_on_the_page_are_the_command_s_own():
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)] == [*Exit]


@pytest.mark.parametrize("block", ON_A_TERMINAL, ids=lambda block: f"line {block.line}")
def test_a_terminal_shows_what_the_page_says(block: Block, terminal, connected):
    # As the page says: this one fails in its pictures.
    connected.script.fail("claude-opus-4-1", "model_gated")
    for typed in typed_lines(block):
        shown = terminal(*shlex.split(typed.line)[1:], columns=90, TERM="dumb")
        for said in re.findall(r"^> (.*)", typed.shown, re.MULTILINE):
            shown.until("> ")
            shown.type(f"{said}\r")
        assert shown.ends() == 0
        assert is_shown(typed.shown, shown.seen.replace("\r", "")), shown.seen


def test_there_is_something_of_a_terminal():
    assert len(ON_A_TERMINAL) >= 4
