"""`aisa chat` with nothing to say, on a terminal: a conversation."""

import os
import time

import pytest

from aisa_integrations.cli.conversation import HINT


def contents(request):
    return [message["content"] for message in request.json["messages"]]


def answers(connected, *texts):
    for text in texts:
        connected.script.reply("gpt-4o", text, times=1)


# ---- what is typed, in this process; stdout is no terminal here, so that it holds the answers alone -----------------


def test_what_was_said_goes_along(aisa, connected):
    answers(connected, "one", "two")
    told = aisa("chat", "-m", "gpt-4o", "-s", "Be brief", typed="first\n\n  \nsecond\n")
    assert (told.code, told.out) == (0, "one\ntwo\n")
    assert told.err.startswith(f"a conversation with gpt-4o: {HINT}\n> ")
    assert [contents(request) for request in connected.requests] == [
        ["Be brief", "first"],
        ["Be brief", "first", "one", "second"],
    ]


@pytest.mark.parametrize("how", [(), ("--no-stream",)], ids=["stream", "no-stream"])
def test_a_turn_that_fails_is_told_and_the_conversation_goes_on_without_it(aisa, connected, how):
    connected.script.fail("gpt-4o", "out_of_credits", times=1)
    answers(connected, "one")
    told = aisa("chat", "-m", "gpt-4o", *how, typed="first\nsecond\n")
    assert (told.code, told.out) == (0, "one\n")
    assert "error: Insufficient credits" in told.err
    assert contents(connected.requests[-1]) == ["second"]


def test_what_came_before_a_break_is_part_of_it(aisa, connected):
    connected.script.fail("gpt-4o", "silent_end_after_content", times=1)
    told = aisa("chat", "-m", "gpt-4o", typed="first\ngo on\n")
    came = told.out.splitlines()[0]
    assert "error: " in told.err
    assert contents(connected.requests[-1]) == ["first", came, "go on"]


@pytest.mark.parametrize("end", ["/exit\n", "/quit\n", "", "/EXIT  \n"])
def test_it_ends_with_a_command_or_the_end_of_what_is_typed(aisa, connected, end):
    told = aisa("chat", "-m", "gpt-4o", typed=f"{end}" if not end else f"{end}not asked\n")
    assert (told.code, told.out, connected.requests) == (0, "", [])


def test_another_model_from_here_on(aisa, connected):
    told = aisa("chat", "-m", "gpt-4o", typed="a\n/model gpt-4.1\nb\n/model\n")
    assert told.code == 0
    assert [request.json["model"] for request in connected.requests] == ["gpt-4o", "gpt-4.1"]
    assert len(contents(connected.requests[-1])) == 3
    assert told.err.count("gpt-4.1 answers") == 2


def test_anew(aisa, connected):
    aisa("chat", "-m", "gpt-4o", "-s", "Be brief", typed="a\n/clear\nb\n")
    assert contents(connected.requests[-1]) == ["Be brief", "b"]


def test_an_unknown_command_is_not_sent_and_a_path_is_no_command(aisa, connected):
    told = aisa("chat", "-m", "gpt-4o", typed="/modle gpt-4.1\n/help\n/etc/hosts holds what?\n")
    assert "/modle is no command" in told.err
    assert [contents(request) for request in connected.requests] == [["/etc/hosts holds what?"]]


def test_a_model_that_is_no_route_is_told_and_the_conversation_goes_on(aisa, connected):
    told = aisa("chat", "-m", "gpt-4o", typed="/model aisa/nowhere\na\n/model gpt-4o\nb\n")
    assert told.code == 0
    assert "There is no route 'aisa/nowhere'" in told.err
    assert contents(connected.requests[-1]) == ["b"]


def test_a_budget_is_of_the_whole_conversation(aisa, connected):
    typed = "word " * 40 + "\n" + "a\n" * 9
    told = aisa("chat", "-m", "gpt-4o", "--max-tokens", "40", "--budget", "0.001", typed=typed)
    assert told.code == 0
    assert "budget" in told.err
    assert 0 < len(connected.requests) < 10


