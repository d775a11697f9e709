"""A command on a terminal of its own, to type on and to read from."""

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What rich wipes away again: a line that is drawn anew, and the last of a spinner.
WIPED = re.compile(r"[^\n]*\r\n\x1b\[\?25h\r\x1b\[1A\x1b\[2K|[^\n]*\r\x1b\[2K")
ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07)")
PATIENCE = 20.0  # seconds, on a busy machine

# The terminal becomes the process's own, so that Ctrl-C typed there reaches it.
_PROGRAM = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from aisa_integrations.cli import main
sys.exit(main())
"""


class Terminal:
    """A running command whose stdin and stderr, and stdout unless it is redirected, are one terminal."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        columns: int = 100,
        rows: int = 40,
        stdout: int | None = None,
        **environment: str,
    ) -> None:
        self._fd, theirs = pty.openpty()
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        variables = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
        variables |= {"TERM": "xterm-256color", "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", **environment}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, *arguments],
            stdin=theirs, stdout=theirs if stdout is None else stdout, stderr=theirs,
            start_new_session=True, env=variables,
        )  # fmt: skip
        os.close(theirs)
        self._raw = b""
        self._from = 0

    @property
    def raw(self) -> str:
        """All that was written, escape sequences included."""
        return self._raw.decode(errors="replace")

    @property
    def seen(self) -> str:
        """All that was written, as text, without what was wiped away."""
        return ESCAPES.sub("", WIPED.sub("", self.raw)).replace("\r\n", "\n")

    def type(self, text: str) -> None:
        """Type something."""
        if text == "\x03":
            # Python's input() looks for signals between letters: a Ctrl-C in the midst of one waits for the next key.
            time.sleep(0.5)
        os.write(self._fd, text.encode())

    def until(self, text: str) -> str:
        """Wait until a text was written, and return all between what was waited for before and its end."""
        deadline = time.monotonic() + PATIENCE
        while (at := self.seen.find(text, self._from)) < 0:
            if not self._read(deadline - time.monotonic()):
                raise AssertionError(f"{text!r} did not come; there is: {self.seen[self._from :]!r}")
        begins, self._from = self._from, at + len(text)
        return self.seen[begins : self._from]

    def ends(self) -> int:
        """Wait for the command's end, and return its exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline - time.monotonic()):
            pass
        return self.process.wait(max(0.1, deadline - time.monotonic()))

    def close(self) -> None:
        """End it, whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        with contextlib.suppress(OSError):
            os.close(self._fd)

    def _read(self, seconds: float) -> bool:
        """Take what was written, or what is written within so many seconds; false where nothing comes any more."""
        ready, _, _ = select.select([self._fd], [], [], max(0.0, seconds))
        try:
            found = os.read(self._fd, 65536) if ready else b""
        except OSError:  # EIO: nobody holds the other end
            found = b""
        self._raw += found
        return bool(found)
