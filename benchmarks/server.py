"""A bare server of canned chat replies in a process of its own, so that its CPU time is nobody's.

It speaks HTTP/1.1 with keep-alive, and the model's name says what it answers: `chunks-200` a stream of as many events,
each in an HTTP chunk of its own and all of them written at once; `fails-500` that status; `after-200` a completion
after so many milliseconds, whatever follows them; anything else a completion.
"""

from __future__ import annotations

import asyncio
import functools
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SHELL = {"id": "chatcmpl-bench-0001", "created": 1767268800, "model": "gpt-4o", "system_fingerprint": "fp_bench"}
_USAGE = {
    "prompt_tokens": 21,
    "completion_tokens": 42,
    "total_tokens": 63,
    "cost": 0.0004725,
    "credits_remaining": 99.1234,
}
_TEXT = "The sky is blue because air scatters short waves of light more than long ones, and blue is short. " * 4
_CHUNKS = re.compile(rb'"model": ?"chunks-(\d+)"')
_FAILS = re.compile(rb'"model": ?"fails-(\d+)"')
_AFTER = re.compile(rb'"model": ?"after-(\d+)')
_LENGTH = re.compile(rb"content-length: ?(\d+)", re.IGNORECASE)


def _completion() -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": _TEXT}, "finish_reason": "stop"}
    body = json.dumps({**_SHELL, "object": "chat.completion", "choices": [choice], "usage": _USAGE}).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


@functools.cache
def _stream(chunks: int, with_usage: bool) -> bytes:
    shell = {**_SHELL, "object": "chat.completion.chunk"}
    words = [{"index": 0, "delta": {"content": f" word{number}"}, "finish_reason": None} for number in range(chunks)]
    events: list[str] = [json.dumps({**shell, "choices": [word]}) for word in words]
    events.append(json.dumps({**shell, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}))
    if with_usage:
        events.append(json.dumps({**shell, "choices": [], "usage": _USAGE}))
    framed = [f"data: {event}\n\n".encode() for event in (*events, "[DONE]")]
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(event), event) for event in framed) + b"0\r\n\r\n"


def _failure(status: int) -> bytes:
    body = b'{"error":{"code":"gateway_error","message":"the model behind the gateway failed"}}'
    head = b"HTTP/1.1 %d Failed\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (status, len(body))
    return head + body


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._received = b""
        self._plain = _completion()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, rest = self._received.partition(b"\r\n\r\n")
        found = _LENGTH.search(head)
        length = int(found[1]) if found else 0
        if not separator or len(rest) < length:
            return
        self._received = rest[length:]
        if asked := _CHUNKS.search(rest):
            self._transport.write(_stream(int(asked[1]), b'"include_usage"' in rest))
        elif asked := _FAILS.search(rest):
            self._transport.write(_failure(int(asked[1])))
        elif asked := _AFTER.search(rest):
            asyncio.get_running_loop().call_later(int(asked[1]) / 1000, self._transport.write, self._plain)
        else:
            self._transport.write(self._plain)


@contextmanager
def serving() -> Iterator[str]:
    """Run the server in a process of its own, and give its origin."""
    process = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.stdin.close()
        process.wait(5)
        process.stdout.close()


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Connection, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    # Whoever started it closes its input, or dies.
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve())
