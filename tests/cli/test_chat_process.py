"""`aisa chat` as a process of its own: pipes, encodings, Ctrl-C, and what a person sees on a terminal."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# ---- in a pipe ------------------------------------------------------------------------------------------------


def command(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "aisa_integrations.cli", *arguments],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
    )  # fmt: skip


def test_a_stdout_that_cannot_show_it_gets_it_escaped(connected):
    connected.script.reply("gpt-4o", "Zoë 漢")
    with command("chat", "-m", "gpt-4o", "Hello", env={**os.environ, "PYTHONIOENCODING": "ascii"}) as running:
        out, err = running.communicate(timeout=30)
    assert (running.returncode, out, err) == (0, b"Zo\\xeb \\u6f22\n", b"")


def test_bytes_that_are_no_text_are_refused(connected):
    with subprocess.Popen(
        [sys.executable, "-m", "aisa_integrations.cli", "chat", "Hello"], cwd=ROOT,
        env={**os.environ, "PYTHONUTF8": "1"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as running:  # fmt: skip
        out, err = running.communicate(b"\x89PNG\r\n\xff\xfe", timeout=30)
    assert (running.returncode, out) == (2, b"")
    assert b"aisa vision" in err
    assert connected.requests == []


def test_a_reader_that_leaves_is_no_error_and_ends_the_request(connected):
    connected.script.reply("gpt-4o", "word " * 5000)
    connected.script.set_style("gpt-4o", chunk_delay=0.001)
    with command("chat", "-m", "gpt-4o", "Hello") as running:
        assert running.stdout.read(20) == b"word " * 4
        running.stdout.close()
        assert running.wait(30) == 0
        assert running.stderr.read() == b""
    assert connected.wait(disconnects=1)


@pytest.mark.parametrize("where", ["before the first content", "in the stream", "in a plain reply"])
def test_ctrl_c_ends_at_once_with_130_and_ends_the_request(connected, where):
    connected.script.fail("gpt-4o", "hang_after_content" if where == "in the stream" else "hang")
    how = ("--no-stream",) if where == "in a plain reply" else ()
    with command("chat", "-m", "gpt-4o", "Hello", *how) as running:
        if where == "in the stream":
            assert running.stdout.read(9) == b"Simulated"
        assert connected.wait(requests=1, idle=False, timeout=20)
        time.sleep(0.2)  # for the head of the reply to have been read
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=30)
        assert running.returncode == 130
    assert b"Traceback" not in err
    assert b"error" not in err
    assert connected.wait(disconnects=1)
    assert len(connected.requests) == 1


# ---- on a terminal --------------------------------------------------------------------------------------------------


def test_a_person_sees_who_answered_and_what_it_cost(terminal, connected):
    connected.script.fail("gpt-4o", "server_error")
    shown = terminal("chat", "-m", "gpt-4o", "--fallback", "gpt-4.1", "Hello")
    assert shown.ends() == 0
    answer, receipt = shown.seen.rstrip("\n").splitlines()[-2:]
    assert answer == "Simulated reply from gpt-4.1: you said Hello"
    assert receipt.startswith("gpt-4.1 · after gpt-4o (server_error) · ")
    assert " billed · " in receipt
    assert receipt.endswith(" left")
    assert "\x1b[2m" in shown.raw


def test_a_person_sees_who_is_asked_until_an_answer_comes(aisa, terminal, connected):
    connected.script.fail("o3", "out_of_credits")
    connected.script.set_style("gpt-4o", latency=0.5)
    shown = terminal("chat", "-m", "o3", "--fallback", "gpt-4o", "Hello")
    assert shown.ends() == 0
    assert "asking o3" in shown.raw
    assert shown.seen.startswith("o3 failed (insufficient_credits, status 402); asking gpt-4o\nSimulated reply")
    assert "\x1b[?25h" in shown.raw[shown.raw.rindex("\x1b[?25") :]  # the cursor is back
    assert "asking" not in aisa("chat", "-m", "gpt-4o", "Hello").err


def test_no_colour_where_none_is_wanted(terminal, connected):
    shown = terminal("chat", "-m", "nonsense", "Hello", "--fallback", "gpt-4.1", NO_COLOR="1")
    connected.script.fail("nonsense", "server_error")
    assert shown.ends() == 0
    assert "\x1b[3" not in shown.raw


def test_reasoning_is_for_a_person_and_apart_from_the_answer(aisa, terminal, connected):
    connected.script.set_style("gpt-4o", reasoning="reasoning_content")
    connected.script.reply("gpt-4o", "Four.", reasoning="Two and two.")
    told = aisa("chat", "-m", "gpt-4o", "Hello")
    assert (told.out, told.err) == ("Four.\n", "")
    shown = terminal("chat", "-m", "gpt-4o", "Hello")
    assert shown.ends() == 0
    assert "Two and two.\n\nFour.\n" in shown.seen


def test_reasoning_of_a_plain_reply_is_shown_too(terminal, connected):
    connected.script.set_style("gpt-4o", reasoning="reasoning")
    connected.script.reply("gpt-4o", "Four.", reasoning="Two and two.")
    shown = terminal("chat", "-m", "gpt-4o", "Hello", "--no-stream")
    assert shown.ends() == 0
    assert "Two and two.\n\nFour.\n" in shown.seen


def test_what_a_model_writes_commands_no_terminal(aisa, terminal, connected):
    connected.script.reply("gpt-4o", "a\x1b]0;title\x07b\x9b2Jc\rd")
    assert aisa("chat", "-m", "gpt-4o", "Hello").out == "a\x1b]0;title\x07b\x9b2Jc\rd\n"
    shown = terminal("chat", "-m", "gpt-4o", "Hello")
    assert shown.ends() == 0
    assert "a␛]0;title␇b\ufffd2Jcd\r\n" in shown.raw


def test_ctrl_c_on_a_terminal_leaves_a_clean_line(terminal, connected):
    connected.script.fail("gpt-4o", "hang_after_content")
    shown = terminal("chat", "-m", "gpt-4o", "Hello")
    shown.until("Simulated")
    time.sleep(0.2)
    shown.type("\x03")
    assert shown.ends() == 130
    assert shown.raw.endswith("\n")
    assert "Traceback" not in shown.seen
    assert connected.wait(disconnects=1)
