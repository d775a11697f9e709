"""Whatever stdout and stderr are, no verb ends in a traceback."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

OFFLINE = [["models"], ["usage", "--json"], ["models", "nonesuch"]]


def shell(command: str, *arguments: str, **options: object) -> "subprocess.CompletedProcess[str]":
    """Run a command line of `sh` in which "$@" is `aisa` with these arguments."""
    run = ["sh", "-c", command, "sh", sys.executable, "-m", "aisa_integrations.cli", *arguments]
    return subprocess.run(run, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, **options)  # type: ignore[call-overload]


@pytest.mark.parametrize("arguments", [*OFFLINE[:2], ["doctor", "--local"], ["balance", "--local"]], ids=" ".join)
def test_a_reader_that_leaves_is_no_error(arguments):
    ran = shell('{ "$@"; echo $? >&2; } | true', *arguments)
    assert ran.stderr == "0\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-"])
@pytest.mark.parametrize("arguments", OFFLINE, ids=" ".join)
def test_a_closed_stream_is_no_error(arguments, closed):
    ran = shell(f'"$@" {closed}', *arguments)
    assert ran.returncode == ("nonesuch" in arguments)
    assert "Traceback" not in ran.stderr
    if closed == "2>&-" and ran.returncode == 0:
        assert ran.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [*OFFLINE[:2], ["--help"]], ids=" ".join)
def test_a_full_disk_is_said_in_one_line(arguments):
    ran = shell('"$@" > /dev/full', *arguments)
    assert ran.returncode == 1
    assert ran.stderr.startswith("error: ")
    assert "No space left on device" in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_an_encoding_that_lacks_a_letter_is_no_error():
    ran = shell('"$@"', "models", "kimi", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.isascii()


@pytest.mark.parametrize("arguments", [["balance"], ["models", "--live"], ["doctor"]], ids=" ".join)
def test_ctrl_c_ends_a_wait_at_once(connected, arguments):
    connected.script.fail("*", "hang")
    command = [sys.executable, "-m", "aisa_integrations.cli", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert connected.wait(requests=1, idle=False, timeout=20)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert (out, err.strip()) == ("", "")


def test_under_nohup_a_closed_terminal_ends_nothing(connected):
    connected.script.set_style("*", latency=0.5)
    with subprocess.Popen(
        ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", sys.executable, "-m", "aisa_integrations.cli", "chat", "hello"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert connected.wait(requests=1, idle=False, timeout=20)
        process.send_signal(signal.SIGHUP)
        out, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "hello" in out
