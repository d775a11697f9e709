"""`aisa compare`: answers side by side, a row for each model, and an exit code for how it went."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aisa_integrations import Comparison
from aisa_integrations.cli.side_by_side import columns
from aisa_integrations.comparison import COLUMNS

ROOT = Path(__file__).parents[2]
BOTH = "gpt-4o,gpt-4.1"


def said(model, text="Hello"):
    return f"Simulated reply from {model}: you said {text}"


def models(connected):
    return sorted(request.json["model"] for request in connected.requests)


# ---- what comes out -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [("-m", "Hello"), ("--message", "Hello"), ("Hello",)], ids=["-m", "--message", "word"])
def test_a_pipe_gets_the_answers_alone_in_the_order_asked(aisa, connected, how):
    connected.script.set_style("gpt-4o", latency=0.2)
    told = aisa("compare", "--models", BOTH, *how)
    assert (told.code, told.err) == (0, "")
    assert told.out == f"== gpt-4o ==\n\n{said('gpt-4o')}\n\n== gpt-4.1 ==\n\n{said('gpt-4.1')}\n"
    assert models(connected) == ["gpt-4.1", "gpt-4o"]


def test_what_is_piped_in_is_joined_and_options_are_sent(aisa, connected):
    aisa("compare", "--models", BOTH, "Explain:", "-s", "Be brief", "-t", "0.2", "--max-tokens", "9", stdin="x = 1\n")
    for request in connected.requests:
        body = request.json
        assert [message["content"] for message in body["messages"]] == ["Be brief", "Explain:\n\nx = 1"]
        assert (body["temperature"], body["max_tokens"]) == (0.2, 9)


def test_json_has_a_row_for_each_model(aisa, connected):
    connected.script.fail("gpt-4.1", "out_of_credits")
    told = aisa("compare", "--models", BOTH, "Hello", "--json")
    document = told.document
    assert (told.code, told.err, document["ok"], document["exit_code"]) == (0, "", True, 0)
    good, bad = document["results"]
    assert list(good)[: len(COLUMNS)] == list(bad)[: len(COLUMNS)] == list(COLUMNS)
    assert (good["model"], good["ok"], good["response"], good["error"]) == ("gpt-4o", True, said("gpt-4o"), None)
    assert (good["served_by"], good["cost_kind"], good["finish_reason"]) == ("gpt-4o", "billed", "stop")
    assert [attempt["cause"] for attempt in good["attempts"]] == [None]
    assert (bad["model"], bad["ok"], bad["response"], bad["cost_usd"]) == ("gpt-4.1", False, "", None)
    assert bad["error"]["type"] == "InsufficientCreditsError"
    assert [attempt["cause"] for attempt in bad["attempts"]] == ["insufficient_credits"]
    assert document["billed_usd"] == pytest.approx(float(connected.account.spent))


def test_one_that_fails_is_told_beside_the_answers(aisa, connected):
    connected.script.fail("gpt-4o", "out_of_credits")
    told = aisa("compare", "--models", BOTH, "Hello")
    assert (told.code, told.out) == (0, f"== gpt-4.1 ==\n\n{said('gpt-4.1')}\n")
    assert "error: Insufficient credits" in told.err
    assert "[gpt-4o]" in told.err


def test_an_answer_that_is_not_whole_is_told(aisa, connected):
    connected.script.reply("gpt-4o", "Once upon", finish_reason="length")
    told = aisa("compare", "--models", BOTH, "Hello")
    assert (told.code, told.err.count("cut")) == (0, 1)
    assert told.err.startswith("gpt-4o: the answer was cut ")


def test_a_fallback_stands_under_the_name_that_was_asked_and_says_who_answered(aisa, connected):
    connected.script.fail("gpt-4o", "out_of_credits")
    told = aisa("compare", "--models", BOTH, "Hello", "--fallback", "gpt-4o-mini")
    assert told.code == 0
    assert f"== gpt-4o (by gpt-4o-mini) ==\n\n{said('gpt-4o-mini')}\n" in told.out


# ---- how it ends ----------------------------------------------------------------------------------------------------

ENDINGS: list[tuple] = [
    # faults of the two models, exit code without and with --strict
    ((None, None), 0, 0),
    ((None, "out_of_credits"), 0, 4),
    ((None, "unknown_model"), 0, 1),
    (("out_of_credits", "model_gated"), 4, 4),
    (("bad_key", "revoked_api_key"), 3, 3),
    (("quota_exceeded", "quota_exceeded"), 5, 5),
    (("out_of_credits", "unknown_model"), 6, 6),
]


@pytest.mark.parametrize(("faults", "code", "strictly"), ENDINGS, ids=[str(case[0]) for case in ENDINGS])
def test_exit_codes(aisa, connected, faults, code, strictly):
    for model, fault in zip(BOTH.split(","), faults, strict=True):
        if fault is not None:
            connected.script.fail(model, fault)
    assert aisa("compare", "--models", BOTH, "Hello").code == code
    told = aisa("compare", "--models", BOTH, "Hello", "--strict", "--json")
    assert (told.code, told.document["exit_code"], told.document["ok"]) == (strictly, strictly, strictly == 0)


def test_a_model_that_is_too_slow(aisa, connected):
    connected.script.fail("gpt-4o", "hang")
    told = aisa("compare", "--models", "gpt-4o", "Hello", "--timeout", "0.2")
    assert (told.code, told.out) == (7, "")


def test_a_budget_holds_for_all_of_them(aisa, connected):
    told = aisa("compare", "--models", BOTH, "Hello", "--budget", "0.0000001")
    assert (told.code, told.out, connected.requests) == (4, "", [])


def test_a_repeated_comparison_is_answered_from_the_cache(aisa, connected):
    for costs in (False, True):
        rows = aisa("compare", "--models", BOTH, "Hello", "-t", "0", "--cache", "--json").document["results"]
        assert [row["cost_usd"] == 0 for row in rows] == [costs, costs]
    assert len(connected.requests) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("Hello",), "--models"),
        (("Hello", "--models", ","), "at least one"),
        (("Hello", "--models", "gpt-4o,gpt-4o"), "twice"),
        (("--models", BOTH), "Say something"),
        (("--models", BOTH, "Hello", "-m", "Hello"), "Say it once"),
        (("--models", BOTH, "Hello", "-t", "9"), "from 0 to 2"),
    ],
)
def test_a_wrong_command_line_is_2_and_nothing_is_sent(aisa, connected, arguments, words):
    told = aisa("compare", *arguments)
    assert (told.code, told.out) == (2, "")
    assert words in told.err
    assert words in aisa("compare", *arguments, "--json").document["error"]["message"]
    assert connected.requests == []


def test_no_key(aisa):
    assert aisa("compare", "--models", BOTH, "Hello").code == 3


def test_nothing_failed_is_success_however_strict():
    from aisa_integrations.cli.compare import ending

    assert ending(Comparison([], []), strict=True) == 0


# ---- left in the middle ---------------------------------------------------------------------------------------------


def test_ctrl_c_ends_at_once_shows_what_had_come_and_ends_the_requests(connected):
    connected.script.fail("gpt-4.1", "hang")
    with subprocess.Popen(
        [sys.executable, "-m", "aisa_integrations.cli", "compare", "--models", BOTH, "Hello"], cwd=ROOT,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as running:  # fmt: skip
        assert connected.wait(requests=2, idle=False, timeout=20)
        time.sleep(1)  # for the answer that came to be read
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
        assert running.returncode == 130
    assert out == f"== gpt-4o ==\n\n{said('gpt-4o')}\n"
    assert "Traceback" not in err
    assert connected.wait(disconnects=1)
    assert len(connected.requests) == 2


# ---- on a terminal --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("width", "answers", "across"),
    [(100, 2, 2), (80, 2, 2), (60, 2, 1), (100, 3, 2), (120, 3, 3), (200, 5, 5), (150, 5, 3), (20, 1, 1), (80, 1, 1)],
)
def test_answers_stand_side_by_side_where_there_is_room(width, answers, across):
    assert columns(width, answers) == across


def test_a_person_sees_how_it_stands_and_then_the_answers_beside_each_other(terminal, connected):
    connected.script.fail("o3", "out_of_credits")
    connected.script.set_style("gpt-4.1", latency=0.8)
    shown = terminal("compare", "--models", f"{BOTH},o3", "Hello", columns=100)
    shown.until("asked …")
    assert shown.ends() == 0
    rest = shown.seen[shown.seen.rindex("model   ") :]
    lines = rest.splitlines()
    states = [line.split()[:2] for line in lines[2:5]]
    assert states == [["gpt-4o", "answered"], ["gpt-4.1", "answered"], ["o3", "failed:"]]
    assert all(" billed" in line for line in lines[2:4])
    assert any("gpt-4o" in line and "gpt-4.1" in line for line in lines[5:])
    assert "error: Insufficient credits. Please top up your account. [o3]" in rest
    assert "3 calls · $" in rest


def test_a_narrow_terminal_gets_them_one_below_the_other(terminal, connected):
    shown = terminal("compare", "--models", BOTH, "Hello", columns=50)
    assert shown.ends() == 0
    assert all(len(line) <= 50 for line in shown.seen.splitlines())
    assert "Simulated reply from gpt-4o" in shown.seen
    assert "Simulated reply from gpt-4.1" in shown.seen


def test_answers_go_where_stdout_goes_and_the_table_does_not(terminal, connected):
    reading, writing = os.pipe()
    shown = terminal("compare", "--models", BOTH, "Hello", stdout=writing)
    os.close(writing)
    assert shown.ends() == 0
    with os.fdopen(reading) as pipe:
        assert pipe.read() == f"== gpt-4o ==\n\n{said('gpt-4o')}\n\n== gpt-4.1 ==\n\n{said('gpt-4.1')}\n"
    assert "answered" in shown.seen
    assert "Simulated" not in shown.seen


def test_ctrl_c_on_a_terminal_leaves_the_table_and_what_had_come(terminal, connected):
    connected.script.fail("gpt-4.1", "hang")
    shown = terminal("compare", "--models", BOTH, "Hello")
    shown.until("answered")
    shown.type("\x03")
    assert shown.ends() == 130
    assert "Traceback" not in shown.seen
    assert "Simulated reply from gpt-4o" in shown.seen
    assert "\x1b[?25h" in shown.raw[shown.raw.rindex("\x1b[?25") :]  # the cursor is back
    assert connected.wait(disconnects=1)


def test_without_colour_and_on_a_dumb_terminal(terminal, connected):
    shown = terminal("compare", "--models", BOTH, "Hello", TERM="dumb", NO_COLOR="1")
    assert shown.ends() == 0
    assert "\x1b" not in shown.raw
    assert shown.seen.count("answered") == 2
