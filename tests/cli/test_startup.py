"""What `aisa --help` loads: nothing that a verb alone needs, for help is asked for often and should come at once."""

import subprocess
import sys

import pytest

from aisa_integrations.cli.app import app

HEAVY = {"rich", "httpx2", "openai", "jiter", "asyncio", "ssl", "sqlite3", "readline", "uvicorn"}
OURS = {
    "transport",
    "gateway_client",
    "comparison",
    "evaluation",
    "catalogue",
    "routing",
    "budget",
    "cache",
    "local.server",
    "images",
    "settings",
}

VERBS = ["chat", "vision", "compare", "eval", "models", "balance", "usage", "serve", "doctor"]


@pytest.mark.parametrize("verb", [[], *([verb] for verb in VERBS)], ids=str)
def test_help_loads_nothing_heavy(verb):
    program = f"""
import sys
from aisa_integrations.cli import main
assert main({[*verb, "--help"]!r}) == 0
print(*sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.splitlines()[-1].split())
    # typer itself takes pydantic to read a verb's own options.
    assert (HEAVY if verb else {*HEAVY, "pydantic"}) & loaded == set()
    assert {f"aisa_integrations.{name}" for name in OURS} & loaded == set()


def test_every_verb_is_looked_at():
    assert [command.name or getattr(command.callback, "__name__", None) for command in app.registered_commands] == VERBS


def test_without_typer_the_hint_says_what_to_install():
    program = (
        "import sys; sys.modules['typer'] = None; from aisa_integrations.cli import main; sys.exit(main(['chat']))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (1, "")
    assert 'pip install "aisa-integrations[cli]"' in run.stderr
    assert "Traceback" not in run.stderr
