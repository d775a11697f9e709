"""One answer: asked for, shown as it comes or when it is whole, and then its receipt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from .receipt import exchange_record
from .screen import Screen
from .session import Session

if TYPE_CHECKING:
    from ..usage import Exchange


def answer(
    opened: Session, screen: Screen, body: Mapping[str, Any], *, stream: bool | None, heard: list[str] | None = None
) -> str:
    """Ask, show the answer and its receipt, and return it.

    Args:
        stream: whether to ask for a stream; None is yes, but for JSON, which then holds the gateway's very reply.
        heard: takes up the pieces of a stream as they come, for whoever stops it.

    Raises:
        AisaError: one of the tree in `errors.py`; what had come of a stream that breaks was shown, and is in it.
    """
    if not (stream or (stream is None and not screen.as_json)):
        return _whole(opened, screen, body)
    return (_gathered if screen.as_json else _shown)(opened, screen, body, [] if heard is None else heard)


def _whole(opened: Session, screen: Screen, body: Mapping[str, Any]) -> str:
    from ..gateway_client.text import first_choice, reply_text

    with screen.waiting(f"asking {body['model']}"):
        reply = opened.client.chat(body)
    choice = first_choice(reply)
    message, reason = choice.get("message") or {}, choice.get("finish_reason")
    said = reply_text(reply) or str(message.get("refusal") or "")
    if screen.as_json:
        screen.document(_document(said, reason, reply.exchange, dict(reply)))
    else:
        if aside := _reasoning(message):
            screen.aside(f"{aside}\n\n")
        screen.line(said)
        tell_cut(screen, reason)
        opened.tell(screen, reply.exchange)
    return said


def _shown(opened: Session, screen: Screen, body: Mapping[str, Any], heard: list[str]) -> str:
    from ..gateway_client.text import first_choice

    thinking, reason = False, None
    with screen.waiting(f"asking {body['model']}"):
        stream = opened.client.stream(body)  # which comes with its first content
    with stream as events:
        try:
            for event in events:
                choice = first_choice(event)
                reason = choice.get("finish_reason") or reason
                if aside := _reasoning(choice.get("delta") or {}):
                    screen.aside(aside)
                    thinking = True
                if piece := _piece(event):
                    if thinking:
                        screen.aside("\n\n")
                        thinking = False
                    heard.append(piece)
                    screen.piece(piece)
        finally:
            # Also where it breaks off, so that what is said of that, or the shell's prompt, has a line of its own.
            if heard:
                screen.line()
            elif thinking:
                screen.aside("\n")
        tell_cut(screen, reason)
        if events.exchange is not None:
            opened.tell(screen, events.exchange)
    return "".join(heard)


def _gathered(opened: Session, screen: Screen, body: Mapping[str, Any], heard: list[str]) -> str:
    from ..gateway_client.text import first_choice
    from ..transport.merging import NotExact
    from ..transport.replay_chat import assemble

    with opened.client.stream(body) as events:
        seen = list(events)
        exchange = events.exchange
    heard.extend(filter(None, map(_piece, seen)))
    reasons = [first_choice(event).get("finish_reason") for event in seen]
    try:
        reply = assemble(seen)
    except NotExact:
        reply = None  # a stream that no plain reply is equal to, such as one without a finish reason
    said = "".join(heard)
    assert exchange is not None  # the stream has ended
    screen.document(_document(said, next(filter(None, reversed(reasons)), None), exchange, reply))
    return said


def tell_cut(screen: Screen, finish_reason: str | None, model: str | None = None) -> None:
    """Say that an answer is not whole, in a pipe too: it does not show by itself."""
    if cut := _CUT.get(finish_reason or ""):
        screen.note(f"{f'{model}: ' if model else ''}{cut}", style="yellow")


_CUT: Final = {
    "length": "the answer was cut at its limit of tokens; --max-tokens sets it",
    "content_filter": "the answer was cut by a content filter",
}


def _piece(event: Mapping[str, Any]) -> str:
    from ..gateway_client.text import event_text, first_choice

    return event_text(event) or str((first_choice(event).get("delta") or {}).get("refusal") or "")


def _reasoning(part: Mapping[str, Any]) -> str:
    return str(part.get("reasoning_content") or part.get("reasoning") or "")


def _document(said: str, finish_reason: str | None, exchange: Exchange, reply: dict[str, Any] | None) -> dict[str, Any]:
    told = {"ok": True, "response": said, "finish_reason": finish_reason}
    return {**told, **exchange_record(exchange), "reply": reply}
