"""Whatever fails, the key is in no message, no attribute and no frame of the error, however deep one looks."""

import asyncio
import ctypes
import functools
import inspect
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from anyio._backends._asyncio import SocketStream

from aisa_integrations import Policy
from aisa_integrations.local import LocalGateway
from tests.clients.faces import ASYNC_FACES, FACES, OPENAI, SDK_FACES, SYNC_FACES, Face
from tests.faults.raw import SSE, RawServer
from tests.safety.search import chain_of, frames_of, paths_to, pickled, rendered

# What the gateway does, and whether to a plain call, a stream or both.
FAULTS = {
    "bad_key": "both",
    "server_error": "both",
    "html_502": "both",
    "error_in_200": "both",
    "invalid_json_200": "both",
    "connection_reset": "both",
    "connection_closed": "both",
    "hang": "both",
    "body_cut": "plain",
    "redirect_307": "both",
    "cut_before_content": "stream",
    "cut_after_content": "stream",
    "silent_end_after_content": "stream",
    "hang_after_content": "stream",
    "error_event_after_content": "stream",
}
CASES = [
    (fault, way) for fault, ways in FAULTS.items() for way in ("plain", "stream") if ways in ("both", way)
]  # fmt: skip


def caught(act: Callable[[], object]) -> BaseException:
    """What an act raises. Nothing in this frame holds a key."""
    try:
        act()
    except BaseException as error:
        return error
    pytest.fail("nothing was raised")


def assert_no_key(key: str, error: BaseException) -> None:
    assert key not in rendered(error)
    assert key not in frames_of(error)
    assert paths_to(key, error) == []
    assert key.encode() not in pickled(error)


@pytest.fixture
def keyed(canary_key: str) -> Iterator[LocalGateway]:
    """A gateway whose key is the canary."""
    with LocalGateway(api_key=canary_key) as running:
        yield running


def _acts(face: Face, way: str, client: Any) -> Callable[[], object]:
    return functools.partial(face.ask if way == "plain" else face.read, client)


@pytest.mark.parametrize("face", FACES, ids=str)
@pytest.mark.parametrize(("fault", "way"), CASES)
def test_no_failure_of_the_gateway_shows_the_key(
    face: Face, fault: str, way: str, keyed: LocalGateway, canary_key: str
) -> None:
    keyed.script.fail("*", fault)
    client = face.make(canary_key, base_url=keyed.url, max_retries=0, timeout=0.3)
    assert_no_key(canary_key, caught(_acts(face, way, client)))


