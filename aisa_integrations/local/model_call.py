"""One call of a model, from the chat body to the last byte of its reply."""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass

from .account import Account
from .answers import answer
from .backends import Backend, BackendError
from .backends.scripted import ScriptedBackend, compose, prompt_tokens, split
from .billing import Bill, UsageMode
from .connection import ClientGone, Connection, Header
from .exact_json import dumps
from .fault import Answer, Drop, Twist
from .replies import JSON, Reply, wrong_request
from .script import PlayedFault, Script, Style
from .sse import EventStream, JsonArray
from .stream import StreamPlayer, watched
from .surface import About, Json, Surface, WrongRequest
from .wire_vectors import Direct


@dataclass(frozen=True, slots=True)
class ModelCall:
    """A request that was let in."""

    connection: Connection
    surface: Surface | Direct
    model: str
    body: Json
    stream: bool
    sse: bool
    headers: list[Header]
    fault: PlayedFault | None


class Desk:
    """Where calls of models are answered: by the backend or the script, with a fault or without."""

    def __init__(
        self,
        backend: Backend,
        account: Account,
        script: Script,
        usage: UsageMode,
        latency: float,
        chunk_delay: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.backend = backend
        self._account = account
        self._script = script
        self._usage = usage
        self._latency = latency
        self._chunk_delay = chunk_delay
        self._clock = clock
        self._numbers = itertools.count(1)

    def count_tokens(self, call: ModelCall) -> int:
        """The prompt's tokens by the local rule."""
        return prompt_tokens(_chat(call))

    async def answer(self, call: ModelCall) -> int:
        """Answer the call; returns the tokens that it used."""
        style = self._script.style(call.model)
        chat = _chat(call)
        mode = style.usage or self._usage
        bill = Bill(self._account, call.model, call.surface.name, chat, stream=call.stream, mode=mode)
        try:
            if call.fault is None or not await self._instead(call, call.fault, bill):
                await self._good(call, chat, bill, style)
        except ClientGone:
            bill.cut(call.connection.status)
            raise
        except BackendError as error:
            if call.connection.status:  # in the middle of a stream: as it breaks for us, so for the client
                bill.cut()
                await call.connection.close()
                return bill.tokens
            bill.refuse(error.status)
            raise Reply(error.status, error.body, error.content_type.encode()) from error
        return bill.tokens

    async def _good(self, call: ModelCall, chat: Json, bill: Bill, style: Style) -> None:
        """The good reply, though a fault may twist or break it on its way."""
        latency = self._latency if style.latency is None else style.latency
        if latency:
            await call.connection.pause(latency)
        if isinstance(call.surface, Direct):
            await self._direct(call, call.surface, bill)
            return
        about = About(
            call.model,
            f"chatcmpl-local-{next(self._numbers):06d}",
            int(self._clock()),
            self.backend.fingerprint,
            style,
            bool((chat.get("stream_options") or {}).get("include_usage")),
        )
        if call.stream and (call.fault is None or call.fault.fault.play != Twist("json_to_stream")):
            await self._streamed(call, call.surface, chat, bill, about)
        else:
            await self._plain(call, call.surface, chat, bill, about)

    async def play_without_model(
        self, connection: Connection, fault: PlayedFault, name: str, headers: list[Header]
    ) -> bool:
        """Play a fault for a request that calls no model; False where the good reply is to follow."""
        play = fault.fault.play
        if isinstance(play, Answer):
            status, extra, body = answer(fault, play, name, "chat")
            await connection.reply(status, [*headers, *extra], body)
            return True
        return isinstance(play, Drop) and await _drop(connection, fault, play)

    async def _instead(self, call: ModelCall, fault: PlayedFault, bill: Bill) -> bool:
        """Play what comes in place of the good reply; False where that one is to follow."""
        play = fault.fault.play
        if isinstance(play, Answer):
            status, extra, body = answer(fault, play, call.model, call.surface.name)
            bill.refuse(status)
            await call.connection.reply(status, [*call.headers, *extra], body)
            return True
        if isinstance(play, Drop):
            if play.how in ("reset", "close", "hang"):
                bill.refuse(0)
            return await _drop(call.connection, fault, play)
        return False

    async def _direct(self, call: ModelCall, surface: Direct, bill: Bill) -> None:
        try:
            reply, prompt = surface.answer(call.body)
        except WrongRequest as error:
            raise wrong_request(error.code, str(error)) from error
        usage = bill.settle({"prompt_tokens": prompt, "completion_tokens": 0})
        await self._whole(call, reply if usage is None else {**reply, "usage": usage})

    async def _plain(self, call: ModelCall, surface: Surface, chat: Json, bill: Bill, about: About) -> None:
        completion = await self._completion(call, chat, about.style)
        fault = call.fault
        play = fault.fault.play if fault else None
        if isinstance(play, Twist) and play.what != "json_to_stream":
            for choice in completion["choices"]:
                choice["finish_reason"] = "error"
                if play.what == "bare_finish_error":
                    choice["message"] = {"role": "assistant", "content": ""}
        usage = bill.settle(completion.get("usage"))
        await self._whole(call, surface.whole(completion, about, usage))

    async def _whole(self, call: ModelCall, reply: Json) -> None:
        body = dumps(reply)
        play = call.fault.fault.play if call.fault else None
        headers = [*call.headers, (b"content-type", JSON)]
        if isinstance(play, Drop) and play.how == "body_cut":
            await call.connection.head(200, [*headers, (b"content-length", b"%d" % len(body))])
            await call.connection.write(body[: len(body) // 2])
            await call.connection.close()
            return
        await call.connection.reply(200, headers, body)

    async def _streamed(self, call: ModelCall, surface: Surface, chat: Json, bill: Bill, about: About) -> None:
        style = about.style
        encoding = EventStream(style) if call.sse else JsonArray()
        frames = surface.frames(about, encoding)
        delay = self._chunk_delay if style.chunk_delay is None else style.chunk_delay
        player = StreamPlayer(call.connection, frames, encoding, bill, style, delay, call.fault)
        said = self._script.take_reply(call.model)
        chunks: AsyncIterator[Json]
        if said is not None or isinstance(self.backend, ScriptedBackend):
            chunks = _each(split(compose(chat, said, style)))
        else:
            chunks = watched(call.connection, self.backend.stream(chat))
        await player.play(call.headers, chunks)

    async def _completion(self, call: ModelCall, chat: Json, style: Style) -> Json:
        said = self._script.take_reply(call.model)
        if said is not None or isinstance(self.backend, ScriptedBackend):
            return compose(chat, said, style)
        return await call.connection.during(self.backend.chat(chat))


def _chat(call: ModelCall) -> Json:
    if isinstance(call.surface, Direct):
        return {}
    try:
        return call.surface.to_chat(call.body, call.model)
    except WrongRequest as error:
        raise wrong_request(error.code, str(error)) from error


async def _each(chunks: Iterable[Json]) -> AsyncIterator[Json]:
    for chunk in chunks:
        yield chunk


async def _drop(connection: Connection, fault: PlayedFault, play: Drop) -> bool:
    match play.how:
        case "reset":
            await connection.reset()
        case "close":
            await connection.close()
        case "hang":
            await connection.pause(fault.options.get("seconds"))
            await connection.close()
        case "late":
            await connection.pause(float(fault.options.get("seconds", 1)))
            return False
        case _:
            return False
    return True
