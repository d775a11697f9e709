"""A server of exact bytes, for what no gateway would send on purpose: halves of events, heads without bodies."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


@dataclass
class RawServer:
    """Answer each request with the next reply, the last one again and again.

    Args:
        replies: the pieces of each reply, sent with a pause after each.
        hang: whether the connection stays open after the last piece.
        pause: seconds between two pieces.
    """

    replies: list[list[bytes]]
    hang: bool = False
    pause: float = 0.0
    requests: list[bytes] = field(default_factory=list)
    api_key: str = "sk-aisa-raw-000000000000"

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._over = threading.Event()
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        # A blocked accept is woken by a connection alone.
        with contextlib.suppress(OSError):
            socket.create_connection(self._listener.getsockname()).close()
        self._thread.join()
        for connection in (*self._open, self._listener):
            connection.close()

    @property
    def url(self) -> str:
        """The origin."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def _serve(self) -> None:
        for pieces in self._forever():
            connection, _ = self._listener.accept()
            self._open.append(connection)
            if self._over.is_set():
                return
            with contextlib.suppress(OSError):
                self.requests.append(_read_request(connection))
                for piece in pieces:
                    connection.sendall(piece)
                    self._over.wait(self.pause)
            if not self.hang:
                connection.close()

    def _forever(self) -> Iterator[list[bytes]]:
        yield from self.replies
        while True:
            yield self.replies[-1]


def _read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return body
