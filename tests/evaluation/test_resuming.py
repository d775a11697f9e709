"""A results file: what it holds, what a later run takes from it, and what it refuses to touch."""

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas
import pytest

from aisa_integrations import ConfigurationError, Evaluation
from aisa_integrations.evaluation import journal
from aisa_integrations.evaluation.calls import Asking
from aisa_integrations.evaluation.prompts import compiled
from aisa_integrations.evaluation.rows import identified
from aisa_integrations.local import LocalGateway
from aisa_integrations.settings import parse_origin
from tests.evaluation.conftest import MODELS, asked, told

ONE = ["gpt-4o"]
ROWS = [{"q": "eins", "right": "eins"}, {"q": "zwei", "right": "drei"}]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "results.jsonl"


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


# ---- what is asked again --------------------------------------------------------------------------------------------


def test_nothing_that_is_there_is_asked_again(run, gateway, out):
    first = run(ROWS, prompt="{q}", out=out)
    before = out.read_bytes()
    second = run((row for row in ROWS), prompt="{q}", out=str(out), concurrency=1, stream=True)
    assert len(gateway.requests) == 4
    assert told(second) == told(first)
    assert [one.cost for one in second] == [one.cost for one in first]
    assert second.cost.billed == first.cost.billed == gateway.account.spent
    assert (second.cost_now.calls, first.cost_now.calls) == (0, 4)
    assert out.read_bytes().startswith(before)


CHANGES: list[tuple[str, dict[str, Any], int]] = [
    ("another prompt", {"prompt": "Say {q}"}, 4),
    ("a system message", {"system": "Be brief"}, 4),
    ("an option", {"temperature": 0.5}, 4),
    ("a fallback", {"fallbacks": ["o3"]}, 4),
    ("another model", {"models": ["gpt-4o", "o3"]}, 2),
    ("another row", {"rows": [*ROWS, {"q": "vier", "right": ""}]}, 2),
    ("the same row twice", {"rows": [*ROWS, ROWS[0]]}, 2),
    ("a changed row", {"rows": [ROWS[0], {**ROWS[1], "right": "zwei"}]}, 2),
    ("rows in another order", {"rows": ROWS[::-1]}, 0),
    ("fewer rows", {"rows": ROWS[1:]}, 0),
    ("a score", {"score": "contains", "expected": "right"}, 0),
]


@pytest.mark.parametrize(("change", "more"), [case[1:] for case in CHANGES], ids=[case[0] for case in CHANGES])
def test_what_is_asked_otherwise_is_asked_anew(run, gateway, out, change, more):
    run(ROWS, prompt="{q}", out=out)
    asks = {"rows": ROWS, "models": MODELS, "prompt": "{q}", **change}
    found = run(asks.pop("rows"), asks.pop("models"), out=out, **asks)
    assert len(gateway.requests) == 4 + more
    fresh = run(change.get("rows", ROWS), change.get("models", MODELS), **asks)
    assert told(found) == told(fresh)
    assert found.complete


def test_what_a_gateway_on_this_machine_said_stands_for_no_other_s_answers():
    asking = Asking(ONE, compiled("{q}"), None, None, {}, streams=False)
    (row, _) = identified(ROWS, None)
    origins = ["http://127.0.0.1:1234", "http://localhost:99", "https://api.aisa.one", "https://staging.aisa.one"]
    here, also_here, live, staging = ([c.key for c in asking.of(parse_origin(url)).calls(row)] for url in origins)
    assert here == also_here
    assert len({*here, *live, *staging}) == 3


def test_a_row_with_an_id_stays_the_same_row(run, gateway, out):
    def rows(right: str) -> list[dict[str, str]]:
        return [{"id": "a", "q": "eins", "right": right}]

    for right, worth in (("nothing", 0.0), ("eins", 1.0)):
        found = run(rows(right), ONE, prompt="{q}", out=out, score="contains", expected="right")
        assert [one.score for one in found] == [worth]
    assert len(gateway.requests) == 1


