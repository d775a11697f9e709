"""Who asks for a cell: the notebook's one client, one with the cell's own budget, or one of the user's."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ..budget import Budget
from ..cli.values import parse_budget
from ..gateway_client import GatewayClient
from ..policy import Policy
from ..settings import Settings, resolve_settings
from .arguments import Asked
from .connection import badge_now


class Clients:
    """Keep one client for as long as the key and the origin in the environment stay the same."""

    def __init__(self) -> None:
        self._client: GatewayClient | None = None
        self._settings: Settings | None = None

    @contextlib.contextmanager
    def asking(self, asked: Asked) -> Iterator[GatewayClient]:
        """Give the client that asks for a cell.

        Raises:
            MissingKeyError: there is no key.
            ConfigurationError: a setting that cannot work.
        """
        if asked.client is not None:
            yield asked.client
        elif asked.budget is not None:
            usd, per = parse_budget(asked.budget)
            with GatewayClient(policy=Policy(budget=Budget(usd, per=per))) as client:
                yield client
        else:
            yield self._kept()

    @staticmethod
    def place(asked: Asked) -> str | None:
        """Return who answers a cell in place of the live gateway, in the words of the notebook's badge."""
        badge = badge_now() if asked.client is None else None
        return badge.label if badge is not None and not badge.live else None

    def _kept(self) -> GatewayClient:
        settings = resolve_settings()
        if self._client is None or settings != self._settings:
            self.close()
            self._client, self._settings = GatewayClient(), settings
        return self._client

    def close(self) -> None:
        """Close the client that was kept."""
        if self._client is not None:
            self._client.close()
        self._client = self._settings = None
