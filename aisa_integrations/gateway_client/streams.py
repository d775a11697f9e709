"""The events of one stream as dicts; a break is an error, or goes on with the next model where the policy says so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any

from ..errors import AisaError
from ..policy import FailoverEvent
from ..tracking import Spend, listeners
from ..transport.asynchronous import AsyncAisaTransport, AsyncFlow
from ..transport.core import Core
from ..transport.effects import Answer, Event, Fail, HandOver, PassOn, Steps
from ..transport.flow import Flow
from ..transport.request import Call, CallOptions
from ..transport.sync import AisaTransport, SyncFlow
from ..transport.verdict import Verdict
from ..usage import Exchange
from .continuation import Story
from .failures import error_for, error_of

_OPTIONS = CallOptions()


class _Stream:
    """What both streams share: events one by one, the records of their calls, and what a break leads to.

    Attributes:
        usage: as the gateway told it, where the caller did not ask for it and so no event has it; else None.
    """

    _flow: SyncFlow | AsyncFlow | None = None
    _broken: Verdict | None = None

    def __init__(self, call: Call) -> None:
        self._story = Story(call)
        self._waiting: list[Event] = []
        self._exchanges: list[Exchange] = []
        self._asked = call.model
        self.usage: dict[str, Any] | None = None
        # Who listens is settled when the stream is asked for, and holds for the calls that go on from a break.
        self._audience: tuple[Spend, ...] | None = None

    def _begin(self, core: Core, call: Call) -> Steps:
        self._audience = listeners() if self._audience is None else self._audience
        return core.begin(call, _OPTIONS, self._audience)

    @property
    def exchange(self) -> Exchange | None:
        """Return the record of the call once the stream has ended: who served it, attempts, tokens and cost."""
        return self.exchanges[-1] if self.exchanges else None

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """Return the records of every call behind the stream: more than one where a break was gone on from."""
        self._remember()
        return tuple(self._exchanges)

    def _remember(self) -> None:
        record = self._flow.flow.exchange if self._flow is not None else None
        if record is not None and not any(record is known for known in self._exchanges):
            self._exchanges.append(record)

    def _pop(self) -> dict[str, Any] | None:
        while self._waiting:
            event = self._waiting.pop()
            # `[DONE]` is no dict; what the caller did not ask for is left out.
            if isinstance(event.json, dict):
                if not event.hidden:
                    return self._story.marked(event.json)
                self.usage = event.json.get("usage")
        return None

    def _take(self, events: list[Event], flow: Flow) -> None:
        # A break's last event is the error for an SDK; here it is raised.
        self._waiting = (events[:-1] if flow.verdict is not None else events)[::-1]

    def _replay(self, answer: Answer) -> None:
        self._waiting = list(answer.events or ())[::-1]
        if answer.exchange is not None:
            self._exchanges.append(answer.exchange)

    def _source(self, effect: Answer | HandOver | PassOn | Fail, call: Call) -> Answer | HandOver:
        """Return what events come from.

        Raises:
            AisaError: nobody answered; where a break was to be gone on from, an `InterruptedStreamError` with what had
                come before it.
        """
        if isinstance(effect, HandOver) or (isinstance(effect, Answer) and effect.events is not None):
            self._story.goes_on_with(effect.served_by if isinstance(effect, HandOver) else _served_by(effect))
            return effect
        if isinstance(effect, (Answer, Fail)) and effect.exchange is not None:
            self._exchanges.append(effect.exchange)
        if self._broken is None:
            raise error_of(effect, call)
        raise self._interrupted(self._broken, self._story.text) from error_of(effect, call)

    def _interrupted(self, verdict: Verdict, partial: str) -> AisaError:
        attempts = tuple(attempt for exchange in self._exchanges for attempt in exchange.attempts)
        return error_for(verdict, self._asked, replace(self._exchanges[-1], attempts=attempts), (), partial)

    def _after(self, flow: Flow, core: Core) -> Call | None:
        """Return the call that goes on from a break, or None where there was none.

        Raises:
            InterruptedStreamError: the stream broke, and nothing goes on from it.
        """
        if flow.verdict is None or flow.exchange is None:
            return None
        verdict, flow.verdict = flow.verdict, None
        self._remember()
        following = self._story.after_break(flow.reader, flow.exchange)
        if following is None:
            raise self._interrupted(verdict, self._story.text + flow.reader.partial)
        self._broken = verdict
        event = FailoverEvent(
            flow.exchange.served_by or "", following.chain[0] or "", verdict.cause.value, verdict.seen
        )
        core.notify(event, following.policy)
        return following


def _served_by(answer: Answer) -> str | None:
    return answer.exchange.served_by if answer.exchange is not None else None


class GatewayStream(_Stream):
    """The events of one stream as dicts; a context manager that closes it."""

    def __init__(self, transport: AisaTransport, call: Call, request_for: Callable[[], Any]) -> None:
        super().__init__(call)
        self._transport = transport
        self._request_for = request_for
        self._flow: SyncFlow | None = None
        self._open(call)

    def _open(self, call: Call) -> None:
        steps = self._begin(self._transport.core, call)
        effect, reply = self._transport.run(steps, call, self._request_for(), _OPTIONS)
        source = self._source(effect, call)
        if isinstance(source, HandOver) and reply is not None:
            self._flow = SyncFlow(source, reply, steps)
        elif isinstance(source, Answer):
            self._flow = None
            self._replay(source)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self

    def __next__(self) -> dict[str, Any]:
        while True:
            event = self._pop()
            if event is not None:
                return event
            if self._flow is None:
                raise StopIteration
            following = self._after(self._flow.flow, self._transport.core)
            if following is not None:
                self._open(following)
            else:
                self._take(next(self._flow), self._flow.flow)

    def close(self) -> None:
        """End the stream and the request behind it."""
        self._waiting = []
        if self._flow is not None:
            self._flow.close()

    def __enter__(self) -> GatewayStream:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class AsyncGatewayStream(_Stream):
    """The events of one stream as dicts, asked for at the first of them; an async context manager that closes it."""

    def __init__(self, transport: AsyncAisaTransport, call: Call, request_for: Callable[[], Any]) -> None:
        super().__init__(call)
        self._transport = transport
        self._request_for = request_for
        self._flow: AsyncFlow | None = None
        self._begun = False

    async def _open(self, call: Call) -> None:
        self._begun = True
        steps = self._begin(self._transport.core, call)
        effect, reply = await self._transport.run(steps, call, self._request_for(), _OPTIONS)
        source = self._source(effect, call)
        if isinstance(source, HandOver) and reply is not None:
            self._flow = AsyncFlow(source, reply, steps)
        elif isinstance(source, Answer):
            self._flow = None
            self._replay(source)

    def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        return self

    async def __anext__(self) -> dict[str, Any]:
        if not self._begun:
            await self._open(self._story.call)
        while True:
            event = self._pop()
            if event is not None:
                return event
            if self._flow is None:
                raise StopAsyncIteration
            following = self._after(self._flow.flow, self._transport.core)
            if following is not None:
                await self._open(following)
            else:
                self._take(await self._flow.__anext__(), self._flow.flow)

    async def aclose(self) -> None:
        """End the stream and the request behind it."""
        self._begun = True
        self._waiting = []
        if self._flow is not None:
            await self._flow.aclose()

    close = aclose

    async def __aenter__(self) -> AsyncGatewayStream:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()
