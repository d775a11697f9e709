"""An IPython shell in this process, with what it publishes, prints and raises at hand."""

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from IPython.terminal.interactiveshell import TerminalInteractiveShell
from traitlets.config import Config


@dataclass
class Published:
    """One message to the front end."""

    html: str
    text: str
    id: str | None
    update: bool


class Recorder(DisplayPublisher):
    """Keep what is published."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.messages: list[Published] = []

    def publish(self, data: Any, *about: Any, transient: Any = None, update: bool = False, **more: Any) -> None:
        shown_in = (transient or {}).get("display_id")
        self.messages.append(Published(data.get("text/html", ""), data["text/plain"], shown_in, update))


@dataclass
class Ran:
    """How a cell ran."""

    error: BaseException | None
    printed: str
    published: list[Published] = field(default_factory=list)
    value: Any = None

    @property
    def outputs(self) -> set[str | None]:
        """The outputs that the notebook has of it: a display that is drawn anew is one."""
        return {message.id for message in self.published}

    @property
    def html(self) -> str:
        """What is shown at the end."""
        return self.published[-1].html

    @property
    def text(self) -> str:
        """What is shown at the end where no HTML is."""
        return self.published[-1].text


class Notebook:
    """Run cells."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell: Any = shell
        self.recorder = Recorder(shell=shell)
        self.shell.display_pub = self.recorder

    def __getitem__(self, name: str) -> Any:
        return self.shell.user_ns[name]

    def run(self, cell: str) -> Ran:
        """Run a cell as a front end does."""
        self.recorder.messages = []
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            result = self.shell.run_cell(cell)
        error = result.error_before_exec or result.error_in_exec
        return Ran(error, out.getvalue(), self.recorder.messages, result.result)


@contextlib.contextmanager
def notebook(*, terminal: bool = False) -> Iterator[Notebook]:
    """A notebook with the extension loaded; the one that IPython has in a terminal, with `terminal`."""
    config = Config({"HistoryManager": {"enabled": False}})
    shell: Any = (TerminalInteractiveShell if terminal else InteractiveShell)(config=config)
    opened = Notebook(shell)
    loaded = opened.run("%load_ext aisa_integrations")
    assert (loaded.error, loaded.printed) == (None, "")
    try:
        yield opened
    finally:
        opened.run("%unload_ext aisa_integrations")
