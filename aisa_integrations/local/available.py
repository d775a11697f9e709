"""Who can answer on this machine: the real small model where it is installed, else simulated answers, and why."""

from __future__ import annotations

from typing import Any

from .server import LocalGateway


def start_available(**options: Any) -> tuple[LocalGateway, str | None]:
    """Start a gateway with the real small model where it is installed, else with simulated answers.

    Args:
        options: of the gateway; all but `backend`.

    Returns:
        the gateway, and why its answers are simulated; None where they are not.

    Raises:
        ImportError: what serves it is not installed.
    """
    try:
        return LocalGateway("llama", **options).start(), None
    except ImportError as missing:
        # What serves may be what is missing: then this raises too, and says so.
        return LocalGateway(**options).start(), str(missing)
