"""Budgets of both kinds for the same cases."""

from pathlib import Path
from typing import Any

import pytest

from aisa_integrations.budget import Budget
from tests.stores.ledgers import MakeBudget


@pytest.fixture(params=["memory", "file"])
def make_budget(request: pytest.FixtureRequest, tmp_path: Path) -> MakeBudget:
    """Make a budget in memory, or in a file of the test's own."""

    def make(usd: Any, **options: Any) -> Budget:
        if request.param == "file":
            options.setdefault("path", tmp_path / "ledger.sqlite3")
        return Budget(usd, **options)

    return make
