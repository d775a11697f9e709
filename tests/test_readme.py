"""What README.md and docs/*.md show is run: their Python against a local gateway, their commands against what exists.

A ```python block is run in its page's own namespace, after the blocks above it. `<!-- no-run: why -->` before a block
leaves it out. `<!-- output -->` after it, before a ```text block, says that this is what it prints, to the letter.
In a ```console block the lines that begin with `$ ` and name `aisa` are run by a shell, and the lines below each are
what a terminal shows, stdout and stderr together; `…` stands for what differs from run to run.
"""

import contextlib
import gc
import io
import os
import pathlib
import re
import shlex
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest

from aisa_integrations.local import LocalGateway

ROOT = pathlib.Path(__file__).parents[1]
PAGES = [path for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))) if path.exists()]
FENCE = re.compile(r"^(?P<indent> *)```(?P<kind>\w*)\s*$")
NO_RUN = re.compile(r"<!--\s*no-run:\s*(?P<why>.+?)\s*-->")
OUTPUT = re.compile(r"<!--\s*output\s*-->")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: what kind it is, its text, the line it begins in, the comment before it."""

    kind: str
    text: str
    line: int
    remark: str

    @property
    def why_not(self) -> str | None:
        """Why it is not to be run, or None."""
        found = NO_RUN.search(self.remark)
        return found["why"] if found else None


@dataclass(slots=True)
class Page:
    """A page while its blocks are run, one after the other, in one namespace."""

    name: str
    text: str
    gateway: LocalGateway
    home: pathlib.Path
    module: ModuleType = field(init=False)
    printed: dict[int, str] = field(default_factory=dict)
    failed: int | None = None

    def __post_init__(self) -> None:
        self.module = ModuleType(f"page_{re.sub(r'[^0-9a-zA-Z]', '_', self.name)}")

    def run_to(self, line: int) -> str:
        """Run the blocks that were not run yet, up to the one that begins in `line`; return what that one printed."""
        for block in blocks(self.text):
            if block.kind == "python" and block.why_not is None and block.line <= line:
                self._run_once(block)
        return self.printed[line]

    def _run_once(self, block: Block) -> None:
        if block.line in self.printed:
            return
        if self.failed is not None:
            pytest.skip(f"{self.name}:{self.failed} failed, and this one builds on it")
        # Empty lines before it, so that a traceback names the line of the page.
        code = compile("\n" * block.line + block.text, self.name, "exec", dont_inherit=True)
        out = io.StringIO()
        self.failed = block.line
        try:
            with contextlib.redirect_stdout(out):
                exec(code, self.module.__dict__)  # noqa: S102 - what our own pages say
        finally:
            print(out.getvalue(), end="")
        self.failed = None
        self.printed[block.line] = out.getvalue()


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found: list[Block] = []
    lines = text.splitlines()
    number, remark = 0, ""
    while number < len(lines):
        opened = FENCE.match(lines[number])
        if opened is None:
            remark = lines[number] if lines[number].strip() else remark
            number += 1
            continue
        begins = number + 1
        number = next(at for at in range(begins, len(lines)) if lines[at].strip() == "```")
        body = textwrap.dedent("\n".join(lines[begins:number]))
        found.append(Block(opened["kind"], body, begins, remark))
        number, remark = number + 1, ""
    return found


def expected_output(text: str, block: Block) -> str | None:
    """What the page says that a block prints, or None where it does not say."""
    everything = blocks(text)
    follower = next(iter(everything[everything.index(block) + 1 :]), None)
    if follower is None or follower.kind != "text" or not OUTPUT.search(follower.remark):
        return None
    return follower.text


def cases(kind: str) -> list[Any]:
    return [
        pytest.param(path, block, id=f"{path.relative_to(ROOT)}:{block.line}")
        for path in PAGES
        for block in blocks(path.read_text(encoding="utf-8"))
        if block.kind == kind
    ]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[pathlib.Path, Page]]:
    """Every page with a gateway of its own; they live as long as the module's tests."""
    with contextlib.ExitStack() as stack:
        opened = {
            path: Page(
                str(path.relative_to(ROOT)),
                path.read_text(encoding="utf-8"),
                stack.enter_context(LocalGateway()),
                tmp_path_factory.mktemp("page"),
            )
            for path in PAGES
        }
        yield opened
        for page in opened.values():
            page.module.__dict__.clear()
        # A connection that a page left open is complained of here, and not in some later test.
        gc.collect()