@pytest.mark.parametrize(
    ("arguments", "code"), [(("--json",), 2), (("-t", "3"), 2), (("--message", ""), 2), (("--budget", "x"), 2)]
)
def test_what_cannot_work_is_said_before_it_begins(aisa, connected, arguments, code):
    told = aisa("chat", *arguments, typed="Hello\n")
    assert told.code == code
    assert HINT not in told.err
    assert connected.requests == []


def test_no_key_is_said_before_it_begins(aisa):
    told = aisa("chat", typed="Hello\n")
    assert told.code == 3
    assert HINT not in told.err


# ---- on a terminal --------------------------------------------------------------------------------------------------


def test_a_conversation_on_a_terminal(terminal, connected):
    answers(connected, "one", "two")
    shown = terminal("chat", "-m", "gpt-4o", columns=140)
    assert HINT in shown.until("> ")
    shown.type("first\r")
    assert "one\n" in shown.until(" left\n> ")
    # The line before is called back and changed: up, to its start, "my ".
    shown.type("\x1b[A\x01my \r")
    assert "two\n" in shown.until(" left\n> ")
    shown.type("\x04")
    assert shown.ends() == 0
    assert contents(connected.requests[-1]) == ["first", "one", "my first"]
    assert "2 calls · $" in shown.seen
    assert shown.seen.endswith(" billed\n")


def test_lines_that_are_pasted_are_one_message(terminal, connected):
    shown = terminal("chat", "-m", "gpt-4o")
    shown.until("> ")
    shown.type("\x1b[200~def f():\n    return 1\x1b[201~\r")
    shown.until(" left\n> ")
    assert contents(connected.requests[-1]) == ["def f():\n    return 1"]


@pytest.mark.parametrize("fault", ["hang_after_content", "hang"])
def test_ctrl_c_stops_an_answer_and_the_conversation_goes_on(terminal, connected, fault):
    connected.script.fail("gpt-4o", fault, times=1)
    shown = terminal("chat", "-m", "gpt-4o")
    shown.until("> ")
    shown.type("first\r")
    if fault == "hang_after_content":
        shown.until("Simulated")
    assert connected.wait(requests=1, idle=False, timeout=20)
    time.sleep(0.3)
    shown.type("\x03")
    shown.until("stopped\n> ")
    assert connected.wait(disconnects=1)
    shown.type("second\r")
    shown.until(" left\n> ")
    time.sleep(0.3)  # readline prints its prompt a moment before it listens for signals
    shown.type("\x03")
    assert shown.ends() == 130
    assert "Traceback" not in shown.seen
    *before, second = contents(connected.requests[-1])
    assert second == "second"
    assert [text[:9] for text in before] == (["first", "Simulated"] if fault == "hang_after_content" else [])


def test_ctrl_c_at_the_prompt_ends_with_130_and_a_clean_line(terminal):
    shown = terminal("chat", "-m", "gpt-4o")
    shown.until("> ")
    shown.type("half a li")
    shown.until("half a li")
    shown.type("\x03")
    assert shown.ends() == 130
    assert shown.raw.endswith("\n")
    assert "Traceback" not in shown.seen


def test_answers_go_where_stdout_goes_and_the_prompt_does_not(terminal, connected):
    answers(connected, "one")
    reading, writing = os.pipe()
    shown = terminal("chat", "-m", "gpt-4o", stdout=writing)
    os.close(writing)
    shown.until("> ")
    shown.type("first\n")
    shown.until(" left\n> ")
    shown.type("\x04")
    assert shown.ends() == 0
    with os.fdopen(reading) as pipe:
        assert pipe.read() == "one\n"


def test_nothing_that_was_said_is_left_in_a_file(terminal, connected, tmp_path):
    shown = terminal("chat", "-m", "gpt-4o", HOME=str(tmp_path))
    shown.until("> ")
    shown.type("prompt-secret\r")
    shown.until(" left\n> ")
    shown.type("/exit\r")
    assert shown.ends() == 0
    for folder in (tmp_path, os.environ["AISA_HOME"]):
        for parent, _, names in os.walk(folder):
            for name in names:
                with open(os.path.join(parent, name), "rb") as file:
                    assert b"prompt-secret" not in file.read()
