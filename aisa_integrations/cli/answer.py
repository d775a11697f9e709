"""One answer: asked for, shown as it comes or when it is whole, and then its receipt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .receipt import exchange_record
from .screen import Screen
from .session import Session

if TYPE_CHECKING:
    from ..gateway_client import GatewayStream
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
    with screen.waiting(f"asking {body['model']}"):
        reply = opened.client.chat(body)
    choice = (reply.get("choices") or [{}])[0]
    message = choice.get("message") or {}
    said = str(message.get("content") or message.get("refusal") or "")
    if screen.as_json:
        screen.document(_document(said, choice.get("finish_reason"), reply.exchange, dict(reply)))
    else:
        screen.line(said)
        opened.tell(screen, reply.exchange)
    return said


def _shown(opened: Session, screen: Screen, body: Mapping[str, Any], heard: list[str]) -> str:
    thinking = False
    with screen.waiting(f"asking {body['model']}"):
        stream = opened.client.stream(body)  # which comes with its first content
    with stream as events:
        try:
            for delta in _deltas(events):
                if aside := delta.get("reasoning_content") or delta.get("reasoning"):
                    screen.aside(str(aside))
                    thinking = True
                if piece := _piece(delta):
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
        if events.exchange is not None:
            opened.tell(screen, events.exchange)
    return "".join(heard)


def _gathered(opened: Session, screen: Screen, body: Mapping[str, Any], heard: list[str]) -> str:
    from ..transport.merging import NotExact
    from ..transport.replay_chat import assemble

    with opened.client.stream(body) as events:
        seen = list(events)
        exchange = events.exchange
    heard.extend(filter(None, map(_piece, _deltas(iter(seen)))))
    reasons = [choice.get("finish_reason") for event in seen for choice in event.get("choices") or ()]
    try:
        reply = assemble(seen)
    except NotExact:
        reply = None  # a stream that no plain reply is equal to, such as one without a finish reason
    said = "".join(heard)
    assert exchange is not None  # the stream has ended
    screen.document(_document(said, next(filter(None, reversed(reasons)), None), exchange, reply))
    return said


def _deltas(events: GatewayStream | Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for event in events:
        for choice in event.get("choices") or ():
            yield choice.get("delta") or {}


def _piece(delta: Mapping[str, Any]) -> str:
    return delta.get("content") or delta.get("refusal") or ""


def _document(said: str, finish_reason: str | None, exchange: Exchange, reply: dict[str, Any] | None) -> dict[str, Any]:
    told = {"ok": True, "response": said, "finish_reason": finish_reason}
    return {**told, **exchange_record(exchange), "reply": reply}
