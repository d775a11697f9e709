"""The gateway as an ASGI application: routes, the key, and the way of a request through them."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from . import replies
from .account import Account
from .connection import ClientGone, Connection, Header, Receive, Scope, Send
from .limits import Limits
from .model_call import Desk, ModelCall
from .replies import Reply
from .script import PlayedFault, Script, fault_from_header
from .surface import Surface
from .traffic import Request, Traffic
from .wire_chat import CHAT
from .wire_gemini import GEMINI
from .wire_messages import MESSAGES
from .wire_responses import RESPONSES
from .wire_vectors import EMBEDDINGS, IMAGES, RERANK, Direct

_LOG = logging.getLogger("aisa_integrations.local")
_POST: Mapping[str, Surface | Direct] = {
    "/v1/chat/completions": CHAT,
    "/v1/responses": RESPONSES,
    "/v1/messages": MESSAGES,
    "/v1/embeddings": EMBEDDINGS,
    "/v1/rerank": RERANK,
    "/v1/images/generations": IMAGES,
}
_GEMINI_CALL = re.compile(r"/v1(?:beta)?/models/(.+):(generateContent|streamGenerateContent|countTokens)")
_MODELS = re.compile(r"/(v1|v1beta)/models(?:/(.+))?")


@dataclass(frozen=True, slots=True)
class _Route:
    """Where a request goes, and the model it names."""

    surface: Surface | Direct | None = None
    model: str = ""
    stream: bool = False
    counts_tokens: bool = False


@dataclass(slots=True)
class Gateway:
    """The ASGI application. `LocalGateway` runs it on a socket, which is what broken connections need."""

    desk: Desk
    account: Account
    script: Script
    traffic: Traffic
    models: Mapping[str, Mapping[str, Any]]
    api_key: str
    require_key: bool = True
    strict_models: bool = False
    limits: Limits | None = None
    clock: Callable[[], float] = time.time
    _label: Header = field(init=False)

    def __post_init__(self) -> None:
        self._label = (b"x-aisa-local", self.desk.backend.label.encode("latin-1", "replace"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            raise RuntimeError(f"the local gateway does not speak {scope['type']}")
        connection = Connection(scope, receive, send)
        self.traffic.begin()
        disconnected = False
        try:
            await self._serve(connection)
        except ClientGone:
            disconnected = True
        except Reply as reply:
            await self._send(connection, reply)
        except Exception:
            _LOG.exception("the local gateway failed; this is a bug of its own, not one that it plays")
            if not connection.status:
                await self._send(connection, Reply(500, b"the local gateway failed, see its log", b"text/plain"))
        finally:
            connection.release()
            self.traffic.end(disconnected=disconnected)

    async def _serve(self, connection: Connection) -> None:
        raw = await connection.body()
        request, body, route = self._read(connection.scope, raw)
        self.traffic.received(request)
        if route is None:
            raise replies.not_found()
        self._check_key(request)
        if route.surface is None:
            await self._look_up(connection, request)
            return
        if body is None:
            raise replies.wrong_request("json_parse_error", "Could not parse the JSON body")
        if not request.model:
            raise replies.wrong_request("missing_parameter", "Missing required parameter: 'model'")
        if self.strict_models and request.model not in self.models:
            raise replies.unknown_model(request.model)
        if self.account.balance <= 0:
            self.account.refuse(request.model, route.surface.name, status=402, stream=request.stream)
            raise replies.wallet_empty()
        await self._admitted(connection, request, route, body)

    async def _admitted(self, connection: Connection, request: Request, route: _Route, body: dict[str, Any]) -> None:
        surface = route.surface
        assert surface is not None
        wait = self.limits.enter() if self.limits else None
        if wait is not None:
            self.account.refuse(request.model, surface.name, status=429, stream=request.stream)
            raise replies.rate_limited(wait)
        try:
            fault = self._fault(request, surface.name, body)
            sse = surface is not GEMINI or parse_qs(request.query).get("alt") == ["sse"]
            call = ModelCall(connection, surface, request.model, body, request.stream, sse, self._headers(), fault)
            if route.counts_tokens:
                raise Reply(200, json.dumps({"totalTokens": self.desk.count_tokens(call)}).encode())
            tokens = await self.desk.answer(call)
            if self.limits:
                self.limits.use(tokens)
        finally:
            if self.limits:
                self.limits.leave()

    async def _look_up(self, connection: Connection, request: Request) -> None:
        fault = self._fault(request, "chat", None)
        if fault is not None and await self.desk.play_without_model(connection, fault, request.path, self._headers()):
            return
        if request.path == "/v1/credits/balance":
            raise replies.balance(self.account, self.clock())
        match = _MODELS.fullmatch(request.path)
        assert match is not None
        gemini = match[1] == "v1beta"
        if match[2]:
            raise replies.one_model(self.models, match[2].removeprefix("models/"), gemini=gemini)
        raise replies.model_list(self.models, gemini=gemini)

    def _read(self, scope: Scope, raw: bytes) -> tuple[Request, dict[str, Any] | None, _Route | None]:
        path, method = scope["path"], scope["method"]
        route = _route(method, path)
        body: dict[str, Any] | None = None
        if method == "POST":
            try:
                parsed = json.loads(raw)
                body = parsed if isinstance(parsed, dict) else None
            except ValueError:
                body = None
        model, stream = "", False
        if route and route.model:
            model, stream = route.model, route.stream
        elif body is not None:
            model, stream = str(body.get("model") or ""), body.get("stream") is True
        request = Request(
            method,
            path,
            scope["query_string"].decode("latin-1"),
            tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]),
            raw,
            model,
            stream,
            time.monotonic(),
        )
        return request, body, route

    def _check_key(self, request: Request) -> None:
        if not self.require_key:
            return
        # Bearer on every surface; `x-goog-api-key` and `?key=` are no key here.
        scheme, _, key = (request.header("authorization") or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise replies.no_key()
        if key.strip() != self.api_key:
            raise replies.bad_key()

    def _fault(self, request: Request, surface: str, body: dict[str, Any] | None) -> PlayedFault | None:
        named = request.header("x-local-fault")
        if named is None:
            return self.script.take_fault(
                request.model or request.path, surface=surface, stream=request.stream, body=body
            )
        try:
            played = fault_from_header(named)
        except ValueError as error:
            raise replies.wrong_request("unknown_local_fault", str(error)) from None
        if not played.fault.fits(surface=surface, stream=request.stream):
            tags = ", ".join(sorted(played.fault.tags))
            raise replies.wrong_request("local_fault_does_not_fit", f"{played.fault.name} is made for: {tags}")
        return played if played.fits(surface=surface, stream=request.stream, body=body) else None

    def _headers(self) -> list[Header]:
        return [self._label, *(self.limits.headers() if self.limits else ())]

    async def _send(self, connection: Connection, reply: Reply) -> None:
        await connection.reply(
            reply.status, [*self._headers(), *reply.headers, (b"content-type", reply.content_type)], reply.body
        )


def _route(method: str, path: str) -> _Route | None:
    if method == "POST":
        if surface := _POST.get(path):
            return _Route(surface)
        if match := _GEMINI_CALL.fullmatch(path):
            streams = match[2] == "streamGenerateContent"
            return _Route(GEMINI, match[1].removeprefix("models/"), streams, match[2] == "countTokens")
    elif method == "GET" and (path == "/v1/credits/balance" or _MODELS.fullmatch(path)):
        return _Route()
    return None
