"""limits=, event_hooks=, timeout= and verify= do what they say on every SDK client, and a wrong one is named."""

import asyncio
import threading
import time
from typing import Any

import httpx2
import openai
import pytest

from aisa_integrations import ConfigurationError
from aisa_integrations.local import LocalGateway
from tests.clients.faces import ASYNC_OPENAI, BODY, GENAI, GENAI_AIO, OPENAI, SDK_FACES, Face, comes_out

each = pytest.mark.parametrize("face", SDK_FACES, ids=str)


class Heard:
    """Hooks that note what they were called with."""

    def __init__(self, key: str) -> None:
        self._key = key
        self.plain: list[str] = []
        self.awaited: list[str] = []

    def _note(self, message: Any, notes: list[str]) -> None:
        request = getattr(message, "request", message)
        assert self._key not in repr(list(request.headers.raw))
        notes.append(type(message).__name__)

    def hook(self, message: Any) -> None:
        self._note(message, self.plain)

    async def async_hook(self, message: Any) -> None:
        self._note(message, self.awaited)


@each
def test_hooks_hear_each_call_once_and_see_no_key(face: Face, gateway: LocalGateway) -> None:
    heard = Heard(gateway.api_key)
    hook = heard.async_hook if face is ASYNC_OPENAI else heard.hook
    hooks = {"request": [hook], "response": [hook]}
    gateway.script.fail(face.model, "server_error")
    client = face.make(gateway.api_key, base_url=gateway.url, event_hooks=hooks, fallbacks=["second"])
    face.ask(client)
    face.read(client)
    assert heard.plain + heard.awaited == ["Request", "Response"] * 2
    assert len(gateway.requests) == 4


@pytest.mark.parametrize("face", [GENAI, GENAI_AIO], ids=str)
def test_hooks_of_gemini_may_be_of_both_kinds(face: Face, gateway: LocalGateway) -> None:
    heard = Heard(gateway.api_key)
    hooks = {"request": [heard.hook, heard.async_hook]}
    face.ask(face.make(gateway.api_key, base_url=gateway.url, event_hooks=hooks))
    assert heard.plain == ["Request"]
    assert heard.awaited == (["Request"] if face is GENAI_AIO else [])


@each
def test_what_a_hook_raises_comes_out(face: Face, gateway: LocalGateway) -> None:
    def refuse(request: httpx2.Request) -> None:
        raise LookupError("not this one")

    async def async_refuse(request: httpx2.Request) -> None:
        refuse(request)

    hooks = {"request": [async_refuse if face is ASYNC_OPENAI else refuse]}
    client = face.make(gateway.api_key, base_url=gateway.url, event_hooks=hooks)
    with comes_out(LookupError, "not this one"):
        face.ask(client)
    assert gateway.requests == []


@each
def test_limits_bound_the_connections(face: Face, gateway: LocalGateway) -> None:
    gateway.script.fail("*", "slow_first_byte", seconds=0.05)
    client = face.make(gateway.api_key, base_url=gateway.url, limits=httpx2.Limits(max_connections=2))
    most = 0

    async def together() -> None:
        await asyncio.gather(*(face.call(client) for _ in range(6)), noting())

    async def noting() -> None:
        await asyncio.to_thread(watch)

    def watch() -> None:
        nonlocal most
        while len(gateway.requests) < 6:
            most = max(most, gateway.in_flight)
            time.sleep(0.002)

    if face.is_async:
        asyncio.run(together())
    else:
        threads = [threading.Thread(target=face.ask, args=(client,)) for _ in range(6)]
        for thread in threads:
            thread.start()
        watch()
        for thread in threads:
            thread.join()
    assert most == 2


@each
def test_a_full_pool_is_a_timeout(face: Face, gateway: LocalGateway) -> None:
    gateway.script.fail("*", "hang_after_content", times=1)
    limits = httpx2.Limits(max_connections=1)
    client = face.make(gateway.api_key, base_url=gateway.url, limits=limits, timeout=0.2, max_retries=0)

    async def both() -> None:
        stream = await face.open(client)
        pieces = aiter(stream)
        await anext(pieces)
        await face.call(client)

    def in_turn() -> None:
        pieces = iter(face.open(client))
        next(pieces)
        face.ask(client)

    with pytest.raises((openai.APITimeoutError, httpx2.TimeoutException)):
        asyncio.run(both()) if face.is_async else in_turn()


@each
@pytest.mark.parametrize("limits", [5, {"max_connections": 5}, "many"], ids=repr)
def test_wrong_limits_are_named(face: Face, limits: Any) -> None:
    with pytest.raises(ConfigurationError, match="limits is an"):
        face.make("sk-any", limits=limits)


@each
@pytest.mark.parametrize("timeout", [3, 0.5, None, httpx2.Timeout(3, connect=1)], ids=repr)
def test_a_timeout_reaches_the_wire_in_seconds(face: Face, timeout: Any, gateway: LocalGateway) -> None:
    seen: list[Any] = []

    def note(request: httpx2.Request) -> None:
        seen.append(request.extensions["timeout"])

    async def async_note(request: httpx2.Request) -> None:
        note(request)

    hooks = {"request": [async_note if face is ASYNC_OPENAI else note]}
    face.ask(face.make(gateway.api_key, base_url=gateway.url, timeout=timeout, event_hooks=hooks))
    wanted = httpx2.Timeout(timeout)
    assert (seen[0]["read"], seen[0]["connect"]) == (wanted.read, wanted.connect)


@each
def test_the_default_timeouts(face: Face, gateway: LocalGateway) -> None:
    seen: list[Any] = []

    def note(request: httpx2.Request) -> None:
        seen.append(request.extensions["timeout"])

    async def async_note(request: httpx2.Request) -> None:
        note(request)

    hooks = {"request": [async_note if face is ASYNC_OPENAI else note]}
    face.ask(face.make(gateway.api_key, base_url=gateway.url, event_hooks=hooks))
    assert (seen[0]["connect"], seen[0]["read"]) == (10, 120)


@pytest.mark.parametrize("face", [OPENAI, ASYNC_OPENAI], ids=str)
@pytest.mark.parametrize("fault", ["connection_reset", "server_error"])
@pytest.mark.parametrize("rounds", [0, 1])
def test_retries_of_one_request_are_the_policys(face: Face, fault: str, rounds: int, gateway: LocalGateway) -> None:
    gateway.script.fail("*", fault)
    client = face.make(gateway.api_key, base_url=gateway.url, max_retries=2)
    options: Any = {"max_retries": rounds}
    with pytest.raises(openai.APIError):
        face.run(lambda: client.post("/chat/completions", cast_to=object, body=BODY, options=options))
    assert len(gateway.requests) == rounds + 1
