"""The files of an A/B test: every row whole, from threads and processes at once; what is wrong with one is said."""

import json
import multiprocessing
import stat
import sys
import threading
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from aisa_integrations.ab_testing import ABSummary, Row
from aisa_integrations.ab_testing.log import log_at, read_rows
from aisa_integrations.errors import ConfigurationError

ROW = Row(
    time=1_795_000_000.25, arm="gpt-4o", model="gpt-4o", outcome="answered", served_by="gpt-4o", stream=True,
    latency_s=0.75, ttft_s=0.25, input_tokens=5, output_tokens=11, cost_usd=Decimal("0.00002576"), cost_kind="billed",
    failed_cost_usd=Decimal(0), attempts=1, cached=False, error=None, prompt="Zoë, 你好 \ud83d", response='"\n"',
)  # fmt: skip
FAILED = replace(
    ROW, outcome="failed", served_by=None, ttft_s=None, input_tokens=None, output_tokens=None, cost_usd=None,
    cost_kind=None, failed_cost_usd=None, error="GatewayError (server_error)", prompt=None, response=None,
)  # fmt: skip
FILES = ["trial.jsonl", "trial.sqlite"]


@pytest.mark.parametrize("name", FILES)
def test_rows_come_back_as_they_were_and_files_grow(tmp_path: Path, name: str) -> None:
    path = tmp_path / "deep" / name
    log_at(path).add(replace(ROW, prompt="Zoë, 你好"))
    log_at(path).add(FAILED)
    assert read_rows(path) == [replace(ROW, prompt="Zoë, 你好"), FAILED]
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ABSummary.read(path)["gpt-4o"].calls == 2


@pytest.mark.parametrize("name", FILES)
def test_half_a_surrogate_pair_breaks_nothing(tmp_path: Path, name: str) -> None:
    log_at(tmp_path / name).add(ROW)
    (row,) = read_rows(tmp_path / name)
    assert row.prompt is not None
    assert row.prompt.startswith("Zoë, 你好")


def _write_many(path: Path, arm: str) -> None:
    log = log_at(path)
    rows = [replace(ROW, arm=arm, prompt="x" * 5_000, attempts=number) for number in range(40)]

    def write(part: list[Row]) -> None:
        for row in part:
            log.add(row)

    threads = [threading.Thread(target=write, args=(rows[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("name", FILES)
def test_threads_of_several_processes_write_at_once(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_write_many, args=(path, f"process {number}")) for number in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    rows = read_rows(path)
    for number in range(2):
        assert sorted(row.attempts for row in rows if row.arm == f"process {number}") == list(range(40))


def test_json_lines_are_plain_values(tmp_path: Path) -> None:
    log_at(tmp_path / "trial.jsonl").add(replace(ROW, prompt=None, response=None))
    told = json.loads((tmp_path / "trial.jsonl").read_text())
    assert told["cost_usd"] == 2.576e-05
    assert "prompt" not in told
    assert "error" not in told


@pytest.mark.parametrize("name", FILES)
def test_what_can_not_be_a_log_is_said_at_once(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="there is no log"):
        read_rows(tmp_path / name)
    (tmp_path / "folder").touch()
    with pytest.raises(ConfigurationError, match="can't be written"):
        log_at(tmp_path / "folder" / name)
    with pytest.raises(ConfigurationError, match=r"'trial\.txt'"):
        log_at(tmp_path / "trial.txt")


@pytest.mark.parametrize("line", ["no JSON", "[]", '{"outcome": "well"}', '{"outcome": "answered", "novelty": 1}'])
def test_a_line_that_is_no_row_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "trial.jsonl"
    log_at(path).add(ROW)
    with path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(ConfigurationError, match="line 2"):
        read_rows(path)


def test_a_row_that_was_cut_takes_no_other_with_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "trial.jsonl"
    log = log_at(path)
    log.add(FAILED)
    with path.open("a") as file:
        file.write('{"time": 1, "arm": "gp')
    assert read_rows(path) == [FAILED]
    log.add(replace(FAILED, arm="o3"))
    assert [row.arm for row in read_rows(path)] == ["gpt-4o", "o3"]
    assert "line 2" in caplog.text


def test_another_sqlite_file_is_left_alone(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "trial.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match="something else's"):
        log_at(path)
    assert path.read_bytes() == before