def test_failures_are_asked_again_unless_not_wanted(run, gateway, out):
    gateway.script.fail("gpt-4.1", "server_error", times=2)
    first = run(ROWS, prompt="{q}", out=out)
    assert [one.error_type for one in first] == [None, "GatewayError"] * 2
    kept = run(ROWS, prompt="{q}", out=out, retry_failed=False)
    assert (told(kept), len(gateway.requests)) == (told(first), 4)
    again = run(ROWS, prompt="{q}", out=out)
    assert [one.ok for one in again] == [True] * 4
    assert sorted(asked(gateway)[4:]) == [("gpt-4.1", "eins"), ("gpt-4.1", "zwei")]
    assert told(run(ROWS, prompt="{q}", out=out)) == told(again)
    assert len(gateway.requests) == 6


def test_answers_are_scored_anew_where_the_scoring_is_another(run, gateway, out):
    calls: list[str] = []

    def length(text: str, row: dict[str, str]) -> int:
        calls.append(row["q"])
        if row["q"] == "zwei" and len(calls) < 3:
            raise RuntimeError("not yet")
        return len(text)

    first = run(ROWS, ONE, prompt="{q}", out=out, score=length, concurrency=1)
    assert [one.score_error for one in first] == [None, "RuntimeError: not yet"]
    second = run(ROWS, ONE, prompt="{q}", out=out, score=length, concurrency=1)
    assert [one.score_error for one in second] == [None, None]
    assert calls == ["eins", "zwei", "zwei"]  # what raised is tried again, what did not is not
    run(ROWS, ONE, prompt="{q}", out=out, score=length, rescore=True, concurrency=1)
    assert calls[3:] == ["eins", "zwei"]
    third = run(ROWS, ONE, prompt="{q}", out=out, score=lambda text, row: {"a": 1, "b": 2})
    assert [one.scores for one in third] == [{"a": 1.0, "b": 2.0}] * 2
    assert len(gateway.requests) == 2


# ---- what is in the file --------------------------------------------------------------------------------------------


def test_the_file_tells_what_it_was_made_with_and_no_key(run, out, canary_key):
    settings: dict[str, Any] = {
        "prompt": "Say {q}", "score": ["contains", lambda text, row: 1], "expected": "right", "temperature": 0
    }  # fmt: skip
    with LocalGateway(api_key=canary_key) as gateway:
        account, url = gateway.account, gateway.url
        settings |= {"api_key": canary_key, "base_url": url, "out": out}
        run(ROWS, ONE, **settings)
        found = run(ROWS, ONE, **settings)
    assert canary_key not in f"{found!r} {found.provenance} {vars(found)}"
    head, *answers = lines(out)
    assert head["aisa_evaluation"] == 1
    made = head["run"]
    assert (made["models"], made["prompt"], made["options"]) == (ONE, "Say {q}", {"temperature": 0})
    assert (made["gateway"], made["expected"], made["score"][0]) == (url, "right", "contains")
    assert made["package"].startswith("aisa-integrations ")
    assert not any("aisa_evaluation" in answer for answer in answers), "the same run again is told once"
    answer = next(answer for answer in answers if answer.get("row") == 0)
    assert (answer["model"], answer["ok"], answer["cost_kind"], answer["error"]) == ("gpt-4o", True, "billed", None)
    assert Decimal(str(answer["cost_usd"])) * 2 == account.spent
    assert canary_key not in out.read_text()


def test_an_answer_is_on_disk_before_its_score_is_asked_for(run, gateway, out):
    there: list[int] = []

    def look(text: str, row: dict[str, str]) -> int:
        there.append(sum("response" in line for line in lines(out)))
        return 1

    run(ROWS, ONE, prompt="{q}", out=out, score=look, concurrency=1)
    assert there == [1, 2]


