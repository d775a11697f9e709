"""`aisa chat` with a message: what is sent, what is shown, and what it ends with."""

import pytest

from aisa_integrations.cli import main

STREAMED = pytest.mark.parametrize("how", [(), ("--no-stream",)], ids=["stream", "no-stream"])
HELLO = "Simulated reply from gpt-4o: you said Hello\n"


def bodies(connected):
    return [request.json for request in connected.requests]


# ---- the answer -----------------------------------------------------------------------------------------------------


@STREAMED
def test_the_answer_alone_is_on_stdout_and_a_pipe_gets_no_notes(aisa, connected, how):
    told = aisa("chat", "-m", "gpt-4o", "Hello", *how)
    assert (told.code, told.out, told.err) == (0, HELLO, "")
    assert bodies(connected)[0].get("stream", False) is (how == ())


@STREAMED
def test_any_text_comes_through_both_ways(aisa, connected, how):
    connected.script.reply("gpt-4o", "Zoë 🌟 漢字\n\ttab")
    told = aisa("chat", "-m", "gpt-4o", "Grüß 漢字 🙂", *how)
    assert (told.code, told.out) == (0, "Zoë 🌟 漢字\n\ttab\n")
    assert bodies(connected)[0]["messages"] == [{"role": "user", "content": "Grüß 漢字 🙂"}]


def test_as_the_skill_writes_it(aisa, connected):
    told = aisa("chat", "--model", "gpt-4o", "--message", "Hello", "-s", "Be brief", "-t", "0.2", "--max-tokens", "50",
                "--stream")  # fmt: skip
    assert (told.code, told.out) == (0, HELLO)
    sent = bodies(connected)[0]
    assert sent["messages"] == [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "Hello"}]
    assert (sent["model"], sent["temperature"], sent["max_tokens"]) == ("gpt-4o", 0.2, 50)


def test_what_is_not_given_is_not_sent(aisa, connected):
    aisa("chat", "-m", "gpt-4o", "Hello", "--no-stream")
    assert bodies(connected)[0].keys() == {"model", "messages"}


def test_a_whole_conversation_as_json(aisa, connected):
    said = '[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"Hello"}]'
    assert aisa("chat", "-m", "gpt-4o", "--messages", said).out == HELLO
    assert [message["content"] for message in bodies(connected)[0]["messages"]] == ["a", "b", "Hello"]


@pytest.mark.parametrize(
    ("arguments", "piped", "content"),
    [
        (("Explain:",), "x = 1\n", "Explain:\n\nx = 1"),
        (("--message", "Explain:"), "x = 1\n\n", "Explain:\n\nx = 1"),
        ((), "  indented\n", "  indented"),
        (("Hello",), "\n", "Hello"),
        (("--", "--help me"), "", "--help me"),
    ],
)
def test_what_is_piped_in_is_joined_to_the_message(aisa, connected, arguments, piped, content):
    assert aisa("chat", "-m", "gpt-4o", *arguments, stdin=piped).code == 0
    assert bodies(connected)[0]["messages"] == [{"role": "user", "content": content}]


def test_the_model_is_the_one_named_else_of_the_environment_else_chosen(aisa, connected, monkeypatch):
    told = aisa("chat", "--json", "Hello").document
    assert told["model"] == "aisa/auto"
    assert told["served_by"] == bodies(connected)[0]["model"] != "aisa/auto"
    monkeypatch.setenv("AISA_MODEL", "gpt-4.1")
    assert aisa("chat", "--json", "Hello").document["served_by"] == "gpt-4.1"
    assert aisa("chat", "--json", "-m", "gpt-4o", "Hello").document["served_by"] == "gpt-4o"


@STREAMED
@pytest.mark.parametrize(("reason", "words"), [("length", "--max-tokens"), ("content_filter", "content filter")])
def test_an_answer_that_is_not_whole_says_so_in_a_pipe_too(aisa, connected, how, reason, words):
    connected.script.reply("gpt-4o", "Once upon", finish_reason=reason)
    told = aisa("chat", "-m", "gpt-4o", "Hello", *how)
    assert (told.code, told.out) == (0, "Once upon\n")
    assert told.err.startswith("the answer was cut ")
    assert words in told.err
    told = aisa("chat", "-m", "gpt-4o", "Hello", "--json")
    assert (told.document["finish_reason"], told.err) == (reason, "")


