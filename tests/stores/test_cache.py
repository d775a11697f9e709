"""The cache's file: what is stored is found again, ages, makes room, and is no trouble to a call."""

import copy
import json
import logging
import os
import pickle
import random
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from aisa_integrations.cache import Cache, Entry, shelf
from aisa_integrations.errors import ConfigurationError

NOW = 1_800_000_000.0
KIB = 1024


def entry(body: bytes = b'{"choices":[]}', *, created: float = NOW) -> Entry:
    return Entry(body, "chat", "gpt-4o", Decimal("0.0012300"), created)


def noise(size: int, seed: int) -> bytes:
    """Bytes that don't compress."""
    return random.Random(seed).randbytes(size)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache.sqlite3"


def test_what_is_stored_is_found_again_to_the_last_digit(path):
    cache = Cache(path)
    stored = entry(json.dumps({"text": "é 🙂" * 100}).encode())
    cache.shelf.store("key", stored, NOW)
    assert cache.shelf.lookup("another", NOW) is None
    found = cache.shelf.lookup("key", NOW + 1)
    assert found == stored
    assert found is not None
    assert str(found.cost) == "0.0012300"


def test_a_later_answer_takes_the_place_of_an_earlier_one(path):
    cache = Cache(path)
    cache.shelf.store("key", entry(b"1"), NOW)
    cache.shelf.store("key", Entry(b"2", "gemini", "gemini-3-pro", None, NOW), NOW)
    assert cache.shelf.lookup("key", NOW) == Entry(b"2", "gemini", "gemini-3-pro", None, NOW)


def test_it_survives_its_process_and_can_be_cleared(path):
    Cache(path).shelf.store("key", entry(), NOW)
    assert Cache(path).shelf.lookup("key", NOW) == entry()
    Cache(path).clear()
    assert Cache(path).shelf.lookup("key", NOW) is None


def test_the_default_is_a_private_file_in_the_home_folder():
    cache = Cache()
    cache.shelf.store("key", entry(), NOW)
    assert cache.path == Path(os.environ["AISA_HOME"]) / "cache.sqlite3"
    assert cache.path.stat().st_mode & 0o077 == 0


def test_an_old_answer_is_none(path):
    cache = Cache(path, max_age=60)
    cache.shelf.store("key", entry(), NOW)
    assert cache.shelf.lookup("key", NOW + 60) == entry()
    assert cache.shelf.lookup("key", NOW + 61) is None
    assert cache.shelf.lookup("key", NOW + 60) is None
    forever = Cache(path, max_age=None)
    forever.shelf.store("key", entry(), NOW)
    assert forever.shelf.lookup("key", NOW + 1e9) == entry()


def test_the_least_recently_used_goes_first(path):
    cache = Cache(path, max_bytes=256 * KIB)
    for number in range(8):
        cache.shelf.store(f"key-{number}", entry(noise(20 * KIB, number)), NOW + number)
    assert cache.shelf.lookup("key-0", NOW + 10) is not None
    for number in range(8, 14):
        cache.shelf.store(f"key-{number}", entry(noise(20 * KIB, number)), NOW + 10 + number)
    found = {number for number in range(14) if cache.shelf.lookup(f"key-{number}", NOW + 50) is not None}
    assert 0 in found
    assert 1 not in found
    assert {11, 12, 13} <= found


def test_the_file_keeps_within_its_bytes(path):
    cache = Cache(path, max_bytes=256 * KIB)
    chance = random.Random(7)
    for number in range(300):
        size = chance.choice([50, 500, 5_000, 50_000])
        cache.shelf.store(f"key-{number}", entry(noise(size, number)), NOW + number)
    assert cache.shelf.lookup("key-299", NOW + 300) is not None
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    # One answer may come in before others go.
    assert path.stat().st_size <= 256 * KIB + 60 * KIB


def test_an_answer_larger_than_the_cache_is_not_stored(path):
    cache = Cache(path, max_bytes=64 * KIB)
    cache.shelf.store("small", entry(), NOW)
    cache.shelf.store("large", entry(noise(65 * KIB, 1)), NOW)
    assert cache.shelf.lookup("large", NOW) is None
    assert cache.shelf.lookup("small", NOW) is not None


