"""Bodies that pass unread, such as audio: as they came, cut with an error, and not in the way once they are dropped."""

import asyncio
import contextlib
import functools
import gc
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest

from aisa_integrations import async_openai_client, openai_client
from tests.lifecycle.watching import eventually, no_noise
from tests.safety.search import chain_of, paths_to

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n\r\n"
PIECE = b"5\r\nsound\r\n"


class Speaker:
    """A server that says one sound to each request, and then: ends, hangs or breaks off."""

    def __init__(self, then: str) -> None:
        self.then = then
        self.left = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                self._threads.append(threading.Thread(target=self._serve, args=(client,)))
                self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            while client.recv(65536):
                client.sendall(HEAD + PIECE + (b"0\r\n\r\n" if self.then == "end" else b""))
                if self.then == "break off":
                    return
        self.left += 1

    def has_lost(self, clients: int) -> bool:
        return self.left == clients

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for thread in self._threads:
            thread.join()


@pytest.fixture
def speaker(request: pytest.FixtureRequest) -> Iterator[Speaker]:
    running = Speaker(getattr(request, "param", "end"))
    yield running
    gc.collect()
    running.close()


def _say(client: Any) -> Any:
    return client.audio.speech.with_streaming_response.create(model="any", voice="alloy", input="hi")


ONE = httpx2.Limits(max_connections=1)


def test_a_body_passes_as_it_came(speaker: Speaker) -> None:
    with no_noise(), openai_client("sk-any", base_url=speaker.url) as client:
        with _say(client) as response:
            assert b"".join(response.iter_bytes()) == b"sound"
        assert client.audio.speech.create(model="any", voice="alloy", input="hi").content == b"sound"


def test_an_async_body_passes_as_it_came(speaker: Speaker) -> None:
    async def heard() -> bytes:
        async with async_openai_client("sk-any", base_url=speaker.url) as client, _say(client) as response:
            return b"".join([piece async for piece in response.iter_bytes()])

    with no_noise():
        assert asyncio.run(heard()) == b"sound"


@pytest.mark.parametrize("speaker", ["break off"], indirect=True)
def test_a_body_that_breaks_off_is_an_error_without_the_key(speaker: Speaker, canary_key: str) -> None:
    with openai_client(canary_key, base_url=speaker.url) as client, _say(client) as response:
        with pytest.raises((httpx2.RequestError, openai.APIConnectionError)) as caught:
            list(response.iter_bytes())
        assert [paths_to(canary_key, error) for error in chain_of(caught.value)] == [[]] * len(chain_of(caught.value))


@pytest.mark.parametrize("speaker", ["hang"], indirect=True)
@pytest.mark.parametrize("how", ["dropped", "half read", "closed"])
def test_a_body_that_is_left_gives_its_slot_back(how: str, speaker: Speaker) -> None:
    client = openai_client("sk-any", base_url=speaker.url, limits=ONE, timeout=5)
    with no_noise():
        for turn in range(3):
            response = client._client.send(client._client.build_request("GET", f"{speaker.url}/v1/sound"), stream=True)
            if how == "half read":
                next(response.iter_bytes())
            elif how == "closed":
                response.close()
            del response
            gc.collect()
            assert eventually(functools.partial(speaker.has_lost, turn + 1))
        client.close()


@pytest.mark.parametrize("speaker", ["hang"], indirect=True)
@pytest.mark.parametrize("how", ["dropped", "half read", "closed"])
def test_an_async_body_that_is_left_gives_its_slot_back(how: str, speaker: Speaker) -> None:
    async def left_three_times() -> None:
        client = async_openai_client("sk-any", base_url=speaker.url, limits=ONE, timeout=5)
        for turn in range(3):
            request = client._client.build_request("GET", f"{speaker.url}/v1/sound")
            response = await client._client.send(request, stream=True)
            if how == "half read":
                pieces = response.aiter_bytes()
                await anext(pieces)
                del pieces
            elif how == "closed":
                await response.aclose()
            del response
            for _ in range(5):
                gc.collect()
                await asyncio.sleep(0)
            assert await asyncio.to_thread(eventually, functools.partial(speaker.has_lost, turn + 1))
        await client.close()

    with no_noise():
        asyncio.run(left_three_times())
