"""A tiny forward proxy on loopback: it passes plain requests on, opens tunnels, and remembers what it was asked."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self


class ForwardProxy:
    """Listen on loopback while the block lasts; `seen` holds the request line of everything that came."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.heads: list[bytes] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._run(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in (self._server, *self._sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join()

    def _run(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                self._sockets.append(client)
                self._run(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            data = b""
            while b"\r\n\r\n" not in data:
                data += _received(client)
            head = data.partition(b"\r\n\r\n")[0]
            line = head.partition(b"\r\n")[0].decode()
            self.seen.append(line)
            self.heads.append(head)
            self._forward(client, line, data)

    def _forward(self, client: socket.socket, line: str, data: bytes) -> None:
        method, target, _ = line.split(" ")
        authority = target if method == "CONNECT" else target.partition("://")[2].partition("/")[0]
        host, _, port = authority.rpartition(":")
        upstream = socket.create_connection((host.strip("[]"), int(port)))
        self._sockets.append(upstream)
        if method == "CONNECT":
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            # A proxy asks the server for the path alone.
            upstream.sendall(data.replace(f"http://{authority}".encode(), b"", 1))
        self._run(_pump, upstream, client)
        _pump(client, upstream)


def _received(source: socket.socket) -> bytes:
    data = source.recv(65536)
    if not data:
        raise ConnectionError
    return data


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