def test_replies_are_compressed(path):
    Cache(path).shelf.store("key", entry(b"word " * 100_000), NOW)
    with closing(sqlite3.connect(path)) as other:
        ((size,),) = other.execute("SELECT length(body) FROM entries").fetchall()
    assert size < 10_000


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_age": 0},
        {"max_age": True},
        {"max_age": float("nan")},
        {"max_age": "day"},
        {"max_bytes": 1},
        {"max_bytes": None},
        {"max_bytes": 1e9},
        {"path": 7},
        {"path": ":memory:"},
    ],
)
def test_a_value_that_cannot_work_is_an_error(wrong):
    with pytest.raises(ConfigurationError):
        Cache(**wrong)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda cache: pickle.loads(pickle.dumps(cache))])
def test_copies_share_the_file(path, copied):
    cache = Cache(path, max_age=60, max_bytes=KIB * KIB)
    twin = copied(cache)
    assert twin == cache
    twin.shelf.store("key", entry(), NOW)
    assert cache.shelf.lookup("key", NOW) == entry()


def test_64_threads_share_it(path):
    cache = Cache(path)

    def use(number: int) -> bool:
        cache.shelf.store(f"key-{number % 8}", entry(b"%d" % (number % 8)), NOW)
        found = cache.shelf.lookup(f"key-{number % 8}", NOW)
        return found is not None and found.body == b"%d" % (number % 8)

    with ThreadPoolExecutor(64) as pool:
        assert all(pool.map(use, range(256)))


# ---- trouble --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"not a database" * 1000, b"SQLite format 3\0" * 512])
def test_a_corrupt_file_is_moved_aside_and_begun_anew(path, caplog, content):
    path.write_bytes(content)
    cache = Cache(path)
    assert cache.shelf.lookup("key", NOW) is None
    cache.shelf.store("key", entry(), NOW)
    assert cache.shelf.lookup("key", NOW) == entry()
    (aside,) = path.parent.glob("cache.sqlite3.corrupt-*")
    assert aside.read_bytes() == content
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert caplog.records[0].name == "aisa_integrations"
    assert str(path) in caplog.text


def test_a_file_that_breaks_while_it_is_used_is_begun_anew(path):
    cache = Cache(path)
    for number in range(50):
        cache.shelf.store(f"key-{number}", entry(noise(5_000, number)), NOW)
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(noise(200_000, 1))
    for number in range(50):
        cache.shelf.lookup(f"key-{number}", NOW)
        cache.shelf.store(f"key-{number}", entry(), NOW)
    assert cache.shelf.lookup("key-49", NOW) == entry()


def test_an_answer_that_breaks_is_dropped_alone(path):
    cache = Cache(path)
    cache.shelf.store("one", entry(), NOW)
    cache.shelf.store("two", entry(), NOW)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE entries SET body = x'00' WHERE key = 'one'")
    assert cache.shelf.lookup("one", NOW) is None
    assert cache.shelf.lookup("two", NOW) == entry()


def test_a_locked_file_is_done_without_and_left_alone_for_a_while(path, caplog, monkeypatch):
    monkeypatch.setattr(shelf, "PATIENCE", 0.01)
    cache = Cache(path)
    cache.shelf.store("key", entry(), NOW)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert cache.shelf.lookup("key", NOW) is None
        other.execute("ROLLBACK")
    cache.shelf.store("key", entry(b"while it rests"), NOW)
    assert cache.shelf.lookup("key", NOW) is None
    assert len(caplog.records) == 1
    assert Cache(path).shelf.lookup("key", NOW) == entry()


def test_a_file_of_something_else_is_left_alone(path):
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE notes (text)")
    before = path.read_bytes()
    cache = Cache(path)
    cache.shelf.store("key", entry(), NOW)
    assert cache.shelf.lookup("key", NOW) is None
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_done_without(tmp_path):
    (tmp_path / "file").touch()
    cache = Cache(tmp_path / "file" / "cache.sqlite3")
    cache.shelf.store("key", entry(), NOW)
    assert cache.shelf.lookup("key", NOW) is None


FORKING = """
import os, sys
from aisa_integrations.cache import Cache, Entry
cache = Cache(sys.argv[1])
cache.shelf.store("parent", Entry(b"1", "chat", "gpt-4o", None, 0.0), 0.0)
if os.fork() == 0:
    cache.shelf.store("child", Entry(b"2", "chat", "gpt-4o", None, 0.0), 0.0)
    print(cache.shelf.lookup("parent", 0.0).body, flush=True)
    sys.exit()
os.wait()
print(cache.shelf.lookup("child", 0.0).body)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_has_its_own_connection(path):
    run = subprocess.run([sys.executable, "-c", FORKING, str(path)], capture_output=True, text=True)
    assert (run.stdout, run.stderr) == ("b'1'\nb'2'\n", "")
