"""What an exchange asks its driver to do, and what the driver tells it back. Values only.

They are tuples, for a dozen are made of every call: a frozen dataclass takes three times as long to make.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from .sse import frame

if TYPE_CHECKING:
    from ..policy import FailoverEvent
    from ..usage import Exchange
    from .readers import StreamReader
    from .request import Wire
    from .verdict import Verdict


class Send(NamedTuple):
    """Send one request and wait for the head of its reply. Answered by `Head` or `Failed`.

    Args:
        wire: the request, without the key.
        expires: monotonic second at which the attempt has used up its share.
    """

    wire: Wire
    expires: float


class ReadMore(NamedTuple):
    """Read the next piece of the open reply. Answered by bytes, `ENDED` or `Failed`."""

    expires: float


class ReadAll(NamedTuple):
    """Read the open reply to its end. Answered by bytes or `Failed`."""

    expires: float


class Wait(NamedTuple):
    """Sleep. Answered by None."""

    seconds: float


class Consult(NamedTuple):
    """Ask a store, or tell it something. Answered by what the action returns.

    Args:
        action: what to do; it never raises.
        blocks: whether it may wait for a file, so that an event loop must not run it itself.
        later: the same without waiting, for a finalizer; None leaves it undone there.
        undo: takes an answer back that came after its call had been cancelled; None where that makes no difference.
    """

    action: Callable[[], Any]
    blocks: bool
    later: Callable[[], object] | None = None
    undo: Callable[[Any], object] | None = None


class Notify(NamedTuple):
    """Log a failover, and tell the policy's listener. Answered by None."""

    event: FailoverEvent


class Answer(NamedTuple):
    """Hand a whole reply to the caller; the exchange is over.

    Args:
        status: HTTP status.
        headers: what to say beside the body; for an answer of the gateway they are added to its own.
        body: the whole body.
        head: the gateway's head that this body came with, or None for a reply that the library made.
        verdict: what the failure means, or None for an answer.
        exchange: the record of the call.
        suggestions: ids close to a model that is not served.
        events: the same answer as the events of a stream, where it comes from the cache and a stream was asked for.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    head: Head | None = None
    verdict: Verdict | None = None
    exchange: Exchange | None = None
    suggestions: tuple[str, ...] = ()
    events: tuple[Event, ...] | None = None


class HandOver(NamedTuple):
    """Hand a stream to the caller from its first content on; the exchange is woken once more, at its end.

    The driver feeds each later piece to `reader`, and resumes the exchange with `ENDED`, `Failed` or `CLOSED`.
    The exchange answers that with `Tail`.
    """

    head: Head
    headers: tuple[tuple[str, str], ...]
    reader: StreamReader
    first: list[Event]
    served_by: str | None = None


class PassOn(NamedTuple):
    """Hand the open reply to the caller as it is, unread."""

    head: Head
    headers: tuple[tuple[str, str], ...]


class Fail(NamedTuple):
    """Raise the transport's own exception: a timeout or a lost connection that is the whole story."""

    failed: Failed
    verdict: Verdict
    exchange: Exchange


class Tail(NamedTuple):
    """Give the last events of a stream, such as the error it ended with.

    Args:
        events: what is still to be delivered.
        verdict: what the break means, or None for a stream that ended well.
        exchange: the record of the call.
        chores: what the stores are told now that the stream has ended.
    """

    events: list[Event]
    verdict: Verdict | None
    exchange: Exchange
    chores: tuple[Consult, ...] = ()


Effect = Send | ReadMore | ReadAll | Wait | Consult | Notify | Answer | HandOver | PassOn | Fail | Tail


class Head(NamedTuple):
    """The head of a reply: its status and its headers (an `httpx2.Headers`, read only)."""

    status: int
    headers: Any


class FailureKind(Enum):
    """How sending or reading failed without a reply."""

    CONNECT = "connect"
    TIMEOUT = "timeout"
    LOST = "lost"
    LOCAL = "local"
    FORBIDDEN = "forbidden"


class Failed(NamedTuple):
    """Tell that sending or reading failed: its kind, the name of the exception's class, and its words."""

    kind: FailureKind
    error: str
    message: str


class Signal(Enum):
    """How a body came to its end without a failure."""

    ENDED = "ended"
    CLOSED = "closed"


ENDED: Literal[Signal.ENDED] = Signal.ENDED
CLOSED: Literal[Signal.CLOSED] = Signal.CLOSED

# The last is what a store answers.
Happening = Head | bytes | Failed | Signal | None | Any


class Event(NamedTuple):
    """One server-sent event as the caller will see it; a tuple, for one is made of every chunk.

    Args:
        data: the data lines, joined; JSON, or `[DONE]`.
        json: the data as Python values, or None where it is not JSON.
        hidden: whether it answers only what the library asked for (usage), and the caller must not see it.
        name: the `event:` line, where the surface uses them.
    """

    data: bytes
    json: Any = None
    hidden: bool = False
    name: bytes | None = None


# An exchange: it yields effects, and is told what happened.
Steps = Generator[Effect, Happening, None]


def framed(events: Iterable[Event]) -> bytes:
    """Return events as the bytes that an SDK reads; what the caller did not ask for is left out."""
    return b"".join([frame(data, name) for data, _, hidden, name in events if not hidden])
