"""A conversation on a terminal: what was said before goes along with each message."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..errors import AisaError
from .answer import answer
from .receipt import total
from .screen import Screen
from .session import Session
from .wording import in_words

PROMPT = "> "
HINT = "/model ID asks another model, /clear begins anew, /exit or Ctrl-D ends; Ctrl-C stops an answer"

BodyOf = Callable[[str, list[dict[str, Any]]], dict[str, Any]]


def converse(opened: Session, screen: Screen, model: str, body_of: BodyOf, *, stream: bool | None) -> None:
    """Ask, answer and ask again until Ctrl-D or `/exit`; Ctrl-C at the prompt goes through.

    Args:
        model: who answers at first.
        body_of: makes the body of a call from a model and the messages so far.
        stream: whether answers are shown as they come; None is yes.
    """
    _edit_lines()
    screen.note(f"a conversation with {model}: {HINT}")
    going = _Conversation(opened, screen, model, body_of, stream)
    with contextlib.suppress(EOFError):
        while going.take(_line(screen)):
            pass
    if opened.spend.calls > 1 and screen.for_a_person:
        screen.note(total(opened.spend))


@dataclass(slots=True)
class _Conversation:
    """What was said so far, and to whom the next message goes."""

    opened: Session
    screen: Screen
    model: str
    body_of: BodyOf
    stream: bool | None
    said: list[dict[str, Any]] = field(default_factory=list)

    def take(self, line: str) -> bool:
        """Do what one line asks for, and say whether there may be another."""
        # A path such as /etc/hosts is something to talk about, not a command.
        if command := re.fullmatch(r"/(\w+)(?:\s+(.*))?", line.strip()):
            return self._command(command[1].lower(), (command[2] or "").strip())
        if line.strip():
            self._say(line)
        return True

    def _command(self, name: str, argument: str) -> bool:
        if name in ("exit", "quit", "bye"):
            return False
        if name == "clear":
            self.said.clear()
            self.screen.note("a new conversation: nothing of the old one goes along")
        elif name == "model":
            self.model = argument or self.model
            self.screen.note(f"{self.model} answers{' from here on' if argument else ''}")
        else:
            self.screen.note(HINT if name in ("help", "h") else f"/{name} is no command: {HINT}")
        return True

    def _say(self, text: str) -> None:
        heard: list[str] = []
        self.said.append({"role": "user", "content": text})
        try:
            body = self.body_of(self.model, self.said)
            heard = [answer(self.opened, self.screen, body, stream=self.stream, heard=heard)]
        except KeyboardInterrupt:
            self.screen.note("stopped")
        except AisaError as error:
            self.screen.complaint(in_words(error))
        if came := "".join(heard):
            # Also what came of an answer that was stopped or broke off: "go on" then means something.
            self.said.append({"role": "assistant", "content": came})
        else:
            self.said.pop()


def _edit_lines() -> None:
    """Let lines be edited, recalled and pasted whole. What was typed is kept for this conversation, and in no file."""
    try:
        import readline
    except ImportError:  # Windows, whose terminal does it by itself
        return
    if "libedit" not in (readline.__doc__ or ""):
        readline.parse_and_bind("set enable-bracketed-paste on")


def _line(screen: Screen) -> str:
    try:
        if sys.stdout.isatty():
            return input(PROMPT)
        # The answers go to a file or a pipe, which the prompt is no part of.
        screen.prompt(PROMPT)
        if line := sys.stdin.readline():
            return line.removesuffix("\n")
        raise EOFError
    except (EOFError, KeyboardInterrupt):
        screen.prompt("\n")  # what comes next has a line of its own
        raise