def test_texts_that_break_lines_or_can_t_be_utf8_are_kept_as_they_are(run, gateway, out, tmp_path):
    gateway.script.reply("gpt-4o", "a line\u2028and\r\nanother \x00")

    def half(text: str, row: dict[str, str]) -> int:
        raise RuntimeError("half a pair: \ud83d")

    first = run(["Hello"], ONE, out=out, score=half)
    second = run(["Hello"], ONE, out=out)
    assert len(gateway.requests) == 1
    assert second[0].response == first[0].response == "a line\u2028and\r\nanother \x00"
    assert second[0].score_error == first[0].score_error == "RuntimeError: half a pair: \ud83d"
    second.to_jsonl(tmp_path / "table.jsonl")
    assert json.loads((tmp_path / "table.jsonl").read_text())["score_error"] == second[0].score_error


# ---- what was cut, and what is another's ----------------------------------------------------------------------------


def test_a_torn_last_line_is_asked_again_wherever_it_was_torn(run, gateway, out):
    whole = run(ROWS, ONE, prompt="{q}", out=out, concurrency=1)
    content = out.read_bytes()
    last = content.rstrip(b"\n").rindex(b"\n") + 1
    cuts = [*range(last, len(content), 97), len(content) - 2, len(content) - 1]
    for number, cut in enumerate(cuts, 1):
        out.write_bytes(content[:cut])
        assert told(run(ROWS, ONE, prompt="{q}", out=out)) == told(whole)
        assert len(gateway.requests) == 2 + number
        assert len(lines(out)) == 3


def test_a_torn_first_line_is_begun_anew(run, gateway, out):
    for beginning in (b"", b"{", b'{"aisa_evaluation": ', b'{"aisa_evaluation": 1, "run": {"pack'):
        out.write_bytes(beginning)
        run(ROWS, ONE, prompt="{q}", out=out)
        assert [line.get("aisa_evaluation") for line in lines(out)] == [1, None, None]


@pytest.mark.parametrize("change", [{"ok": ...}, {"cost_usd": "free"}], ids=str)
def test_a_line_that_was_edited_says_so(run, gateway, out, change):
    run(ROWS, ONE, prompt="{q}", out=out)
    head, line, *rest = lines(out)
    edited = {name: value for name, value in {**line, **change}.items() if value is not ...}
    out.write_text("".join(f"{json.dumps(one)}\n" for one in (head, edited, *rest)))
    with pytest.raises(ConfigurationError, match=f"was edited: of the call with the key {line['key']}"):
        run(ROWS, ONE, prompt="{q}", out=out)
    assert len(gateway.requests) == len(ROWS)


FOREIGN = [
    (b'{"prompt": "Hello"}\n', "holds something else than an evaluation"),
    (b"my diary", "holds something else than an evaluation"),
    (b'{"aisa_evaluation": 99, "run": {}}\n', "of another version"),
    (b'{"aisa_evaluation": 1, "run": {}}\nrubbish\n{"key": "x"}\n', "line 2 of .* is damaged"),
]


@pytest.mark.parametrize(("content", "words"), FOREIGN, ids=[case[1] for case in FOREIGN])
def test_another_s_file_is_left_alone(run, gateway, out, content, words):
    out.write_bytes(content)
    with pytest.raises(ConfigurationError, match=words):
        run(ROWS, prompt="{q}", out=out)
    assert (out.read_bytes(), gateway.requests) == (content, [])


def test_a_file_that_can_t_be_written_is_told(run, gateway, tmp_path):
    with pytest.raises(ConfigurationError, match=r"can't be written: No such file"):
        run(ROWS, prompt="{q}", out=tmp_path / "no" / "folder.jsonl")
    with pytest.raises(ConfigurationError, match=r"can't be written: Is a directory"):
        run(ROWS, prompt="{q}", out=tmp_path)
    assert gateway.requests == []


HOLDER = """
import sys
from pathlib import Path
from aisa_integrations.evaluation.journal import FileJournal
held = FileJournal(Path(sys.argv[1]), {})
print("held", flush=True)
sys.stdin.read()
"""


