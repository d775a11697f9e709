"""A call through any sequence of replies, without a socket: it ends, it is told once, and only an answer is one."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
from hypothesis import given
from hypothesis import strategies as st

from aisa_integrations import Policy
from aisa_integrations.tracking import Spend
from aisa_integrations.transport.effects import (
    ENDED,
    Answer,
    Fail,
    Failed,
    FailureKind,
    HandOver,
    Happening,
    Head,
    Notify,
    PassOn,
    ReadAll,
    ReadMore,
    Send,
    Wait,
)
from aisa_integrations.transport.exchange import Surroundings, exchange
from aisa_integrations.transport.flow import Flow
from aisa_integrations.transport.request import read_chat
from aisa_integrations.usage import Exchange

TIMED_OUT = Failed(FailureKind.TIMEOUT, "ReadTimeout", "timed out")


def sse(*events: Any) -> bytes:
    data = [event if isinstance(event, bytes) else json.dumps(event).encode() for event in events]
    return b"".join(b"data: " + item + b"\n\n" for item in data)


def chunk(text: str | None, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}


WHOLE = json.dumps({"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}).encode()
BODIES = [
    WHOLE,
    b"",
    b"{",
    b"<html>",
    b"[]",
    b'{"error":{"message":"m","code":"model_not_found"}}',
    b'{"error":"m"}',
    b'{"choices":[]}',
    b'{"error":{"message":"Unsupported: stream_options"}}',
    sse(chunk("x"), chunk(None, "stop"), b"[DONE]"),
    sse(chunk(None), b"[DONE]"),
    sse(chunk("x"), {"error": "broke"}),
    sse(chunk("x")),
    sse({"error": {"code": 429, "message": "m"}}),
    sse({"choices": [], "usage": {"total_tokens": 3, "cost": 0.1}}, b"[DONE]"),
    sse(chunk(None, "error")),
    b": comment\n\n" * 3,
    b'data: {"cho',
]
HEADERS = [{}, {"retry-after": "0"}, {"retry-after": "2"}, {"x-ratelimit-remaining-requests": "0"}]
KINDS = ["application/json", "text/event-stream; charset=utf-8", "text/html", ""]


@dataclass(frozen=True)
class Played:
    """One reply: a failure to get any, or a head, its body in pieces, and how that ends."""

    failed: Failed | None
    status: int
    headers: dict[str, str]
    body: bytes
    size: int
    cut: Failed | None
    took: float


FAILURES = st.builds(Failed, st.sampled_from(FailureKind), st.just("ReadError"), st.just("words"))
REPLIES = st.builds(
    lambda failed, status, headers, kind, body, size, cut, took: Played(
        failed, status, {**headers, "content-type": kind}, body, size, cut, took
    ),
    st.none() | st.none() | FAILURES,
    st.sampled_from([200, 200, 200, 400, 401, 402, 404, 408, 422, 429, 500, 503, 302]),
    st.sampled_from(HEADERS),
    st.sampled_from(KINDS),
    st.sampled_from(BODIES),
    st.sampled_from([1, 7, 10_000]),
    st.none() | FAILURES,
    st.sampled_from([0.0, 0.1, 30.0]),
)


@dataclass
class World:
    """Plays replies to one exchange on a clock of its own."""

    replies: list[Played]
    clock: float = 100.0
    sent: list[str | None] = field(default_factory=list)
    pieces: Iterator[bytes | Failed] = field(default_factory=lambda: iter(()))
    last: Played | None = None

    def surroundings(self) -> Surroundings:
        return Surroundings(lambda: self.clock, lambda: 1.7e9, lambda: 0.5)

    def happen(self, effect: Any) -> Happening:
        if isinstance(effect, Send):
            self.last = self.replies[min(len(self.sent), len(self.replies) - 1)]
            self.sent.append(effect.wire.model)
            self.clock += self.last.took
            self.pieces = self._pieces(self.last)
            if self.clock >= effect.expires:
                return TIMED_OUT
            return self.last.failed or Head(self.last.status, httpx2.Headers(self.last.headers))
        if isinstance(effect, ReadMore):
            return next(self.pieces, ENDED)
        if isinstance(effect, ReadAll):
            read = list(self.pieces)
            return next((piece for piece in read if isinstance(piece, Failed)), None) or b"".join(read)  # type: ignore[arg-type]
        if isinstance(effect, Wait):
            assert 0 <= effect.seconds < 60
            self.clock += effect.seconds
        else:
            assert isinstance(effect, Notify)
        return None

    @staticmethod
    def _pieces(played: Played) -> Iterator[bytes | Failed]:
        for place in range(0, len(played.body), played.size):
            yield played.body[place : place + played.size]
        if played.cut is not None:
            yield played.cut


@given(st.lists(REPLIES, min_size=1, max_size=8), st.booleans(), st.integers(0, 2), st.integers(0, 2))
def test_any_sequence_of_replies_ends_well(replies: list[Played], stream: bool, max_retries: int, others: int) -> None:
    world = World(replies)
    fallbacks = ["claude-haiku-4-5", "second-model"][:others]
    policy = Policy(fallbacks=tuple(fallbacks), max_retries=max_retries, deadline=60)
    body = {"model": "first-model", "messages": [], **({"stream": True} if stream else {})}
    call = read_chat(body, headers={}, timeouts={"connect": 10.0, "read": 50.0}, policy=policy)
    spend = Spend()
    steps = exchange(call, world.surroundings(), [spend])
    effect: Any = next(steps)
    while not isinstance(effect, (Answer, HandOver, PassOn, Fail)):
        effect = steps.send(world.happen(effect))
    asked_again = sum(model == before for before, model in zip(world.sent, world.sent[1:], strict=False))
    assert len(world.sent) <= (max_retries + 1) * (others + 1) + min(asked_again, others + 1)
    if isinstance(effect, HandOver):
        _finish(effect, steps, world)
    (record,) = spend.exchanges
    assert [attempt.model for attempt in record.attempts] == world.sent
    assert all(attempt.cost is None or attempt.cost >= 0 for attempt in record.attempts)
    _assert_means_what_it_says(effect, record, world)


def _finish(handed: HandOver, steps: Any, world: World) -> None:
    assert world.last is not None
    flow = Flow(handed, steps)
    flow.begin()
    while flow.wants_more:
        piece = next(world.pieces, ENDED)
        if isinstance(piece, bytes):
            flow.feed(piece)
        else:
            flow.end(piece)
    flow.end()
    ended = b'"stop"' in world.last.body or (b"[DONE]" in world.last.body and b"choices" in world.last.body)
    assert (flow.verdict is None) == ended


def _assert_means_what_it_says(effect: Any, record: Exchange, world: World) -> None:
    assert world.last is not None
    if isinstance(effect, Answer) and effect.verdict is None:
        assert (world.last.status, world.last.body) == (200, WHOLE)
        assert record.served_by == world.sent[-1]
    elif isinstance(effect, Answer):
        assert effect.verdict is not None
        assert effect.status >= 400
        assert json.loads(effect.body)["error"]["message"]
        assert record.served_by is None
        assert record.error == effect.verdict.cause.value
    elif isinstance(effect, Fail):
        assert record.served_by is None
        assert record.error
    else:
        assert isinstance(effect, HandOver)
