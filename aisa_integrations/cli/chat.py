"""`aisa chat`: one answer, or a conversation."""

from __future__ import annotations

import sys
from functools import partial
from typing import Annotated, Any

import typer

from ..errors import ConfigurationError
from . import options, values
from .answer import answer
from .conversation import converse
from .request import chat_body, joined, parse_messages, piped_text
from .screen import Screen
from .session import session


def chat(
    text: options.Message = None,
    message: Annotated[str | None, typer.Option("--message", metavar="TEXT", help="What to say.")] = None,
    messages: Annotated[
        str | None, typer.Option("--messages", metavar="JSON", help="A whole conversation, as a list of messages.")
    ] = None,
    model: options.Model = None,
    system: options.System = None,
    temperature: options.Temperature = None,
    max_tokens: options.MaxTokens = None,
    stream: options.Stream = None,
    fallback: options.Fallback = None,
    budget: options.BudgetUsd = None,
    timeout: options.Timeout = None,
    cache: options.UseCache = False,
    local: options.Local = False,
    as_json: options.AsJson = False,
) -> None:
    """Ask a model. What is piped in is joined to the message; on a terminal, no message begins a conversation."""
    screen = Screen(as_json)
    terms = options.Terms(local=local, timeout=timeout, fallback=fallback, budget=budget, cache=cache)
    asked = values.model_or_default(model)
    body = partial(chat_body, system=system, temperature=temperature, max_tokens=max_tokens)
    said = _said(text, message, messages)
    if not said and not (sys.stdin is not None and sys.stdin.isatty() and not as_json):
        raise ConfigurationError('Say something: aisa chat "Hello", or pipe text in.')
    first = body(asked, said)
    with session("chat", screen, terms) as opened:
        if said:
            answer(opened, screen, first, stream=stream)
        else:
            converse(opened, screen, asked, body, stream=stream)


def _said(text: str | None, message: str | None, messages: str | None) -> list[dict[str, Any]]:
    """Return the messages that a command line gives, or none.

    Raises:
        ConfigurationError: it gives them in more than one way, or an empty one.
    """
    if sum(one is not None for one in (text, message, messages)) > 1:
        raise ConfigurationError("Say it once: as MESSAGE, --message or --messages.")
    if messages is not None:
        return parse_messages(messages)
    given = text if message is None else message
    content = joined(given, piped_text())
    if given is not None and not content:
        raise ConfigurationError('The message is empty. Say something: aisa chat "Hello".')
    return [{"role": "user", "content": content}] if content else []