def test_two_processes_never_write_one_file(run, gateway, out):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(out)], cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as holder:  # fmt: skip
        assert holder.stdout.readline() == "held\n"  # type: ignore[union-attr]
        with pytest.raises(ConfigurationError, match="is being written by another evaluation"):
            run(ROWS, prompt="{q}", out=out)
        assert gateway.requests == []
        holder.kill()  # which lets go of it, whatever it was doing
    assert len(run(ROWS, prompt="{q}", out=out)) == 4


def test_two_evaluations_of_one_process_never_write_one_file(run, out):
    def within(text: str, row: dict[str, str]) -> int:
        with pytest.raises(ConfigurationError, match="is being written by another evaluation"):
            journal.FileJournal(out, {})
        return 1

    assert [one.score for one in run(ROWS, ONE, prompt="{q}", out=out, score=within)] == [1.0, 1.0]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="has no device that is always full")
def test_a_full_disk_ends_it_and_keeps_what_was_kept(run, gateway, out, monkeypatch):
    run(ROWS[:1], ONE, prompt="{q}", out=out)
    before = out.read_bytes()
    write = os.write

    def half(fd: int, data: bytes) -> int:
        if len(data) > 300:
            return write(fd, data[:300])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(OSError, match="No space left on device") as caught:
        run(ROWS, ONE, prompt="{q}", out=out, concurrency=1)
    assert f"1 of 2 calls are in {out}: the same again goes on from there." in caught.value.__notes__
    monkeypatch.undo()
    assert out.read_bytes() == before
    assert len(run(ROWS, ONE, prompt="{q}", out=out)) == 2


# ---- what comes of it -----------------------------------------------------------------------------------------------


def test_it_is_a_sequence_a_table_and_files(run, gateway, out, tmp_path):
    gateway.script.fail("gpt-4.1", "server_error")
    gateway.script.set_style("gpt-4o", usage="none")
    for found in (
        run(ROWS, prompt="{q}", score="contains", expected="right"),
        run(ROWS, prompt="{q}", score="contains", expected="right", out=out),
    ):
        assert isinstance(found, Evaluation)
        assert len(found) == 4
        assert found[-1].model == "gpt-4.1"
        assert [one.row for one in found[1:3]] == [0, 1]
        assert [one.row for one in found.of("gpt-4o")] == [0, 1]
        assert len(found.failed) == 2
        with pytest.raises(KeyError):
            found.of("o3")
        with pytest.raises(IndexError):
            found[4]
        frame = found.to_pandas()
        assert list(frame.columns) == [
            *("row", "id", "model", "ok", "latency_s", "ttft_s", "input_tokens", "output_tokens", "cost_usd"),
            *("cost_kind", "served_by", "error", "response", "score", "score_error"),
        ]
        assert frame["cost_usd"].isna().all()
        assert frame["score"].tolist()[::2] == [1.0, 0.0]
        assert frame["error"].str.startswith("GatewayError: ").tolist()[1::2] == [True, True]
        found.to_jsonl(tmp_path / "table.jsonl")
        again = pandas.read_json(tmp_path / "table.jsonl", lines=True, dtype=False)
        assert again["response"].tolist() == frame["response"].tolist()
        found.to_parquet(tmp_path / "table.parquet")
        pandas.testing.assert_frame_equal(pandas.read_parquet(tmp_path / "table.parquet"), frame)
        shown = repr(found)
        assert shown.startswith("<Evaluation of 2 models: 4 calls, 2 failed, 2 of unknown cost>")
    with pytest.raises(ConfigurationError, match="the file that the answers are read from"):
        found.to_jsonl(out)


def test_an_answer_with_tool_calls_keeps_its_message(run, gateway, out):
    gateway.script.reply("gpt-4o", tool_calls=[{"name": "look", "arguments": {"at": "x"}}])
    seen: list[Any] = []

    def looked(text: str, row: Any, *, result: Any) -> int:
        seen.append(result)
        return 1

    for _ in range(2):
        run(["Hello"], ONE, out=out, score=looked, rescore=True)
    assert [one.message["tool_calls"][0]["function"]["name"] for one in seen] == ["look", "look"]
    assert seen[0].response == ""
