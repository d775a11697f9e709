"""The six faces asked alike: one question in, what the caller saw out, whether that is an answer or an error."""

import asyncio
import inspect
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import openai
from google.genai import errors as genai_errors

from aisa_integrations import (
    AisaError,
    AsyncGatewayClient,
    GatewayClient,
    async_openai_client,
    genai_client,
    openai_client,
)
from aisa_integrations.transport.network import NetworkOptions


class Server(Protocol):
    """What can be asked: the local gateway, or a server of raw bytes."""

    api_key: str

    @property
    def url(self) -> str:
        """The origin."""


MESSAGES = [{"role": "user", "content": "Say hello to Zoë"}]
Attempts = list[tuple[str, int | None, str | None]]


@dataclass
class Seen:
    """What came back to the caller.

    Attributes:
        text: the text of the answer, or of a stream until it broke.
        items: the reply, or the pieces of the stream.
        error: what was raised.
        served_by: who answered.
        attempts: model, status and cause of each.
    """

    text: str = ""
    items: list[Any] = field(default_factory=list)
    error: Exception | None = None
    served_by: str | None = None
    attempts: Attempts = field(default_factory=list)


@dataclass(frozen=True)
class Face:
    """How one face is made, asked and read."""

    name: str
    surface: str
    make: Callable[..., Any]
    call: Callable[..., Any]
    open: Callable[..., Any]
    text: Callable[[Any], str]
    trace: Callable[[Any, Seen], None]
    is_async: bool = False

    def ask(
        self,
        gateway: Server,
        tls: ssl.SSLContext,
        *,
        stream: bool,
        model: str = "first-model",
        body: dict[str, Any] | None = None,
        **settings: Any,
    ) -> Seen:
        """Make a client, ask it one thing, read all that comes, close it."""
        verify: dict[str, Any] = {"network": NetworkOptions(verify=tls)} if self.surface == "dict" else {"verify": tls}
        client = self.make(gateway.api_key, base_url=gateway.url, **verify, **settings)
        seen = Seen()
        try:
            if self.is_async:
                asyncio.run(self._ask_async(client, stream, model, body or {}, seen))
            else:
                self._ask(client, stream, model, body or {}, seen)
        except Exception as error:
            _keep(error, seen)
        return seen

    def _ask(self, client: Any, stream: bool, model: str, body: dict[str, Any], seen: Seen) -> None:
        opened = None
        try:
            opened = (self.open if stream else self.call)(client, model, body)
            for item in opened if stream else [opened]:
                self._take(item, seen)
        finally:
            self.trace(opened, seen)
            client.close()

    async def _ask_async(self, client: Any, stream: bool, model: str, body: dict[str, Any], seen: Seen) -> None:
        opened = None
        try:
            asked = (self.open if stream else self.call)(client, model, body)
            opened = await asked if inspect.iscoroutine(asked) else asked
            if stream:
                async for item in opened:
                    self._take(item, seen)
            else:
                self._take(opened, seen)
        finally:
            self.trace(opened, seen)
            await (client.aio.aclose() if self.surface == "gemini" else client.close())

    def _take(self, item: Any, seen: Seen) -> None:
        seen.items.append(item)
        seen.text += self.text(item)

    def __str__(self) -> str:
        return self.name


def _keep(error: Exception, seen: Seen) -> None:
    seen.error = error
    if isinstance(error, AisaError):
        seen.attempts = _attempts_of(error)
    elif not seen.attempts and (response := getattr(error, "response", None)) is not None:
        _trace_headers(response.headers, seen)


def _attempts_of(holder: Any) -> Attempts:
    return [(attempt.model, attempt.status, attempt.cause) for attempt in holder.attempts]


def _chat_text(item: Any) -> str:
    item = item.parse() if hasattr(item, "parse") else item
    return _dict_text(item.model_dump())


def _dict_text(item: dict[str, Any]) -> str:
    said = [choice.get("delta") or choice.get("message") or {} for choice in item.get("choices") or ()]
    return "".join(delta.get("content") or "" for delta in said)


def _gemini_text(item: Any) -> str:
    return "".join(
        part.text or ""
        for candidate in item.candidates or ()
        for part in (candidate.content and candidate.content.parts) or ()
        if not part.thought
    )


