"""One file, many users: what a fork leaves alone, and who may move a broken file aside."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aisa_integrations.stores.sqlite_file import FileTrouble, Layout, SqliteFile

LAYOUT = Layout(what="test", application_id=7, version=1, schema=("CREATE TABLE notes (text)",))


def opened(path: Path) -> SqliteFile:
    return SqliteFile(path, LAYOUT, patience=1.0)


def write(file: SqliteFile, text: str) -> None:
    with file.transaction() as connection:
        connection.execute("INSERT INTO notes VALUES (?)", (text,))


def read(file: SqliteFile) -> list[str]:
    with file.transaction() as connection:
        return [text for (text,) in connection.execute("SELECT text FROM notes ORDER BY rowid")]


def test_a_transaction_that_raises_leaves_nothing(tmp_path):
    file = opened(tmp_path / "notes.sqlite3")
    write(file, "kept")
    with contextlib.suppress(KeyError), file.transaction() as connection:
        connection.execute("INSERT INTO notes VALUES ('undone')")
        raise KeyError
    assert read(file) == ["kept"]


def test_nothing_of_sqlite3_comes_out(tmp_path):
    file = opened(tmp_path / "notes.sqlite3")
    with pytest.raises(FileTrouble, match="no such table"), file.transaction() as connection:
        connection.execute("SELECT * FROM absent")
    write(file, "goes on")
    assert read(file) == ["goes on"]


def test_only_the_file_that_was_found_broken_is_moved_aside(tmp_path):
    path = tmp_path / "notes.sqlite3"
    slow, quick = opened(path), opened(path)
    write(slow, "old")
    write(quick, "old")
    assert quick.set_aside() is not None
    write(quick, "new")
    assert slow.set_aside() is None
    assert read(slow) == ["new"]


def test_what_is_moved_aside_can_still_be_read(tmp_path):
    file = opened(tmp_path / "notes.sqlite3")
    write(file, "old")
    aside = file.set_aside()
    assert aside is not None
    assert read(opened(aside)) == ["old"]
    assert read(file) == []


FORKING = """
import os, sys
from tests.stores.test_sqlite_file import opened, read, write
from pathlib import Path
file = opened(Path(sys.argv[1]))
with file.transaction() as parents: pass
if os.fork() == 0:
    with file.transaction() as own: assert own is not parents
    write(file, "child")
    sys.exit()
_, status = os.wait()
assert status == 0
write(file, "parent")
print(*read(file))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_opens_its_own_connection_and_leaves_the_parents_alone(tmp_path):
    command = [sys.executable, "-W", "error", "-c", FORKING, str(tmp_path / "notes.sqlite3")]
    run = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert (run.stdout.split(), run.stderr) == (["child", "parent"], "")


@pytest.mark.skipif(sys.platform == "win32", reason="only POSIX drops a process's locks with any descriptor it closes")
def test_a_second_opening_keeps_the_locks_of_the_first(tmp_path):
    path = tmp_path / "notes.sqlite3"
    kept = opened(path)
    write(kept, "first")
    other = opened(path)
    write(other, "second")
    del other
    # Another process that takes itself for the last one at its end folds the write-ahead log up under ours.
    script = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT 1 FROM notes').fetchall(); c.close()"
    )
    for text in ("third", "fourth"):
        subprocess.run([sys.executable, "-c", script, str(path)], check=True, timeout=60)
        write(kept, text)
    looked = (
        "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM notes').fetchone()[0])"
    )
    found = subprocess.run([sys.executable, "-c", looked, str(path)], check=True, capture_output=True, timeout=60)
    assert int(found.stdout) == 4
