"""The value `Budget`: its arguments, its copies and pickles, and where its file is."""

import copy
import os
import pickle
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from aisa_integrations.budget import Budget
from aisa_integrations.errors import ConfigurationError
from tests.stores.ledgers import NOW, MakeBudget, bill, granted, standing, usd


@pytest.mark.parametrize(
    ("given", "limit"), [(5, "5"), (0.1, "0.1"), ("2.50", "2.50"), (Decimal("0.001"), "0.001"), (0, "0")]
)
def test_dollars_are_what_was_written(given, limit):
    assert Budget(usd=given).usd == Decimal(limit)


@pytest.mark.parametrize(
    "wrong",
    [
        {"usd": -1},
        {"usd": True},
        {"usd": "five"},
        {"usd": None},
        {"usd": float("nan")},
        {"usd": float("inf")},
        {"usd": 1, "per": "week"},
        {"usd": 1, "unknown": "maybe"},
        {"usd": 1, "assume_output_tokens": 0},
        {"usd": 1, "assume_output_tokens": True},
        {"usd": 1, "assume_output_tokens": 1.5},
        {"usd": 1, "path": 7},
        {"usd": 1, "path": ""},
        {"usd": 1, "path": ":memory:"},
    ],
)
def test_a_value_that_cannot_work_is_an_error(wrong):
    with pytest.raises(ConfigurationError):
        Budget(**wrong)


def test_it_is_frozen():
    with pytest.raises(AttributeError):
        Budget(1).usd = Decimal(2)  # type: ignore[misc]


def test_a_daily_budget_lives_in_the_home_folder():
    budget = Budget(1, per="day")
    granted(budget, "0.5")
    assert budget.path == Path(os.environ["AISA_HOME"]) / "budget.sqlite3"
    assert budget.path.stat().st_mode & 0o077 == 0


def test_a_relative_path_means_the_same_after_a_change_of_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Budget(1, path="ledger.sqlite3").path == tmp_path / "ledger.sqlite3"


def test_making_one_does_no_io(tmp_path):
    Budget(1, path=tmp_path / "deep" / "ledger.sqlite3")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda budget: pickle.loads(pickle.dumps(budget))])
def test_copies_share_what_is_spent(make_budget: MakeBudget, copied):
    budget = make_budget(1, assume_output_tokens=100)
    twin = copied(budget)
    assert twin == budget
    assert hash(twin) == hash(budget)
    bill(twin, granted(budget, "0.5"), "0.25")
    assert standing(budget) == standing(twin) == (usd("0.25"), 0)


def test_two_budgets_alike_are_two_budgets():
    one, other = Budget(1), Budget(1)
    assert one != other
    granted(one, "0.5")
    assert standing(other) == (0, 0)


IN_ANOTHER_PROCESS = """
import pickle, sys
budget = pickle.loads(sys.stdin.buffer.read())
state = budget.ledger.state(float(sys.argv[1]))
print(state.spent, state.reserved)
"""


def test_a_pickle_elsewhere_shares_a_file_and_starts_anew_in_memory(make_budget: MakeBudget):
    budget = make_budget(1)
    bill(budget, granted(budget, "0.5"), "0.25")
    granted(budget, "0.5")
    run = subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_PROCESS, str(NOW)],
        input=pickle.dumps(budget),
        capture_output=True,
        check=True,
    )
    assert run.stdout.decode().split() == (["0.25", "0.5"] if budget.path else ["0", "0"])


def test_the_file_survives_and_another_limit_counts_the_same(tmp_path):
    path = tmp_path / "ledger.sqlite3"
    granted(Budget(1, path=path), "0.6")
    larger = Budget(2, path=path)
    assert standing(larger) == (0, usd("0.6"))
    granted(larger, "1.4", model="another")
