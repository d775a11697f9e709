"""`aisa chat`: one answer, or a conversation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from ..errors import ConfigurationError
from . import options
from .receipt import exchange_record
from .request import chat_body, joined, parse_messages, piped_text
from .screen import Screen
from .session import Session, session


def chat(
    text: Annotated[str | None, typer.Argument(metavar="[MESSAGE]", help="What to say.", show_default=False)] = None,
    message: Annotated[str | None, typer.Option("--message", metavar="TEXT", help="What to say.")] = None,
    messages: Annotated[
        str | None, typer.Option("--messages", metavar="JSON", help="A whole conversation, as a list of messages.")
    ] = None,
    model: options.Model = None,
    system: options.System = None,
    temperature: options.Temperature = None,
    max_tokens: options.MaxTokens = None,
    stream: Annotated[bool, typer.Option("--stream/--no-stream", help="Show the answer as it comes.")] = True,
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
    asked = options.model_or_default(model)
    said = _said(text, message, messages)
    body = chat_body(asked, said, system=system, temperature=temperature, max_tokens=max_tokens)
    with session("chat", screen, terms) as opened:
        if stream and not as_json:
            streamed(opened, screen, body)
        else:
            whole(opened, screen, body)


def _said(text: str | None, message: str | None, messages: str | None) -> list[dict[str, Any]]:
    """Return the messages that a command line gives.

    Raises:
        ConfigurationError: it gives none, or more than one way.
    """
    if sum(one is not None for one in (text, message, messages)) > 1:
        raise ConfigurationError("Say it once: as MESSAGE, --message or --messages.")
    if messages is not None:
        return parse_messages(messages)
    content = joined(text if message is None else message, piped_text())
    if not content:
        raise ConfigurationError('Say something: aisa chat "Hello", or pipe text in.')
    return [{"role": "user", "content": content}]


def streamed(opened: Session, screen: Screen, body: Mapping[str, Any]) -> str:
    """Ask, show the answer as it comes, and return it."""
    pieces: list[str] = []
    with opened.client.stream(body) as events:
        for event in events:
            for delta in (choice.get("delta") or {} for choice in event.get("choices") or ()):
                if aside := delta.get("reasoning_content") or delta.get("reasoning"):
                    screen.aside(str(aside))
                if piece := delta.get("content") or delta.get("refusal"):
                    pieces.append(piece)
                    screen.piece(piece)
        screen.line()
        if events.exchange is not None:
            opened.tell(screen, events.exchange)
    return "".join(pieces)


def whole(opened: Session, screen: Screen, body: Mapping[str, Any]) -> None:
    """Ask, and show the answer when it is whole."""
    reply = opened.client.chat(body)
    choice = (reply.get("choices") or [{}])[0]
    message = choice.get("message") or {}
    answer = message.get("content") or message.get("refusal") or ""
    if screen.as_json:
        told = {"ok": True, "response": answer, "finish_reason": choice.get("finish_reason")}
        screen.document({**told, **exchange_record(reply.exchange), "reply": dict(reply)})
        return
    screen.line(answer)
    opened.tell(screen, reply.exchange)
