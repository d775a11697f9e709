"""What the sync and the async driver share: reading a request, building replies, logging. Everything but the I/O."""

from __future__ import annotations

import functools
import logging
import random
import time
from collections.abc import Sequence
from typing import Any, Final

import httpx2

from ..errors import ConfigurationError
from ..policy import FailoverEvent, Policy
from ..settings import ApiKey, Settings, is_loopback
from ..tracking import Spend, listeners
from .causes import Cause
from .effects import Answer, Fail, FailureKind, HandOver, PassOn, Send, Steps
from .exchange import Surroundings, exchange
from .failures import explain, line
from .live import Refusal, guard
from .outgoing import check_origin, exception_of, outgoing
from .request import Call, CallOptions, read_call
from .surfaces import Surface, locate

logger: Final = logging.getLogger("aisa_integrations")
# Where a response carries its body when that has been read, for a client of ours that need not read it again.
WHOLE_BODY: Final = "aisa_body"


class Core:
    """Know who we talk to and what to do about failures; begin exchanges and shape their results."""

    def __init__(self, settings: Settings, policy: Policy) -> None:
        self.settings = settings
        self.policy = policy
        self._is_local = is_loopback(settings.origin.host)
        self._without_usage: set[str | None] = set()
        # One for each key that copies of a client were given.
        self._worlds: dict[str, Surroundings] = {}

    def options_of(self, request: httpx2.Request) -> CallOptions:
        """Return what the face wants for this call, as it put it into `request.extensions["aisa"]`."""
        options = request.extensions.get("aisa")
        return options if isinstance(options, CallOptions) else CallOptions()

    def key_for(self, options: CallOptions) -> ApiKey:
        """Return the key of a call."""
        return options.key or self.settings.key

    def read(self, request: httpx2.Request, content: bytes | None, options: CallOptions) -> Call:
        """Read what a face's request asks for, after making sure where it goes."""
        check_origin(request.url, self.settings.origin)
        path, _, query = request.url.raw_path.partition(b"?")
        return read_call(
            locate(request.method, path.decode("ascii")),
            method=request.method,
            query=query,
            headers=request.headers,
            content=content,
            timeouts=request.extensions.get("timeout") or self.settings.timeouts.as_extension(),
            policy=options.policy or self.policy,
        )

    def begin(self, call: Call, options: CallOptions, audience: Sequence[Spend] | None = None) -> Steps:
        """Begin an exchange; who listens to it is settled here, but where an earlier call has settled it already."""
        key = self.key_for(options)
        world = self._worlds.get(key.token)
        if world is None:
            world = self._worlds[key.token] = Surroundings(
                time.monotonic,
                time.time,
                random.random,
                origin=str(self.settings.origin),
                key_name=key.token,
                fingerprint=functools.partial(_fingerprint, key),
                conceal=key.conceal,
                without_usage=self._without_usage,
            )
        return exchange(call, world, listeners() if audience is None else audience)

    def build(
        self, effect: Send, request: httpx2.Request, options: CallOptions, refusal: type[Refusal] = Refusal
    ) -> httpx2.Request:
        """Return the HTTP request of one attempt; where live requests are forbidden, one that can't leave."""
        built = outgoing(effect.wire, request, self.key_for(options), expires=effect.expires)
        if not self._is_local:
            guard(built, effect.wire.model, refusal)
        return built

    def notify(self, event: FailoverEvent, policy: Policy) -> None:
        """Log a failover, and tell the policy's listener; what the listener raises is logged too."""
        unsent = event.cause in (Cause.BUDGET, Cause.OVER_CAP)
        status = f"status {event.status}" if event.status is not None else "not sent" if unsent else "no reply"
        pause = f" in {event.waited:.2g} s" if event.waited else ""
        logger.warning(
            "%s failed (%s, %s); asking %s%s",
            event.model or "the gateway",
            event.cause,
            status,
            event.next_model or "again",
            pause,
        )
        if policy.on_event is None:
            return
        try:
            policy.on_event(event)
        except Exception:
            logger.exception("on_event raised; the call goes on")


def _fingerprint(key: ApiKey) -> str:
    from ..cache import key_fingerprint

    return key_fingerprint(key)


def raised(fail: Fail, request: httpx2.Request | None, surface: Surface) -> Exception:
    """Return the exception for a failure that is the whole story; several attempts are listed in a note."""
    attempts = fail.exchange.attempts
    if fail.failed.kind is FailureKind.FORBIDDEN:
        # No failure of the network, which an SDK would shape into one of its own, and code under test expect.
        model, code = fail.exchange.model, fail.verdict.code
        words = explain(fail.verdict, model, attempts, surface)
        return ConfigurationError(words, model=model, code=code, attempts=attempts)
    note = "\n".join(["aisa_integrations attempts:", *(f"  {line(attempt)}" for attempt in attempts)])
    return exception_of(fail.failed, request, note if len(attempts) > 1 else None)


def is_encoded(response: httpx2.Response) -> bool:
    """Say whether the server compresses, though it was asked not to: it is decoded below us, for everyone above."""
    return "content-encoding" in response.headers and response.headers["content-encoding"].lower() != "identity"


def shaped(effect: Answer | HandOver | PassOn, response: httpx2.Response | None, stream: Any) -> httpx2.Response:
    """Return the reply a face gets: the gateway's own with our headers, or one that the library made.

    Args:
        effect: what the exchange decided.
        response: the gateway's response, changed in place; None where none came.
        stream: the body.
    """
    if response is None or effect.head is None:
        assert isinstance(effect, Answer)
        made = httpx2.Response(effect.status, headers=effect.headers, stream=stream)
        made.headers["content-length"] = str(len(effect.body))
        made.extensions[WHOLE_BODY] = effect.body
        return made
    headers = response.headers
    if "content-encoding" in headers:
        # It was decoded on the way, which used the response up.
        response = httpx2.Response(response.status_code, headers=headers, stream=stream, extensions=response.extensions)
        headers = response.headers
        for name in ("content-encoding", "content-length"):
            headers.pop(name, None)
    if isinstance(effect, Answer):
        response.extensions[WHOLE_BODY] = effect.body
        if "content-length" not in headers:
            headers["content-length"] = str(len(effect.body))
            if "transfer-encoding" in headers:
                del headers["transfer-encoding"]
    elif isinstance(effect, HandOver) and "content-length" in headers:
        del headers["content-length"]
    for name, value in effect.headers:
        headers[name] = value
    response.stream = stream
    return response


def strip_frames(error: BaseException, handled: BaseException | None) -> BaseException:
    """Drop the frames below us from an exception that goes through: they hold the request, and with it the key.

    Args:
        error: the exception; its causes and contexts are stripped too.
        handled: what the caller was handling when the call began; that and what led to it is not ours to strip.
    """
    waiting: list[BaseException | None] = [error]
    done = {id(handled), id(None)}
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in done:
            done.add(id(one))
            one.__traceback__ = None
            waiting += [one.__cause__, one.__context__]
    return error