def _trace_headers(headers: Any, seen: Seen) -> None:
    seen.served_by = headers.get("x-aisa-served-by")
    for attempt in filter(None, headers.get("x-aisa-attempts", "").split(", ")):
        model, *pairs = attempt.split(";")
        values = dict(pair.split("=", 1) for pair in pairs)
        assert values["ms"].isdigit()
        status = values.get("status")
        seen.attempts.append((model, int(status) if status else None, values.get("cause")))


def _trace_openai(opened: Any, seen: Seen) -> None:
    if opened is not None:
        _trace_headers(opened.headers if hasattr(opened, "headers") else opened.response.headers, seen)


def _trace_gemini(opened: Any, seen: Seen) -> None:
    if seen.items:
        _trace_headers(seen.items[0].sdk_http_response.headers, seen)


def _trace_dict(opened: Any, seen: Seen) -> None:
    record = opened.exchange if opened is not None else None
    if record is not None:
        seen.served_by, seen.attempts = record.served_by, _attempts_of(record)


def _chat(name: str, make: Callable[..., Any], *, is_async: bool) -> Face:
    return Face(
        name,
        "chat",
        make,
        call=lambda client, model, body: client.chat.completions.with_raw_response.create(
            model=model, messages=MESSAGES, extra_body=body
        ),
        open=lambda client, model, body: client.chat.completions.create(
            model=model, messages=MESSAGES, stream=True, extra_body=body
        ),
        text=_chat_text,
        trace=_trace_openai,
        is_async=is_async,
    )


def _genai(name: str, side: Callable[[Any], Any], *, is_async: bool) -> Face:
    return Face(
        name,
        "gemini",
        genai_client,
        call=lambda client, model, body: side(client).models.generate_content(
            model=model, contents="Say hello to Zoë", config=body or None
        ),
        open=lambda client, model, body: side(client).models.generate_content_stream(
            model=model, contents="Say hello to Zoë", config=body or None
        ),
        text=_gemini_text,
        trace=_trace_gemini,
        is_async=is_async,
    )


def _dict(name: str, make: Callable[..., Any], *, is_async: bool) -> Face:
    return Face(
        name,
        "dict",
        make,
        call=lambda client, model, body: client.chat({"model": model, "messages": MESSAGES, **body}),
        open=lambda client, model, body: client.stream({"model": model, "messages": MESSAGES, **body}),
        text=_dict_text,
        trace=_trace_dict,
        is_async=is_async,
    )


OPENAI = _chat("openai", openai_client, is_async=False)
ASYNC_OPENAI = _chat("async-openai", async_openai_client, is_async=True)
GENAI = _genai("genai", lambda client: client, is_async=False)
ASYNC_GENAI = _genai("genai-aio", lambda client: client.aio, is_async=True)
GATEWAY = _dict("gateway", GatewayClient, is_async=False)
ASYNC_GATEWAY = _dict("async-gateway", AsyncGatewayClient, is_async=True)

CHAT_FACES = (OPENAI, ASYNC_OPENAI, GATEWAY, ASYNC_GATEWAY)
GENAI_FACES = (GENAI, ASYNC_GENAI)
DICT_FACES = (GATEWAY, ASYNC_GATEWAY)
FACES = (*CHAT_FACES, *GENAI_FACES)


@dataclass(frozen=True)
class Told:
    """An error as its face tells it, in one form for all of them."""

    status: int | None
    code: str | None
    message: str
    headers: Any = None
    partial: str | None = None


def told_by(error: Exception) -> Told:
    """Return what an error of any face says."""
    if isinstance(error, AisaError):
        return Told(error.status, error.code, str(error), partial=getattr(error, "partial", None))
    if isinstance(error, openai.APIError):
        body = error.body if isinstance(error.body, dict) else {}
        response = getattr(error, "response", None)
        status = getattr(error, "status_code", None)
        # openai 3.0 puts the whole body, as Python shows it, into its message.
        message = body.get("message", error.message)
        return Told(status, error.code, message, response and response.headers, body.get("partial"))
    if isinstance(error, genai_errors.APIError):
        assert type(error.code) is int
        details = error.details["error"]
        extra = details["details"][-1]
        headers = error.response.headers if error.response is not None else None
        return Told(error.code, extra["reason"], details["message"], headers, extra.get("partial"))
    return Told(None, None, str(error))
