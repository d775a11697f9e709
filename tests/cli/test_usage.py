"""The command's ledger and `aisa usage`: every call is in it once, by whose word it cost what, and no text."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest

from aisa_integrations.cli.ledger import Entry, Ledger, entry
from aisa_integrations.cli.usage import by_day_and_model
from aisa_integrations.tracking import track
from aisa_integrations.usage import Attempt, Exchange, Usage

NOON = 1_795_608_000.0  # 2026-11-25 12:00 UTC
ORIGIN = "https://api.aisa.one"


def made(**values: object) -> Entry:
    given: dict[str, object] = {
        "at": NOON, "origin": ORIGIN, "verb": "chat", "asked": "gpt-4o", "served": "gpt-4o", "prompt_tokens": 5,
        "completion_tokens": 7, "billed": Decimal("0.1"), "estimated": Decimal(0), "unknown": False, "cached": False,
        "saved": None, "cause": None,
    }  # fmt: skip
    return Entry(**{**given, **values})  # type: ignore[arg-type]


def ledger_file() -> Path:
    return Path(os.environ["AISA_HOME"]) / "usage.sqlite"


# ---- what is written ------------------------------------------------------------------------------------------------


def test_a_call_is_written_as_it_was_billed(aisa, connected):
    assert aisa("chat", "hello").code == 0
    [row] = Ledger().since(0)
    assert (row.verb, row.served, row.origin) == ("chat", connected.account.calls[0].model, connected.url)
    assert row.billed == connected.account.spent
    assert (row.estimated, row.unknown, row.cause) == (Decimal(0), False, None)


def test_the_file_holds_no_word_of_what_was_said(aisa, connected):
    connected.script.reply("gpt-4o", "the answer is 42xyz")
    aisa("chat", "-m", "gpt-4o", "-s", "system-secret", "--no-stream", "prompt-secret")
    written = b"".join(file.read_bytes() for file in ledger_file().parent.iterdir())
    assert b"gpt-4o" in written
    for said in (b"42xyz", b"system-secret", b"prompt-secret"):
        assert said not in written


def test_a_key_given_as_the_model_is_not_written(aisa, connected, canary_key):
    # The error names the model as it was asked, so this one alone runs without the fixture's search of the output.
    run = subprocess.run(
        [sys.executable, "-m", "aisa_integrations.cli", "chat", "-m", canary_key, "hello"],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert run.returncode == 0
    [row] = Ledger().since(0)
    assert row.asked == "(a key)"


@pytest.mark.parametrize(
    ("model", "written"),
    [("sk-aisa-0123456789abcdef01", "(a key)"), ("openai/sk-0123456789abcdef0123", "(a key)"), ("task-a", "task-a")],
)
def test_what_looks_like_any_key_is_not_written_and_what_does_not_is(model, written):
    assert entry(Exchange(model, None), verb="chat", origin=ORIGIN, at=NOON).asked == written


def test_half_a_letter_in_a_models_name_is_written(aisa):
    row = entry(Exchange("half-\ud83d", None), verb="chat", origin=ORIGIN, at=NOON)
    Ledger().append([row])
    assert Ledger().since(0)[0].asked == "half-\\ud83d"


@pytest.mark.parametrize(("fault", "code"), [("wallet_empty", 4), ("bad_key", 3), ("rate_limited", 5)])
def test_a_failed_call_is_written_with_its_cause_and_costs_nothing(aisa, connected, fault, code):
    connected.script.fail("*", fault)
    assert aisa("chat", "-m", "gpt-4o", "hello").code == code
    [row] = Ledger().since(0)
    assert (row.asked, row.served, row.billed, row.unknown) == ("gpt-4o", None, Decimal(0), False)
    assert row.cause


def test_a_stream_that_broke_is_written_as_of_unknown_cost(aisa, connected):
    connected.script.fail("*", "cut_after_content")
    assert aisa("chat", "-m", "gpt-4o", "hello").code == 1
    [row] = Ledger().since(0)
    assert row.unknown
    assert row.cause
    assert (row.billed, row.estimated) == (Decimal(0), Decimal(0))


@pytest.mark.parametrize(
    ("stop", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=["INT", "TERM", "HUP"]
)
def test_what_a_signal_stopped_is_written_as_of_unknown_cost(aisa, connected, stop, code):
    connected.script.set_style("gpt-4o", chunk_delay=0.2)
    command = [sys.executable, "-m", "aisa_integrations.cli", "chat", "-m", "gpt-4o", "hello, hello and hello"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(1)
        for _ in range(1 if stop is signal.SIGINT else 3):  # `timeout` sends it twice at least
            process.send_signal(stop)
        assert process.wait(10) == code
        assert process.stderr.read().strip() == b""
    [row] = Ledger().since(0)
    assert (row.asked, row.billed, row.estimated, row.unknown) == ("gpt-4o", Decimal(0), Decimal(0), True)


def test_each_model_of_a_comparison_is_a_call(aisa, connected):
    connected.script.fail("gpt-5", "server_error")
    assert aisa("compare", "--models", "gpt-4o,gpt-5,glm-5", "hello").code == 0
    rows = Ledger().since(0)
    assert sorted((row.verb, row.asked, row.cause) for row in rows) == [
        ("compare", "glm-5", None), ("compare", "gpt-4o", None), ("compare", "gpt-5", "server_error"),
    ]  # fmt: skip
    assert sum(row.billed for row in rows) == connected.account.spent


def test_a_conversation_is_written_turn_by_turn(connected, terminal):
    chat = terminal("chat", "-m", "gpt-4o")
    chat.until("> ")
    chat.type("first\n")
    chat.until("billed")
    deadline = time.monotonic() + 10
    while not Ledger().since(0) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(Ledger().since(0)) == 1  # and the conversation still goes on


def test_what_failed_and_was_billed_counts_as_track_counts_it():
    failed = Attempt("gpt-4o", 200, "no_answer", 0.1, Decimal("0.02"))
    answered = Attempt("gpt-5-mini", 200, None, 0.1, Decimal("0.01"))
    usage = Usage(prompt_tokens=1, completion_tokens=2, cost=Decimal("0.01"), cost_kind="estimated")
    exchange = Exchange("gpt-4o", "gpt-5-mini", (failed, answered), usage)
    with track() as spend:
        spend.record(exchange)
    row = entry(exchange, verb="chat", origin=ORIGIN, at=NOON)
    assert (row.billed, row.estimated, row.unknown) == (spend.billed, spend.estimated, bool(spend.unknown))
    assert (row.billed, row.estimated) == (Decimal("0.02"), Decimal("0.01"))


def test_a_call_to_this_machine_with_local_is_not_written(aisa, monkeypatch):
    monkeypatch.setitem(sys.modules, "xllamacpp", None)  # simulated answers are enough here
    assert aisa("chat", "--local", "hello").code == 0
    assert not ledger_file().exists()


def test_a_cached_answer_is_a_call_that_cost_nothing(aisa, connected):
    for _ in range(2):
        aisa("chat", "-m", "gpt-4o", "--cache", "--no-stream", "hello")
    total = aisa("usage", "--json").document["total"]
    assert (total["calls"], total["cached"]) == (2, 1)
    assert Decimal(str(total["billed_usd"])) == Decimal(str(total["saved_usd"])) == connected.account.spent


# ---- a ledger that can't be written ---------------------------------------------------------------------------------


def test_a_ledger_that_cannot_be_written_fails_no_call(aisa, connected, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("AISA_HOME", str(tmp_path / "file"))
    ran = aisa("chat", "-m", "gpt-4o", "hello")
    assert ran.code == 0
    assert "hello" in ran.out
    assert "not in `aisa usage`: the usage file" in ran.err


def test_a_broken_ledger_is_kept_and_a_new_one_begins(aisa, connected):
    ledger_file().write_bytes(b"no database at all" * 100)
    ran = aisa("chat", "-m", "gpt-4o", "hello")
    assert ran.code == 0
    assert "is corrupt" in ran.err
    assert "kept as" in ran.err
    assert len(Ledger().since(0)) == 1
    assert [file.read_bytes()[:11] for file in ledger_file().parent.glob("*.corrupt-*")] == [b"no database"]


def test_a_file_that_is_something_else_is_left_alone(aisa, connected):
    with sqlite3.connect(ledger_file()) as other:
        other.execute("CREATE TABLE mine (x)")
    other.close()
    ran = aisa("chat", "-m", "gpt-4o", "hello")
    assert ran.code == 0
    assert "something else's" in ran.err
    shown = aisa("usage", "--json")
    assert shown.code == 1
    assert "Move it away" in shown.document["error"]["message"]


def test_a_ledger_that_another_process_holds_delays_and_fails_no_call(aisa, connected, monkeypatch):
    Ledger().append([made()])
    monkeypatch.setattr("aisa_integrations.cli.ledger._PATIENCE", 0.05)
    with contextlib.closing(sqlite3.connect(ledger_file(), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        ran = aisa("chat", "-m", "gpt-4o", "hello")
        assert ran.code == 0
        assert "was locked for" in ran.err
        shown = aisa("usage")
        assert shown.code == 1
        assert "Try again" in shown.err


def test_several_processes_write_at_once(aisa, connected):
    commands = [
        subprocess.Popen(
            [sys.executable, "-m", "aisa_integrations.cli", "chat", "-m", "gpt-4o", f"call {number}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for number in range(3)
    ]  # fmt: skip
    for command in commands:
        assert command.communicate()[1] == b""
    total = aisa("usage", "--json").document["total"]
    assert total["calls"] == 3
    assert Decimal(str(total["billed_usd"])) == connected.account.spent


# ---- aisa usage -----------------------------------------------------------------------------------------------------


def test_days_are_utc_and_models_apart():
    midnight = NOON + 12 * 3600
    rows = by_day_and_model(
        [
            made(at=midnight - 1),
            made(at=midnight, billed=Decimal(0), estimated=Decimal("0.3"), prompt_tokens=None, completion_tokens=None),
            made(at=midnight, served=None, asked="gpt-5", billed=Decimal(0), unknown=True, cause="timeout"),
            made(at=midnight, served="gpt-5", billed=Decimal("0.7")),
        ]
    )
    assert [(row.day, row.model, row.calls, row.failed) for row in rows] == [
        ("2026-11-26", "gpt-5", 2, 1),
        ("2026-11-26", "gpt-4o", 1, 0),
        ("2026-11-25", "gpt-4o", 1, 0),
    ]
    assert [(row.billed, row.estimated, row.unknown) for row in rows] == [
        (Decimal("0.7"), 0, 1),
        (0, Decimal("0.3"), 0),
        (Decimal("0.1"), 0, 0),
    ]
    assert rows[1].prompt_tokens is None


def test_many_small_amounts_lose_no_digit():
    tiny = Decimal("0.000000000000000000000000000001")
    [row] = by_day_and_model([made(billed=tiny), made(billed=Decimal(1000))])
    assert f"{row.billed:f}" == "1000.000000000000000000000000000001"


def test_the_table_names_each_kind_of_cost_and_fits(aisa, connected, monkeypatch):
    for model in ("gpt-4o", "claude-3-7-sonnet-20250219-thinking"):
        aisa("chat", "-m", model, "hello")
    monkeypatch.setenv("COLUMNS", "80")
    ran = aisa("usage")
    assert ran.code == 0
    assert all(len(line) <= 80 and line == line.rstrip() for line in ran.out.splitlines())
    head, *rows = ran.out.splitlines()
    assert head.split() == ["UTC", "day", "calls", "in", "out", "billed", "estimated", "unknown"]
    assert rows[-1].split()[:2] == ["total", "2"]


@pytest.mark.parametrize(
    ("count", "shown"),
    [(None, "?"), (0, "0"), (9_999, "9,999"), (62_345, "62.3k"), (677_499, "677k"), (10**7, "10.0M")],
)
def test_tokens_stay_short(aisa, monkeypatch, count, shown):
    Ledger().append([made(prompt_tokens=count)])
    monkeypatch.setattr("time.time", lambda: NOON)
    assert aisa("usage").out.splitlines()[-1].split()[2] == shown
    assert aisa("usage", "--json").document["total"]["input_tokens"] == count


@pytest.mark.parametrize(
    ("usd", "shown"),
    [
        ("0", "$0"), ("0.000163775", "$0.000164"), ("1e-12", "$0.000000000001"), ("0.155259178", "$0.1553"),
        ("1234.56789", "$1,234.5679"),
    ],
)  # fmt: skip
def test_sums_are_rounded_in_the_table_and_never_to_nothing(aisa, monkeypatch, usd, shown):
    Ledger().append([made(billed=Decimal(usd))])
    monkeypatch.setattr("time.time", lambda: NOON)
    assert aisa("usage").out.splitlines()[-1].split()[4] == shown
    assert Decimal(str(aisa("usage", "--json").document["total"]["billed_usd"])) == Decimal(usd)


def test_calls_to_another_gateway_are_told_and_not_added(aisa, connected, monkeypatch):
    aisa("chat", "-m", "gpt-4o", "hello")
    monkeypatch.delenv("AISA_BASE_URL")
    ran = aisa("usage")
    assert ran.code == 0
    assert ran.out.startswith("No calls to https://api.aisa.one")
    assert f"1 call to {connected.url}; AISA_BASE_URL={connected.url} shows it." in ran.err
    document = aisa("usage", "--json").document
    assert (document["total"]["calls"], document["calls_elsewhere"]) == (0, {connected.url: 1})


def test_many_other_gateways_are_told_in_one_line(aisa, monkeypatch):
    Ledger().append([made(origin=f"http://127.0.0.1:{port}") for port in range(8000, 8020)])
    monkeypatch.setattr("time.time", lambda: NOON)
    ran = aisa("usage")
    assert ran.err.count("\n") == 1
    assert "20 calls to 20 other gateways" in ran.err
    assert len(aisa("usage", "--json").document["calls_elsewhere"]) == 20


def test_older_days_are_left_out(aisa, monkeypatch):
    Ledger().append([made(at=NOON), made(at=NOON - 86_400), made(at=NOON - 3 * 86_400)])
    monkeypatch.setattr("time.time", lambda: NOON)
    assert aisa("usage", "--days", "2", "--json").document["total"]["calls"] == 2
    assert aisa("usage", "--json").document["total"]["calls"] == 3


def test_looking_makes_no_file(aisa):
    assert aisa("usage").code == 0
    assert not ledger_file().exists()


def test_no_day_is_a_usage_error(aisa):
    assert aisa("usage", "--days", "0").code == 2
