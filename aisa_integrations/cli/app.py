"""The command's verbs, and the one place where its errors become words, JSON and exit codes."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Annotated, TextIO

import typer

from .. import __version__
from ..errors import AisaError, ConfigurationError
from .balance import balance
from .chat import chat
from .compare import compare
from .doctor import doctor
from .evaluating import evaluate
from .exits import Exit, exit_code
from .models import models
from .receipt import error_record
from .screen import ReaderLeft, Screen, failovers_told
from .serve import serve
from .signals import ending_in_order
from .usage import usage
from .vision import vision
from .wording import in_words

# Plain help: rich's takes three times as long, for it loads a Markdown parser and a highlighter.
app = typer.Typer(
    name="aisa", rich_markup_mode=None, pretty_exceptions_enable=False, invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip
for verb in (chat, vision, compare, evaluate, models, balance, usage, serve, doctor):
    app.command("eval" if verb is evaluate else None)(verb)


def _version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"aisa {__version__}\n")
        raise typer.Exit


@app.callback()
def aisa(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Ask many models through one gateway, compare them, and see what it cost.

    The key is $AISA_API_KEY; no key yet: any verb with --local. The answer is on stdout, all else on stderr.
    Exit codes: 0 ok, 1 other, 2 usage, 3 key, 4 credits or budget, 5 rate, 6 all models failed, 7 timeout,
    130 interrupt.
    """
    if context.invoked_subcommand is None:
        sys.stderr.write(f"{context.get_help()}\n")
        raise typer.Exit(Exit.USAGE)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; nothing that a user can cause ends in a traceback."""
    _let_output_be_any_text()
    screen = Screen(as_json=wants_json(arguments))
    try:
        with failovers_told(screen), ending_in_order():
            return _run(arguments, screen)
    except ReaderLeft:
        _write_nowhere(sys.stdout, sys.stderr)
        return Exit.OK
    except OSError as error:
        # Above all a full disk below stdout or stderr.
        _write_nowhere(sys.stdout)
        with contextlib.suppress(OSError):
            sys.stderr.write(f"error: {error}\n")
            sys.stderr.flush()
        return Exit.OTHER


def _write_nowhere(*streams: TextIO) -> None:
    # What is still buffered would fail once more when the interpreter ends.
    devnull = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        os.dup2(devnull, stream.fileno())


def _run(arguments: Sequence[str], screen: Screen) -> int:
    try:
        return int(app(args=list(arguments), prog_name="aisa", standalone_mode=False) or Exit.OK)
    except AisaError as error:
        code = exit_code(error)
        if screen.as_json:
            screen.document(error_record(error, code))
        else:
            screen.complaint(in_words(error))
        return code
    except typer.TyperException as error:
        if screen.as_json:
            screen.document(error_record(_usage_error(error), Exit.USAGE))
        else:
            where = getattr(getattr(error, "ctx", None), "command_path", "aisa")
            screen.complaint(f"{error.format_message()}\nTry `{where} --help`.")
        return Exit.USAGE
    except typer.Abort:
        return Exit.INTERRUPT


def _usage_error(error: typer.TyperException) -> AisaError:
    return ConfigurationError(error.format_message(), code="usage")


def wants_json(arguments: Sequence[str]) -> bool:
    """Say whether a command line asks for JSON, before it is known to be a good one: its errors are JSON too."""
    options = arguments[: list(arguments).index("--")] if "--" in arguments else arguments
    return "--json" in options


def _let_output_be_any_text() -> None:
    # A stream that was closed from the start (`>&-`) is None; opened first of all, so that no file gets its number.
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A model writes what it likes, and a terminal of another encoding is no reason to fail after paying for it.
            stream.reconfigure(errors="backslashreplace")