def set_up(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a reader has: a key, and here a gateway on this machine; files go to a folder of the page."""
    monkeypatch.setenv("AISA_API_KEY", page.gateway.api_key)
    monkeypatch.setenv("AISA_BASE_URL", page.gateway.url)
    monkeypatch.setenv("AISA_HOME", str(page.home))
    monkeypatch.chdir(page.home)
    # pickle, dataclasses and pydantic look a class's module up by its name.
    monkeypatch.setitem(sys.modules, page.module.__name__, page.module)


@pytest.mark.parametrize(("path", "block"), cases("python"))
def test_python_runs_and_prints_what_the_page_says(
    path: pathlib.Path, block: Block, pages: dict[pathlib.Path, Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    if block.why_not is not None:
        pytest.skip(f"no-run: {block.why_not}")
    page = pages[path]
    set_up(page, monkeypatch)
    printed = page.run_to(block.line)
    expected = expected_output(page.text, block)
    assert expected is None or printed.rstrip("\n") == expected.rstrip("\n")


# ---- commands -------------------------------------------------------------------------------------------------------


def commands(block: Block) -> list[list[str]]:
    """The commands of a console block; where some lines begin with `$`, the others are output."""
    lines = block.text.replace("\\\n", " ").splitlines()
    typed = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")] or lines
    return [words for line in typed if (words := shlex.split(line, comments=True))]


@pytest.mark.parametrize(("path", "block"), cases("console"))
def test_commands_exist(path: pathlib.Path, block: Block) -> None:
    if block.why_not is not None:
        pytest.skip(f"no-run: {block.why_not}")
    for words in commands(block):
        words = words[words.index("aisa") :] if "aisa" in words else words
        if words[0] == "make":
            check_make(words[1:])
        elif words[:2] == ["pip", "install"]:
            check_extras(words[2:])
        elif words[0] == "aisa":
            check_aisa(words[1:])


@dataclass(frozen=True, slots=True)
class Typed:
    """A line typed into a shell, and what the page says it shows."""

    line: str
    shown: str


def typed_lines(block: Block) -> list[Typed]:
    """The lines of a console block that begin with `$ `, each with the lines below it."""
    found: list[Typed] = []
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command = re.match(r"(?:.*\\\n)*.*", part)
        assert command is not None
        found.append(Typed(command[0], part[command.end() :].strip("\n")))
    return found


def types_aisa(block: Block) -> bool:
    """Say whether a block shows the command at work."""
    return any(re.search(r"(^|\| ?)aisa ", typed.line) for typed in typed_lines(block))


def is_shown(expected: str, printed: str) -> bool:
    """Say whether a command shows what a page says, where `…` is anything within a line."""
    pattern = "\n".join(".*".join(map(re.escape, line.split("…"))) for line in expected.splitlines())
    return re.fullmatch(pattern, "\n".join(line.rstrip() for line in printed.strip("\n").splitlines())) is not None


@pytest.mark.parametrize(("path", "block"), [case for case in cases("console") if types_aisa(case.values[1])])
def test_the_command_aisa_shows_what_the_page_says(
    path: pathlib.Path, block: Block, pages: dict[pathlib.Path, Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    if block.why_not is not None:
        pytest.skip(f"no-run: {block.why_not}")
    page = pages[path]
    set_up(page, monkeypatch)
    folder = page.home / "bin"
    folder.mkdir(exist_ok=True)
    script = folder / "aisa"
    python = f"PYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(sys.executable)}"
    script.write_text(f'#!/bin/sh\n{python} -m aisa_integrations.cli "$@"\n')
    script.chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "COLUMNS": "100"}
    for typed in typed_lines(block):
        run = subprocess.run(
            ["bash", "-c", typed.line], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, env=environment, timeout=60, check=False,
        )  # fmt: skip
        assert is_shown(typed.shown, run.stdout), f"$ {typed.line}\nshows\n{run.stdout}\nand not\n{typed.shown}"


def check_make(words: list[str]) -> None:
    """Every target that is named is in the Makefile."""
    targets = set(re.findall(r"^([\w-]+)(?: [\w -]+)?:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {word for word in words if "=" not in word} <= targets


def check_extras(words: list[str]) -> None:
    """Every extra of ours that is named is declared."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for word in words:
        if found := re.match(r"aisa[-_]integrations(?:\[([\w,]+)\])?", word):
            assert set((found[1] or "").split(",")) - {""} <= set(project["optional-dependencies"])


def check_aisa(words: list[str]) -> None:
    """The verb is there, and its help names every option. It is not run: some verbs stay."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"].get("scripts", {})
    assert "aisa" in scripts, "pyproject.toml declares no command `aisa`"
    module, _, function = scripts["aisa"].partition(":")
    verb = words[:1] if words and not words[0].startswith("-") else []
    program = f"import sys; from {module} import {function}; sys.argv[0] = 'aisa'; sys.exit({function}())"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    asked = [sys.executable, "-c", program, *verb, "--help"]
    told = subprocess.run(asked, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert told.returncode == 0, told.stderr
    named = {word.partition("=")[0] for word in words if word.startswith("-")}
    unknown = {option for option in named if not re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", told.stdout)}
    assert not unknown, f"`aisa {' '.join(verb)} --help` does not name {unknown}"


# ---- links ----------------------------------------------------------------------------------------------------------

LINK = re.compile(r"\]\((?!https?:)(?P<file>[^)#\s]*)(?:#(?P<heading>[^)\s]+))?\)")


def headings(path: pathlib.Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(page: pathlib.Path) -> None:
    for link in LINK.finditer(page.read_text(encoding="utf-8")):
        target = (page.parent / link["file"]).resolve() if link["file"] else page
        assert target.exists(), link[0]
        assert link["heading"] is None or link["heading"] in headings(target), link[0]


# ---- of these tests themselves --------------------------------------------------------------------------------------

SAMPLE = """
Text.

```python
word = "Zoë"
print(word)
```

<!-- output -->

```text
Zoë
```

<!-- no-run: needs a live key -->
```python
raise SystemExit
```

```python
print(word * 2)
```

```text
not compared
```

1. In a list:

   ```console
   $ make test ARGS="-k x"   # some
   12 passed
   $ aisa chat \\
       --message hi
   ```
"""


def test_blocks_are_found_with_their_remarks_and_outputs() -> None:
    first, output, left_out, second, _, console = blocks(SAMPLE)
    assert (first.kind, first.line, first.text) == ("python", 4, 'word = "Zoë"\nprint(word)')
    assert expected_output(SAMPLE, first) == output.text == "Zoë"
    assert left_out.why_not == "needs a live key"
    assert (second.why_not, expected_output(SAMPLE, second)) == (None, None)
    assert commands(console) == [["make", "test", "ARGS=-k x"], ["aisa", "chat", "--message", "hi"]]


def test_blocks_share_a_namespace_and_name_the_page_s_lines(
    gateway: LocalGateway, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = SAMPLE.replace("print(word * 2)", "print(word * 2)\n1 / 0")
    page = Page("sample.md", sample, gateway, tmp_path)
    set_up(page, monkeypatch)
    first, _, _, second, *_ = blocks(sample)
    with pytest.raises(ZeroDivisionError) as caught:
        page.run_to(second.line)
    frame = caught.traceback[-1]
    assert (str(frame.path), sample.splitlines()[frame.lineno]) == ("sample.md", "1 / 0")
    assert page.printed == {first.line: "Zoë\n"}
    with pytest.raises(pytest.skip.Exception, match=r"sample\.md:20 failed"):
        page.run_to(second.line)


def test_what_a_command_shows_is_held_against_the_page() -> None:
    console = blocks(SAMPLE)[-1]
    first, second = typed_lines(console)
    assert (first.line, first.shown) == ('make test ARGS="-k x"   # some', "12 passed")
    assert second.line.split() == ["aisa", "chat", "\\", "--message", "hi"]
    assert is_shown("a … c\n$5", "a b c  \n$5\n")
    assert not is_shown("a … c", "a b c\nd")
    assert not is_shown("a.c", "abc")


def test_the_readme_has_something_to_run_and_leads_on() -> None:
    assert len(cases("python")) > 3
    assert len(LINK.findall((ROOT / "README.md").read_text(encoding="utf-8"))) > 10