# ---- JSON -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [(), ("--stream",)], ids=["plain", "stream"])
def test_json_is_one_document_with_the_reply_in_it(aisa, connected, how):
    told = aisa("chat", "-m", "gpt-4o", "--json", "Hello", *how)
    assert (told.code, told.err) == (0, "")
    document = told.document
    assert document["ok"] is True
    assert document["response"] == HELLO.strip()
    assert document["finish_reason"] == "stop"
    assert (document["model"], document["served_by"], document["cached"]) == ("gpt-4o", "gpt-4o", False)
    assert document["cost_usd"] == pytest.approx(float(connected.account.spent))
    assert document["cost_kind"] == "billed"
    assert [attempt["cause"] for attempt in document["attempts"]] == [None]
    assert document["reply"]["choices"][0]["message"]["content"] == HELLO.strip()
    assert bodies(connected)[0].get("stream", False) is bool(how)


def test_a_stream_that_no_plain_reply_is_equal_to_has_an_answer_all_the_same(aisa, connected):
    connected.script.set_style("gpt-4o", finish=False)
    document = aisa("chat", "-m", "gpt-4o", "--json", "--stream", "Hello").document
    assert (document["response"], document["finish_reason"]) == (HELLO.strip(), None)


def test_an_unknown_cost_is_null_and_never_0(aisa, connected):
    connected.script.set_style("gpt-4o", usage="none", usage_on="never")
    document = aisa("chat", "-m", "gpt-4o", "--json", "Hello").document
    assert (document["cost_usd"], document["cost_kind"]) == (None, None)


# ---- failures -------------------------------------------------------------------------------------------------------

CAUSES: list[tuple] = [
    # fault, arguments, exit code, what the error says
    ("bad_key", (), 3, "key"),
    ("revoked_api_key", (), 3, "key"),
    ("model_not_allowed", (), 3, "gpt-4o"),
    ("out_of_credits", (), 4, "credits"),
    ("model_gated", (), 4, "balance"),
    ("no_key_402", (), 4, "wallet"),
    ("quota_exceeded", (), 5, "cap"),
    ("rate_limited", (), 5, "too many requests"),
    ("hang", ("--timeout", "0.2"), 7, "timed out"),
    ("model_not_found_500", (), 1, "gpt-4o"),
    ("unknown_model", (), 1, "gpt-4o"),
    ("invalid_request", (), 1, "invalid"),
    ("context_overflow", (), 1, "context"),
    ("content_policy_violation", (), 1, "policy"),
    ("error_in_200", (), 1, "upstream provider failed"),
    ("html_200", (), 1, "gpt-4o"),
]


@pytest.mark.parametrize(("fault", "arguments", "code", "words"), CAUSES, ids=[case[0] for case in CAUSES])
def test_each_cause_has_its_exit_code_and_says_so_in_words_and_json(aisa, connected, fault, arguments, code, words):
    connected.script.fail("gpt-4o", fault)
    told = aisa("chat", "-m", "gpt-4o", "Hello", *arguments)
    assert (told.code, told.out) == (code, "")
    assert "error: " in told.err
    assert words.lower() in told.err.lower()
    assert "Traceback" not in told.err
    asked = len(connected.requests)
    assert asked > 0

    told = aisa("chat", "-m", "gpt-4o", "Hello", "--json", *arguments)
    document = told.document
    assert (told.code, document["ok"], document["exit_code"]) == (code, False, code)
    assert document["error"]["model"] == "gpt-4o"
    assert words.lower() in document["error"]["message"].lower()
    assert len(document["error"]["attempts"]) == len(connected.requests) - asked


def test_several_models_that_fail_each_in_its_way_end_in_6_and_are_listed(aisa, connected):
    connected.script.fail("gpt-4o", "out_of_credits")
    connected.script.fail("gpt-4.1", "unknown_model")
    told = aisa("chat", "-m", "gpt-4o", "--fallback", "gpt-4.1", "Hello")
    assert (told.code, told.out) == (6, "")
    assert "gpt-4o" in told.err
    assert "gpt-4.1" in told.err


def test_nobody_there(aisa, connected, monkeypatch):
    monkeypatch.setenv("AISA_BASE_URL", "http://127.0.0.1:9")
    told = aisa("chat", "-m", "gpt-4o", "Hello")
    assert (told.code, told.out) == (1, "")
    assert "AISA_BASE_URL" in told.err


