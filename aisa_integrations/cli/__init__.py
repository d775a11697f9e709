"""The command `aisa`: ask models, compare them, and see what it cost, from a shell."""

from __future__ import annotations

import sys
from collections.abc import Sequence

INSTALL_HINT = 'The command aisa needs typer and rich: pip install "aisa-integrations[cli]"'


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; `arguments` are those after `aisa`, else the process's own."""
    try:
        from .app import run

        return run(sys.argv[1:] if arguments is None else list(arguments))
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        sys.stderr.write(f"{INSTALL_HINT}\n")
        return 1
    except KeyboardInterrupt:
        return 130  # it came before a verb began, or after it ended
