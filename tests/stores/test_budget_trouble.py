"""A budget whose file can't be used spends nothing unseen; what it could not write down it writes down later."""

import gc
import os
import sqlite3
import weakref
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from aisa_integrations.budget import Budget, Settled, Unavailable
from aisa_integrations.budget import sqlite as sqlite_book
from aisa_integrations.cache import Cache, Entry
from aisa_integrations.errors import ConfigurationError
from tests.stores.ledgers import NOW, MakeBudget, ask, bill, granted, settle, standing, usd


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the file as another process in the middle of a write would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def unavailable(budget: Budget) -> str:
    answer = ask(budget, "0.1")
    assert isinstance(answer, Unavailable), answer
    return answer.reason


def test_a_locked_file_refuses_and_recovers(path, monkeypatch):
    monkeypatch.setattr(sqlite_book, "PATIENCE", 0.01)
    budget = Budget(1, path=path)
    reservation = granted(budget, "0.5")
    with locked(path):
        reason = unavailable(budget)
        assert str(path) in reason
        assert "locked" in reason
        assert isinstance(budget.ledger.state(NOW), Unavailable)
        with pytest.raises(ConfigurationError, match="locked"):
            budget.state()
        assert isinstance(budget.ledger.settle(reservation, usd("0.2"), NOW, kind="billed"), Unavailable)
    assert standing(budget) == (usd("0.2"), 0)
    granted(budget, "0.5")


def test_a_file_of_something_else_is_refused_and_left_alone(path):
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE notes (text)")
    before = path.read_bytes()
    assert "something else's" in unavailable(Budget(1, path=path))
    assert path.read_bytes() == before


def test_a_file_of_another_version_is_refused(path):
    granted(Budget(1, path=path), "0.5")
    gc.collect()
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 99")
    assert "another version" in unavailable(Budget(1, path=path))


def test_a_cache_is_no_budget(path):
    Cache(path).shelf.store("key", Entry(b"{}", "chat", "gpt-4o", None, NOW), NOW)
    assert "something else's" in unavailable(Budget(1, path=path))


@pytest.mark.parametrize(
    "content", [b"not a database at all, but long enough to look at" * 100, b"SQLite format 3\0" * 512]
)
def test_a_corrupt_file_refuses_and_is_left_alone(path, content):
    path.write_bytes(content)
    reason = unavailable(Budget(1, path=path))
    assert str(path) in reason
    assert path.read_bytes() == content


@pytest.mark.parametrize("amount", ["a lot", "NaN", "Infinity", "-1"])
def test_an_amount_that_cannot_be_one_refuses(path, amount):
    budget = Budget(1, path=path)
    granted(budget, "0.5")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE totals SET spent = ?", (amount,))
    assert "corrupt" in unavailable(budget)
    with pytest.raises(ConfigurationError, match="corrupt"):
        budget.state()


def test_a_folder_that_cannot_be_made_refuses(tmp_path):
    (tmp_path / "file").touch()
    assert str(tmp_path) in unavailable(Budget(1, path=tmp_path / "file" / "ledger.sqlite3"))


def test_a_deleted_file_is_begun_anew(path):
    budget = Budget(1, path=path)
    bill(budget, granted(budget, "0.5"), "0.5")
    for file in path.parent.glob("ledger.sqlite3*"):
        os.unlink(file)
    granted(budget, "1")
    assert standing(Budget(1, path=path)) == (0, 1)


# ---- bills that could not be written down at once -------------------------------------------------------------------


def test_a_bill_noted_for_later_counts_at_the_next_use(make_budget: MakeBudget):
    budget = make_budget(1)
    reservation = granted(budget, "0.5")
    budget.ledger.settle_later(reservation, usd("0.2"), NOW, kind="billed")
    assert standing(budget) == (usd("0.2"), 0)


def test_a_bill_noted_for_later_outlives_a_failure(path):
    budget = Budget(1, path=path)
    reservation = granted(budget, "0.5")
    budget.ledger.settle_later(reservation, usd("0.2"), NOW, kind="billed")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE totals SET spent = 'a lot'")
        unavailable(budget)
        other.execute("UPDATE totals SET spent = '0'")
    assert standing(budget) == (usd("0.2"), 0)


class Dropped:
    """Something that settles when it is collected, as a stream that nobody closed."""


def test_a_finalizer_in_the_middle_of_a_page_does_not_hang(make_budget: MakeBudget):
    budget = make_budget(1)
    reservation = granted(budget, "0.5")
    dropped, told = Dropped(), []
    weakref.finalize(dropped, lambda: told.append(settle(budget, reservation, "0.2", "billed")))
    with budget.ledger._book.page():
        del dropped
    assert told == [Settled(usd("0.2"), usd("0.5"))]
    assert standing(budget) == (usd("0.2"), 0)