def test_no_key_says_where_to_get_one_and_how_to_go_without(aisa):
    told = aisa("chat", "Hello")
    assert (told.code, told.out) == (3, "")
    assert "AISA_API_KEY" in told.err
    assert "--local" in told.err
    document = aisa("chat", "Hello", "--json").document
    assert (document["error"]["type"], document["exit_code"]) == ("MissingKeyError", 3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("Hello", "--message", "Hello"), "Say it once"),
        (("Hello", "--messages", "[]"), "Say it once"),
        (("",), "empty"),
        (("--message", " "), "empty"),
        ((), "Say something"),
        (("--messages", "{"), "no JSON"),
        (("--messages", "[]"), "a JSON list"),
        (("--messages", '["Hello"]'), "a JSON list"),
        (("--messages", '[{"role": 5}]'), "a JSON list"),
        (("Hello", "-t", "3"), "from 0 to 2"),
        (("Hello", "-t", "warm"), "--temperature"),
        (("Hello", "--max-tokens", "0"), "1 or more"),
        (("Hello", "--timeout", "0"), "above 0"),
        (("Hello", "--timeout", "nan"), "above 0"),
        (("Hello", "--budget", "lots"), "amount of USD"),
        (("Hello", "--fallback", ","), "at least one model"),
        (("Hello", "again"), "again"),
        (("Hello", "--colour"), "--colour"),
    ],
)
def test_a_wrong_command_line_is_2_and_nothing_is_sent(aisa, connected, arguments, words):
    told = aisa("chat", *arguments)
    assert (told.code, told.out) == (2, "")
    assert words in told.err
    told = aisa("chat", *arguments, "--json")
    assert (told.code, told.document["ok"], told.err) == (2, False, "")
    assert words in told.document["error"]["message"]
    assert connected.requests == []


@pytest.mark.parametrize("fault", ["error_event_after_content", "silent_end_after_content", "cut_after_content"])
def test_a_stream_that_breaks_is_an_error_that_keeps_what_came(aisa, connected, fault):
    connected.script.fail("gpt-4o", fault)
    told = aisa("chat", "-m", "gpt-4o", "Hello")
    assert told.code == 1
    assert told.out.strip()
    assert HELLO.startswith(told.out.rstrip("\n"))
    assert told.out.endswith("\n")
    assert "error: " in told.err
    document = aisa("chat", "-m", "gpt-4o", "Hello", "--json", "--stream").document
    assert (document["error"]["type"], document["exit_code"]) == ("InterruptedStreamError", 1)
    assert document["error"]["partial"] == told.out.rstrip("\n")


# ---- fallback, budget, cache ----------------------------------------------------------------------------------------


@STREAMED
def test_a_fallback_answers_and_is_told(aisa, connected, how):
    connected.script.fail("gpt-4o", "server_error")
    told = aisa("chat", "-m", "gpt-4o", "--fallback", "gpt-4.1, o3", "Hello", *how)
    assert (told.code, told.out) == (0, "Simulated reply from gpt-4.1: you said Hello\n")
    assert "gpt-4o" in told.err
    assert "gpt-4.1" in told.err
    document = aisa("chat", "-m", "gpt-4o", "--fallback", "gpt-4.1", "Hello", "--json").document
    assert (document["served_by"], [one["cause"] for one in document["attempts"]]) == (
        "gpt-4.1",
        ["server_error", None],
    )


def test_a_budget_refuses_before_anything_is_sent(aisa, connected):
    told = aisa("chat", "-m", "gpt-4o", "--budget", "0.0000001", "Hello")
    assert (told.code, told.out, connected.requests) == (4, "", [])
    assert "budget" in told.err


def test_a_budget_of_a_day_holds_for_the_commands_of_that_day(aisa, connected):
    said = ("chat", "-m", "gpt-4o", "--budget", "0.001/day", "--max-tokens", "40", "word " * 40)
    codes = [aisa(*said).code for _ in range(6)]
    assert codes[0] == 0
    assert codes[-1] == 4
    assert len(connected.requests) == codes.count(0)


def test_a_repeated_request_is_answered_from_the_cache(aisa, connected):
    first = aisa("chat", "-m", "gpt-4o", "--cache", "-t", "0", "--json", "Hello").document
    second = aisa("chat", "-m", "gpt-4o", "--cache", "-t", "0", "--json", "Hello").document
    assert (first["cached"], second["cached"], second["cost_usd"]) == (False, True, 0)
    assert second["response"] == first["response"]
    assert aisa("chat", "-m", "gpt-4o", "--cache", "-t", "0", "Hello").out == HELLO
    assert len(connected.requests) == 1


def test_no_arguments_show_the_help_and_are_a_usage_error(capsys):
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Usage: aisa" in err