@pytest.mark.parametrize("face", FACES, ids=str)
@pytest.mark.parametrize("way", ["plain", "stream"])
def test_a_refused_connection_does_not_show_the_key(face: Face, way: str, canary_key: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    client = face.make(canary_key, base_url=f"http://127.0.0.1:{port}", max_retries=0, timeout=2)
    assert_no_key(canary_key, caught(_acts(face, way, client)))


@pytest.mark.parametrize("face", FACES, ids=str)
def test_several_models_that_fail_do_not_show_the_key(face: Face, keyed: LocalGateway, canary_key: str) -> None:
    keyed.script.fail(face.model, "server_error")
    keyed.script.fail("second", "connection_reset")
    client = face.make(canary_key, base_url=keyed.url, max_retries=0, fallbacks=["second"])
    assert_no_key(canary_key, caught(_acts(face, "plain", client)))


def _told(status: str, body: str, *headers: str) -> list[bytes]:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return [("\r\n".join(lines) + body).encode()]


def _streamed(*events: dict[str, Any]) -> list[bytes]:
    return [SSE, "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()]


def _quoting(key: str) -> dict[str, list[bytes]]:
    """Replies that quote the key they were sent, as a careless gateway does."""
    words = f"Incorrect API key provided: {key}. Check it."
    error = {
        "error": {"message": words, "code": f"no:{key}", "request_id": key, "debug": [{"Bearer": f"Bearer {key}"}]}
    }
    content = {
        "choices": [{"index": 0, "delta": {"content": "Hello"}}],
        "candidates": [{"content": {"parts": [{"text": "Hello"}]}}],
    }
    return {
        "object": _told("401 No", json.dumps(error)),
        "plain text": _told("401 No", words, "Content-Type: text/plain"),
        "inside a 200": _told("200 OK", json.dumps(error)),
        "headers": _told("500 No", "{}", f"X-Request-Id: {key}", f"X-Debug: {key}"),
        "redirect": _told("307 Away", "", f"Location: https://elsewhere.example/?key={key}"),
        "no HTTP": [f"{key} what is this?\r\n\r\n".encode()],
        "first event": _streamed(error),
        "later event": _streamed(content, error),
    }


@pytest.mark.parametrize("face", FACES, ids=str)
@pytest.mark.parametrize("quote", _quoting(""))
@pytest.mark.parametrize("way", ["plain", "stream"])
def test_a_gateway_that_quotes_the_key_does_not_show_it(face: Face, way: str, quote: str, canary_key: str) -> None:
    with RawServer([_quoting(canary_key)[quote]]) as server:
        client = face.make(canary_key, base_url=server.url, max_retries=0, timeout=5)
        error = caught(_acts(face, way, client))
    assert_no_key(canary_key, error)
    if quote == "object":
        assert "Incorrect API key provided: …. Check it." in str(error)


@pytest.mark.parametrize("face", SDK_FACES, ids=str)
@pytest.mark.parametrize("fault", ["bad_key", "connection_reset"])
def test_requests_on_an_sdk_error_hold_a_placeholder(
    face: Face, fault: str, keyed: LocalGateway, canary_key: str
) -> None:
    keyed.script.fail("*", fault)
    error = caught(_acts(face, "plain", face.make(canary_key, base_url=keyed.url, max_retries=0)))
    response = getattr(error, "response", None)
    requests = [getattr(error, "request", None), getattr(response, "request", None)]
    sent = [dict(request.headers.raw) for request in requests if request is not None]
    assert sent
    assert canary_key not in repr(sent)


# ---- leaving in the middle ------------------------------------------------------------------------------------------


def _interrupt_when_asked(gateway: LocalGateway, thread_id: int) -> threading.Thread:
    def interrupt() -> None:
        gateway.wait(requests=1, idle=False)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), ctypes.py_object(KeyboardInterrupt))

    thread = threading.Thread(target=interrupt)
    thread.start()
    return thread


@pytest.mark.parametrize("face", SYNC_FACES, ids=str)
@pytest.mark.parametrize(
    ("fault", "way"), [("hang", "plain"), ("hang", "stream"), ("comment_trickle_after_content", "stream")]
)
def test_an_interrupt_does_not_show_the_key(
    face: Face, fault: str, way: str, keyed: LocalGateway, canary_key: str
) -> None:
    # A blocking read notices an asynchronous exception only when it returns: 1 s at most.
    keyed.script.fail("*", fault, seconds=0.3)
    client = face.make(canary_key, base_url=keyed.url, max_retries=0)
    thread = _interrupt_when_asked(keyed, threading.get_ident())
    error = caught(_acts(face, way, client))
    thread.join()
    assert type(error) is KeyboardInterrupt
    assert_no_key(canary_key, error)


async def _cancelled(face: Face, way: str, client: Any, gateway: LocalGateway) -> None:
    async def act() -> None:
        result = face.call(client) if way == "plain" else face.read_within(client)
        await result if inspect.isawaitable(result) else None

    task = asyncio.create_task(act())
    await asyncio.to_thread(gateway.wait, requests=1, idle=False)
    await asyncio.sleep(0.05)
    task.cancel()
    await task


@pytest.mark.parametrize("face", ASYNC_FACES, ids=str)
@pytest.mark.parametrize(("fault", "way"), [("hang", "plain"), ("hang", "stream"), ("hang_after_content", "stream")])
def test_a_cancelled_task_does_not_show_the_key(
    face: Face, fault: str, way: str, keyed: LocalGateway, canary_key: str
) -> None:
    keyed.script.fail("*", fault)
    client = face.make(canary_key, base_url=keyed.url, max_retries=0)
    error = caught(lambda: asyncio.run(_cancelled(face, way, client, keyed)))
    assert isinstance(error, asyncio.CancelledError)
    assert_no_key(canary_key, error)


