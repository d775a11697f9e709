"""The socket guard of the tests inside a notebook's kernel."""

import atexit
from pathlib import Path

from tests.conftest import SocketGuard


def stand(told: str) -> None:
    """Refuse every connection of this process but to loopback, and write down in `told` at its end what was refused."""
    guard = SocketGuard()
    guard.install()
    atexit.register(lambda: Path(told).write_text("\n".join(guard.attempts), encoding="utf-8"))
