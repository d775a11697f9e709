"""The command in this process, on a gateway that knows the canary key; wherever the key turns up, a test fails."""

import io
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from aisa_integrations.cli import main
from aisa_integrations.local import LocalGateway
from tests.cli.terminal import Terminal


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


Aisa = Callable[..., Ran]


class Keyboard(io.StringIO):
    """A stdin that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def aisa(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, canary_key: str) -> Iterator[Aisa]:
    """Run a command line: `aisa("models", "--json").document`; `stdin` is piped in, `typed` comes from a person."""

    def run(*arguments: str, stdin: str = "", typed: str | None = None) -> Ran:
        capsys.readouterr()
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin) if typed is None else Keyboard(typed))
        code = main(arguments)
        ran = Ran(code, *capsys.readouterr())
        assert canary_key not in ran.out + ran.err
        assert "Traceback" not in ran.out + ran.err
        return ran

    yield run
    for file in Path(os.environ["AISA_HOME"]).rglob("*"):
        assert not file.is_file() or canary_key.encode() not in file.read_bytes()


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch, canary_key: str) -> Iterator[LocalGateway]:
    """A gateway that the environment names, with the canary as its key."""
    with LocalGateway(api_key=canary_key) as gateway:
        monkeypatch.setenv("AISA_BASE_URL", gateway.url)
        monkeypatch.setenv("AISA_API_KEY", canary_key)
        yield gateway


@pytest.fixture
def terminal(connected: LocalGateway, canary_key: str) -> Iterator[Callable[..., Terminal]]:
    """Start a command on a terminal of its own: `terminal("chat", columns=60)`."""
    opened: list[Terminal] = []

    def start(*arguments: str, **options: Any) -> Terminal:
        opened.append(Terminal(arguments, **options))
        return opened[-1]

    yield start
    for one in opened:
        one.close()
        assert canary_key not in one.seen
