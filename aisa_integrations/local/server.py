"""The local gateway on a real socket: uvicorn's HTTP protocol on an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from .account import Account, catalogue_models, catalogue_prices
from .app import Gateway
from .backends import Backend
from .backends.scripted import ScriptedBackend
from .billing import UsageMode
from .limits import TIERS, Limits, Tier
from .model_call import Desk
from .replies import served
from .script import Script
from .traffic import Request, Traffic

if TYPE_CHECKING:
    from typing import Self

DEFAULT_API_KEY = "sk-aisa-local-0000000000000000"
"""The key of every local gateway that is given no other. It opens nothing else."""

INSTALL_HINT = 'pip install "aisa-integrations[local]"'


class LocalGateway:
    """A gateway on 127.0.0.1 that plays the real one, for development and tests.

    `backend`: "scripted" (deterministic answers that say they are simulated), "llama" (a real, very small model) or
    an object like `UpstreamBackend(url)`. `tier` switches rate limits on. `usage` says what replies tell of their
    cost. `strict_models` refuses ids that the catalogue does not list, as the real gateway does.
    Models that the catalogue has no price of cost `DEFAULT_PRICE`. `clock` gives the UNIX seconds that replies are
    dated by; a fixed one makes them the same every time. `keep_requests` is how many of the last ones `.requests`
    holds, for a gateway that runs for long; None is all.

        with LocalGateway() as gateway:
            client = openai_client(base_url=gateway.url, api_key=gateway.api_key)
    """

    def __init__(
        self,
        backend: Literal["scripted", "llama"] | Backend = "scripted",
        *,
        api_key: str = DEFAULT_API_KEY,
        balance: Decimal | int | str = Decimal(100),
        tier: Literal["free", "starter", "growth"] | Tier | None = None,
        usage: UsageMode = "full",
        latency: float = 0.0,
        chunk_delay: float = 0.0,
        port: int = 0,
        require_key: bool = True,
        strict_models: bool = False,
        clock: Callable[[], float] = time.time,
        keep_requests: int | None = None,
    ) -> None:
        catalogue = catalogue_models()
        self.api_key = api_key
        self.account = Account(Decimal(balance), catalogue_prices(catalogue))
        """The account: `.spent`, `.balance`, `.calls`, `.by_model()`."""
        self.script = Script()
        """What goes wrong, and what is said: `.fail()`, `.reply()`, `.set_style()`, `.clear()`."""
        self._traffic = Traffic(keep_requests)
        self._backend = _backend(backend)
        self.app = Gateway(
            desk=Desk(self._backend, self.account, self.script, usage, latency, chunk_delay, clock),
            account=self.account,
            script=self.script,
            traffic=self._traffic,
            models=served(catalogue),
            api_key=api_key,
            require_key=require_key,
            strict_models=strict_models,
            limits=Limits(TIERS[tier] if isinstance(tier, str) else tier) if tier else None,
            clock=clock,
        )
        """The ASGI application, for those who bring their own server."""
        self._port = port
        self._running: _Running | None = None

    @property
    def url(self) -> str:
        """The origin, without `/v1`."""
        if self._running is None:
            raise RuntimeError("the local gateway is not running: use `with LocalGateway() as gateway` or `.start()`")
        return f"http://127.0.0.1:{self._running.port}"

    @property
    def requests(self) -> list[Request]:
        """Every request received, as it was on the wire."""
        return self._traffic.requests

    @property
    def in_flight(self) -> int:
        """Requests that are being answered at this moment."""
        return self._traffic.in_flight

    @property
    def disconnects(self) -> int:
        """Requests whose client went away before their reply had ended."""
        return self._traffic.disconnects

    def wait(
        self,
        *,
        requests: int | None = None,
        disconnects: int | None = None,
        idle: bool = True,
        timeout: float = 5.0,
    ) -> bool:
        """Block until so many requests and disconnects were seen, and nothing is in flight; False on a timeout."""
        return self._traffic.wait(requests=requests, disconnects=disconnects, idle=idle, timeout=timeout)

    def clear(self) -> None:
        """Start afresh: no requests, no calls, no bills, no script."""
        self._traffic.clear()
        self.account.clear()
        self.script.clear()

    def start(self) -> Self:
        """Listen. Returns when the first request can come."""
        if self._running is not None:
            raise RuntimeError("the local gateway is running already")
        running = _Running(self.app, self._backend, self._port)
        running.start()
        self._running = running
        return self

    def stop(self) -> None:
        """Stop at once: what is still being answered is cut off. Without effect when it is not running."""
        running, self._running = self._running, None
        if running is not None:
            running.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        where = self.url if self._running else "not running"
        return f"<LocalGateway {self._backend.label}: {where}>"


def _backend(backend: str | Backend) -> Backend:
    if backend == "scripted":
        return ScriptedBackend()
    if backend == "llama":
        from .backends.llama import LlamaBackend

        return LlamaBackend()
    if isinstance(backend, str) or not isinstance(backend, Backend):
        raise TypeError(f'backend must be "scripted", "llama" or a Backend object, not {backend!r}')
    return backend


def _listening(port: int) -> socket.socket:
    # With the protocol named: asyncio switches Nagle's algorithm off only then, and with it each reply takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.close()
        raise
    return listener


class _Running:
    """One run of the server: its socket, its thread, its loop."""

    def __init__(self, app: Gateway, backend: Backend, port: int) -> None:
        self._app = app
        self._backend = backend
        self._socket = _listening(port)
        self.port: int = self._socket.getsockname()[1]
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None
        self._unwanted = False
        self._thread = threading.Thread(target=self._run, name=f"aisa-local-{self.port}", daemon=True)

    def start(self) -> None:
        self._thread.start()
        try:
            self._ready.wait()
        except BaseException:  # Ctrl-C, while a model is loaded: nobody would hold what is served
            self.stop()
            raise
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    def stop(self) -> None:
        self._unwanted = True
        if self._loop is not None and self._over is not None:
            with contextlib.suppress(RuntimeError):  # it has failed, and its loop is closed
                self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failure = error
        finally:
            self._socket.close()
            self._ready.set()

    async def _serve(self) -> None:
        self._over = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if self._unwanted:
            return
        server = _uvicorn_server(self._app)
        await self._backend.start()
        try:
            await server.startup(sockets=[self._socket])
            self._ready.set()
            await self._over.wait()
        finally:
            await _close(server)
            await self._backend.stop()


def _uvicorn_server(app: Gateway) -> Any:
    try:
        import uvicorn
        from uvicorn.protocols.http.auto import AutoHTTPProtocol
    except ImportError as error:
        raise ImportError(f"the local gateway needs uvicorn: {INSTALL_HINT}") from error

    # Not one of the process's loggers, so that no configuration of those turns it on.
    quiet = logging.Logger("aisa_integrations.local.http", logging.CRITICAL)  # noqa: LOG001

    class Protocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
        """uvicorn's protocol, silent, with the transport in the scope: only it can break a connection."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            # Loggers of our own: configuring uvicorn's would change them for every server of this process.
            self.logger = self.access_logger = quiet
            self.access_log = False

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.app_state = {"transport": transport}
            super().connection_made(transport)

    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        date_header=False,
        server_header=False,
        timeout_keep_alive=60,
    )
    config.load()
    server = uvicorn.Server(config)
    # `serve()` would set these up, and install signal handlers and poll ten times a second besides.
    server.lifespan = config.lifespan_class(config)
    return server


async def _close(server: Any) -> None:
    listeners = list(getattr(server, "servers", ()))
    for listener in listeners:
        for accepting in listener.sockets:
            asyncio.get_running_loop().remove_reader(accepting)
    # A connection that was accepted a moment ago has its transport some turns of the loop later, and none at all where
    # its listener is closed by then: nobody would close it.
    for _ in range(3):
        await asyncio.sleep(0)
    for listener in listeners:
        listener.close()
    state = server.server_state
    for connection in list(state.connections):
        connection.transport.abort()
    tasks = list(state.tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    # Aborted transports close their sockets in the next turn of the loop.
    await asyncio.sleep(0)
    await asyncio.sleep(0)
