"""Completion: ids of the catalogue and routes, in each shell's own form."""

import os
import shutil
import subprocess
import sys

import pytest

from aisa_integrations.catalogue import catalogue
from aisa_integrations.cli.values import complete_id, complete_ids
from aisa_integrations.routing import route_names


def test_what_completes_is_what_can_be_asked():
    known = complete_id("")
    assert set(known) == {*route_names(), *(model.id for model in catalogue().chat_models(served_only=True))}
    assert complete_id("aisa/ch") == ["aisa/cheap", "aisa/chinese"]
    assert complete_id("GPT-4.1") == ["gpt-4.1", "gpt-4.1-mini"]
    assert complete_id("nonsense") == []


def test_the_last_id_of_several_is_completed_by_another_one():
    assert complete_ids("gpt-4.1,gpt-4.1") == ["gpt-4.1,gpt-4.1-mini"]
    assert complete_ids("gpt-4.1,o3,aisa/chi") == ["gpt-4.1,o3,aisa/chinese"]
    assert complete_ids("gpt-4.1") == ["gpt-4.1", "gpt-4.1-mini"]


def completed(shell, line):
    environment = {
        **os.environ, "_AISA_COMPLETE": f"complete_{shell}", "COMP_WORDS": line, "_TYPER_COMPLETE_ARGS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1), "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }  # fmt: skip
    run = subprocess.run(
        [sys.executable, "-m", "aisa_integrations.cli"], env=environment, capture_output=True, text=True, check=True
    )
    assert run.stderr == ""
    return run.stdout


@pytest.mark.parametrize("shell", ["bash", "fish"])
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("aisa chat -m gpt-4.1", ["gpt-4.1", "gpt-4.1-mini"]),
        ("aisa vision --model aisa/ch", ["aisa/cheap", "aisa/chinese"]),
        ("aisa compare --models o3,gpt-4.1-", ["o3,gpt-4.1-mini"]),
        ("aisa chat --fallback gpt-4.1-", ["gpt-4.1-mini"]),
        ("aisa comp", ["compare"]),
    ],
)
def test_a_shell_is_told(shell, line, words):
    assert [told.split("\t")[0] for told in completed(shell, line).split()[: len(words)]] == words


def test_zsh_is_told():
    assert '"gpt-4.1-mini"' in completed("zsh", "aisa chat -m gpt-4.1-")


@pytest.mark.parametrize(
    ("shell", "command"),
    [
        ("bash", ["bash", "--norc", "-c", 'eval "$(_AISA_COMPLETE=source_bash aisa)"; complete -p aisa']),
        (
            "zsh",
            ["zsh", "-fc", 'autoload -U compinit; compinit -uD; eval "$(_AISA_COMPLETE=source_zsh aisa)"; '
                           "print ${_comps[aisa]}"],
        ),
        ("fish", ["fish", "-c", '_AISA_COMPLETE=source_fish aisa | source; complete -C "aisa chat -m gpt-4.1-"']),
    ],
)  # fmt: skip
def test_the_scripts_of_the_page_work_in_the_shell(shell, command, tmp_path):
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    script = tmp_path / "aisa"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m aisa_integrations.cli "$@"\n')
    script.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert {"bash": "-F _aisa_completion aisa", "zsh": "_aisa_completion", "fish": "gpt-4.1-mini"}[shell] in run.stdout
