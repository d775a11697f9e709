"""A stream that was handed over: events out, and the exchange woken once at the end. Pure; the drivers read for it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from ..locks import when_calm
from ..usage import Exchange
from .effects import CLOSED, ENDED, Consult, Event, Failed, HandOver, Signal, Steps, Tail, framed
from .verdict import Verdict

Out = TypeVar("Out")


class AnyFlow(ABC, Generic[Out]):
    """Turn the pieces of a body into what its reader takes, and settle the exchange exactly once.

    Attributes:
        verdict: why the stream broke, or None.
        exchange: the record of the call, once it has ended.
        settled: whether the end has been dealt with.
        first: the events that had come before the stream was handed over, until they are taken.
    """

    __slots__ = (
        "__weakref__",
        "_chores",
        "_quiet_since",
        "_steps",
        "exchange",
        "first",
        "reader",
        "settled",
        "verdict",
    )

    def __init__(self, handed: HandOver, steps: Steps) -> None:
        self.reader = handed.reader
        self.verdict: Verdict | None = None
        self.exchange: Exchange | None = None
        self.settled = False
        self.first = handed.first
        self._steps = steps
        self._quiet_since: float | None = None
        self._chores: tuple[Consult, ...] = ()

    @abstractmethod
    def _given(self, events: list[Event]) -> Out:
        """Return events as the reader takes them."""

    def begin(self) -> Out:
        """Take the first events; none from a stream that was closed before."""
        first, self.first = self.first, []
        return self._given([] if self.settled else first)

    @property
    def wants_more(self) -> bool:
        """Say whether another piece of the body must be read."""
        return not self.settled and self.reader.error is None and not self.reader.done

    def feed(self, piece: bytes) -> Out:
        """Return the events that are whole once this piece is added."""
        events = self.reader.feed(piece)
        if events:
            self._quiet_since = None
        return self._given(events)

    def stalled(self, now: float, read_timeout: float | None) -> bool:
        """Say whether nothing but comments has come for longer than a read may take: they renew its timeout for ever.

        Args:
            now: monotonic second at which a piece brought no event.
            read_timeout: seconds that may pass between two events, or None for no limit.
        """
        if self._quiet_since is None:
            self._quiet_since = now
        return read_timeout is not None and not self.reader.is_amid and now - self._quiet_since >= read_timeout

    def end(self, how: Signal | Failed = ENDED) -> Out:
        """Settle the exchange; return the last events, such as the error the stream ended with."""
        return self._given(self._settle(how))

    def _settle(self, how: Signal | Failed) -> list[Event]:
        if self.settled:
            return []
        self.settled = True
        tail = self._steps.send(how)
        self._steps.close()
        assert isinstance(tail, Tail)
        self.verdict, self.exchange, self._chores = tail.verdict, tail.exchange, tail.chores
        return tail.events

    def drop(self) -> None:
        """Settle the exchange of a stream that the caller has left."""
        self._settle(CLOSED)

    def leave(self) -> None:
        """Settle as `drop` does; amid a locked section of a thread that is collecting, wholly and right after it."""
        postponed = False

        def settle() -> None:
            self.abandon() if postponed else self.drop()

        when_calm(settle)
        postponed = True

    def take_chores(self) -> tuple[Consult, ...]:
        """Return what the stores are to be told, once."""
        chores, self._chores = self._chores, ()
        return chores

    def abandon(self) -> None:
        """Settle the exchange where nothing may wait: in a finalizer."""
        self.drop()
        self.hurry_chores()

    def hurry_chores(self) -> None:
        """Tell the stores what they are to be told, as far as that waits for nothing."""
        for chore in self.take_chores():
            if not chore.blocks:
                chore.action()
            elif chore.later is not None:
                chore.later()


class Flow(AnyFlow[list[Event]]):
    """Give events, for those who read them as Python values."""

    __slots__ = ()

    def _given(self, events: list[Event]) -> list[Event]:
        return events


class FramedFlow(AnyFlow[bytes]):
    """Give the bytes that an SDK reads."""

    __slots__ = ()

    def _given(self, events: list[Event]) -> bytes:
        return framed(events)

    def feed(self, piece: bytes) -> bytes:
        """Return the events that are whole once this piece is added; a plain piece goes on as it came."""
        if self.reader.skim(piece):
            self._quiet_since = None
            return piece
        return super().feed(piece)