@pytest.mark.parametrize("face", SYNC_FACES, ids=str)
@pytest.mark.parametrize("way", ["plain", "stream"])
def test_an_interrupt_while_the_key_is_sent_does_not_show_it(
    face: Face, way: str, keyed: LocalGateway, canary_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The frames of that moment do hold it: in the locals of h11, as text."""
    send: Any = socket.socket.send

    def interrupted(sock: socket.socket, data: Any, *flags: Any) -> Any:
        if canary_key.encode() in bytes(data):
            raise KeyboardInterrupt
        return send(sock, data, *flags)

    monkeypatch.setattr(socket.socket, "send", interrupted)
    error = caught(_acts(face, way, face.make(canary_key, base_url=keyed.url, max_retries=0)))
    assert type(error) is KeyboardInterrupt
    assert_no_key(canary_key, error)


@pytest.mark.parametrize("face", ASYNC_FACES, ids=str)
@pytest.mark.parametrize("way", ["plain", "stream"])
def test_a_cancellation_while_the_key_is_sent_does_not_show_it(
    face: Face, way: str, keyed: LocalGateway, canary_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = SocketStream.send

    async def stuck(stream: SocketStream, item: bytes) -> None:
        if canary_key.encode() in item:
            await asyncio.sleep(60)
        await send(stream, item)

    async def left() -> None:
        client = face.make(canary_key, base_url=keyed.url, max_retries=0)
        work = face.call(client) if way == "plain" else face.read_within(client)
        task = asyncio.create_task(work)
        await asyncio.sleep(0.1)
        task.cancel()
        await task

    monkeypatch.setattr(SocketStream, "send", stuck)
    error = caught(lambda: asyncio.run(left()))
    assert isinstance(error, asyncio.CancelledError)
    assert_no_key(canary_key, error)


# ---- wrong arguments ------------------------------------------------------------------------------------------------

WRONG: dict[str, dict[str, Any]] = {
    "plain http": {"base_url": "http://gateway.example"},
    "timeout": {"timeout": -1},
    "retries": {"max_retries": -1},
    "fallbacks": {"fallbacks": "gpt-4o"},
    "policy": {"policy": {"max_retries": 1}},
    "unknown": {"no_such_argument": 1},
    "deadline in a policy": {"policy": Policy(), "max_retries": "2"},
}


@pytest.mark.parametrize("face", FACES, ids=str)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_argument_does_not_show_the_key(face: Face, wrong: str, canary_key: str) -> None:
    assert_no_key(canary_key, caught(functools.partial(face.make, canary_key, **WRONG[wrong])))


@pytest.mark.parametrize("face", FACES, ids=str)
@pytest.mark.parametrize("spoil", ["{}\n.", "{}é", "{} {}"])
def test_a_spoilt_key_is_refused_without_being_shown(face: Face, spoil: str, canary_key: str) -> None:
    error = caught(functools.partial(face.make, spoil.replace("{}", canary_key)))
    assert type(error).__name__ == "ConfigurationError"
    assert_no_key(canary_key, error)


@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_key_in_place_of_the_url_is_not_said(face: Face, canary_key: str) -> None:
    error = caught(functools.partial(face.make, "sk-other", base_url=canary_key))
    assert canary_key not in f"{error!s} {error!r}"


@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_failover_is_logged_without_the_key(
    face: Face, keyed: LocalGateway, canary_key: str, caplog: pytest.LogCaptureFixture
) -> None:
    keyed.script.fail(face.model, "server_error")
    client = face.make(canary_key, base_url=keyed.url, fallbacks=["second"])
    with caplog.at_level(logging.DEBUG):
        face.ask(client)
    assert caplog.records
    assert canary_key not in caplog.text


def test_the_frames_of_what_the_caller_was_handling_stay(keyed: LocalGateway, canary_key: str) -> None:
    keyed.script.fail("*", "hang", seconds=0.3)
    client = OPENAI.make(canary_key, base_url=keyed.url, max_retries=0)

    def act() -> None:
        try:
            raise LookupError("the caller's own")
        except LookupError:
            _interrupt_when_asked(keyed, threading.get_ident())
            OPENAI.ask(client)

    error = caught(act)
    assert isinstance(error, KeyboardInterrupt)
    own = next(one for one in chain_of(error) if isinstance(one, LookupError))
    assert own.__traceback__ is not None
