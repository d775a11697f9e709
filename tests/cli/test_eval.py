"""`aisa eval`: the figures alone on stdout, an exit code for how it went, and a file that the next run goes on from."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.evaluation.test_killed import on_disk

ROOT = Path(__file__).parents[2]
BOTH = "gpt-4o,gpt-4.1"


@pytest.fixture
def rows(tmp_path: Path) -> str:
    file = tmp_path / "rows.jsonl"
    held = [{"q": f"say {number}", "right": str(number % 2)} for number in range(8)]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in held))
    return str(file)


def test_a_pipe_gets_the_figures_alone(aisa, connected, rows):
    told = aisa("eval", rows, "--models", BOTH, "-p", "{q}", "--score", "contains", "--expected", "right")
    assert (told.code, told.err) == (0, "")
    head, _, first, second, pair = told.out.splitlines()
    assert head.split() == ["model", "n", "failed", "score", "seconds", "in", "out", "cost"]
    assert (first.split()[:3], second.split()[:3]) == (["gpt-4o", "8", "0"], ["gpt-4.1", "8", "0"])
    assert pair.startswith("gpt-4o against gpt-4.1: ")
    assert len(connected.requests) == 16


def test_options_are_sent_and_rows_can_be_few(aisa, connected, rows):
    aisa(
        "eval",
        rows,
        "--models",
        "gpt-4o",
        "-p",
        "{q}",
        "-s",
        "Be brief",
        "-t",
        "0",
        "--max-tokens",
        "9",
        "--limit",
        "2",
    )
    bodies = sorted((request.json for request in connected.requests), key=lambda body: str(body["messages"]))
    assert [[message["content"] for message in body["messages"]] for body in bodies] == [
        ["Be brief", "say 0"], ["Be brief", "say 1"],
    ]  # fmt: skip
    assert all((body["temperature"], body["max_tokens"]) == (0, 9) for body in bodies)


def test_what_is_in_the_file_is_not_asked_again(aisa, connected, rows, tmp_path):
    out = tmp_path / "out.jsonl"
    asked = ("eval", rows, "--models", BOTH, "-p", "{q}", "-o", str(out), "--json")
    documents = [aisa(*asked).document for _ in range(2)]
    assert documents[0] == documents[1]
    assert len(connected.requests) == 16
    document = documents[0]
    assert (document["ok"], document["complete"], document["calls"], document["calls_in_all"]) == (True, True, 16, 16)
    assert document["billed_usd"] == pytest.approx(float(connected.account.spent))
    assert [model["n"] for model in document["models"]] == [8, 8]
    assert (document["out"], document["stopped"], document["exit_code"]) == (str(out), None, 0)
    assert "results" not in document
    assert len(aisa(*asked[:6], "--json").document["results"]) == 16


ENDINGS = [
    # faults of the two models, exit code without and with --strict
    ((None, "server_error"), 0, 1),
    (("server_error", "server_error"), 1, 1),
    (("server_error", "hang"), 6, 6),
    (("bad_key", "bad_key"), 3, 3),
    (("out_of_credits", "out_of_credits"), 4, 4),
    (("quota_exceeded", "quota_exceeded"), 5, 5),
]


@pytest.mark.parametrize(("faults", "code", "strictly"), ENDINGS, ids=[str(case[0]) for case in ENDINGS])
def test_exit_codes(aisa, connected, rows, faults, code, strictly):
    for model, fault in zip(BOTH.split(","), faults, strict=True):
        if fault is not None:
            connected.script.fail(model, fault)
    asked = ("eval", rows, "--models", BOTH, "-p", "{q}", "--limit", "1", "--timeout", "0.5")
    assert aisa(*asked).code == code
    told = aisa(*asked, "--strict", "--json")
    assert (told.code, told.document["exit_code"], told.document["ok"]) == (strictly, strictly, False)


def test_a_spent_budget_ends_it_and_says_how_to_go_on(aisa, connected, rows, tmp_path):
    out = tmp_path / "out.jsonl"
    asked = ("eval", rows, "--models", BOTH, "-p", "{q}", "-o", str(out), "--max-tokens", "40")
    told = aisa(*asked, "--budget", "0.001")
    assert told.code == 4
    assert "the evaluation was stopped after " in told.err
    assert "Set a lower --max-tokens, raise the budget" in told.err
    assert f"what is done is in {out}: the same command goes on from there" in told.err
    done = len(connected.requests)
    assert 0 < done < 16
    document = aisa(*asked, "--budget", "0.001", "--json").document
    assert (document["stopped"]["type"], document["complete"]) == ("BudgetExceededError", False)
    assert aisa(*asked).code == 0
    assert len(connected.requests) == 16


WRONG = [
    (("--models", BOTH), 2, "neither a `prompt` nor `messages`, but q, right"),
    (("--models", BOTH, "-p", "{nope}"), 2, "the prompt asks for {nope}, and the row has q, right"),
    (("--models", ","), 2, "at least one"),
    (("--models", BOTH, "-p", "{q}", "--score", "best"), 2, "one of exact_match, contains, matches"),
    (("--models", BOTH, "-p", "{q}", "--score", "contains"), 2, "needs expected"),
    (("--models", BOTH, "-p", "{q}", "--tier", "gold"), 2, "free, starter, growth"),
    (("--models", BOTH, "-p", "{q}", "--limit", "0"), 2, "--limit"),
    (("--models", BOTH, "-p", "{q}", "--id", "name"), 2, "row 0 has no 'name'"),
    (("-p", "{q}"), 2, "--models"),
]


@pytest.mark.parametrize(("arguments", "code", "words"), WRONG, ids=[case[2] for case in WRONG])
def test_a_command_line_that_can_t_work_is_told_before_anything_is_sent(aisa, connected, rows, arguments, code, words):
    told = aisa("eval", rows, *arguments)
    assert (told.code, told.out, connected.requests) == (code, "", [])
    assert words in told.err
    document = aisa("eval", rows, *arguments, "--json").document
    assert (document["ok"], document["exit_code"]) == (False, code)


def test_no_rows_and_no_file_are_told(aisa, connected, tmp_path):
    (tmp_path / "empty.csv").write_text("q\n")
    told = aisa("eval", str(tmp_path / "empty.csv"), "--models", BOTH, "-p", "{q}")
    assert (told.code, "holds no row" in told.err) == (2, True)
    told = aisa("eval", str(tmp_path / "none.csv"), "--models", BOTH, "-p", "{q}")
    assert (told.code, "can't be read: No such file" in told.err) == (2, True)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_by_a_signal_it_says_how_to_go_on(connected, rows, tmp_path, number, code):
    out = tmp_path / "out.jsonl"
    connected.script.fail("gpt-4.1", "hang", after=2)
    asked = [sys.executable, "-m", "aisa_integrations.cli", "eval", rows, "--models", BOTH, "-p", "{q}", "-o", str(out)]
    with subprocess.Popen(
        asked, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as command:  # fmt: skip
        deadline = time.monotonic() + 20
        while len(on_disk(out)) < 10 and time.monotonic() < deadline:
            time.sleep(0.02)
        command.send_signal(number)
        told, said = command.communicate(timeout=10)
    assert (command.returncode, told) == (code, "")
    assert f"10 of 16 calls are in {out}: the same again goes on from there." in said
    assert "Traceback" not in said


def test_a_person_sees_how_far_it_is(connected, rows, terminal):
    opened = terminal("eval", rows, "--models", BOTH, "-p", "{q}")
    assert opened.ends() == 0
    assert "16/16" in opened.raw
    assert "billed" in opened.raw
