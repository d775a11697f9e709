"""The same over TLS, which the live gateway speaks: sockets are wrapped in others there."""

import asyncio
import gc
import pathlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from aisa_integrations import track
from aisa_integrations.local import LocalGateway
from aisa_integrations.transport.network import NetworkOptions
from tests.clients.faces import ASYNC_FACES, FACES, GATEWAY, OPENAI, SYNC_FACES, Face
from tests.clients.tls import Certificate, behind_tls, make_certificate
from tests.lifecycle.test_leaving import interrupted_in
from tests.lifecycle.watching import Connects, descriptors, eventually, in_a_child, no_noise


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder: pathlib.Path = tmp_path_factory.mktemp("tls")
    return make_certificate(folder)


@dataclass(frozen=True, slots=True)
class Secure:
    """A gateway behind TLS, and clients for it."""

    gateway: LocalGateway
    url: str
    certificate: Certificate

    def client(self, face: Face, limits: httpx2.Limits | None = None, **options: Any) -> Any:
        network: dict[str, Any] = {"verify": self.certificate.trusted(), "limits": limits or httpx2.Limits()}
        given = {"network": NetworkOptions(**network)} if "gateway" in face.name else network
        return face.make(self.gateway.api_key, base_url=self.url, **given, **options)


@pytest.fixture
def secure(certificate: Certificate) -> Iterator[Secure]:
    gateway = LocalGateway()
    with behind_tls(gateway, certificate) as url:
        yield Secure(gateway, url, certificate)


@pytest.mark.parametrize("face", FACES, ids=str)
def test_calls_and_streams_on_one_connection(face: Face, secure: Secure, monkeypatch: pytest.MonkeyPatch) -> None:
    client = secure.client(face)
    connects = Connects(monkeypatch)

    async def in_a_loop() -> None:
        for _ in range(3):
            assert "hello" in face.text(await face.call(client))
            assert "hello" in await face.read_within(client)

    with no_noise():
        if face.is_async:
            asyncio.run(in_a_loop())
        else:
            assert {face.ask(client), face.read(client), face.read(client)} == {face.ask(client)}
        assert connects.count == 1
        face.run(face.close, client)


@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_certificate_that_nobody_trusts(face: Face, secure: Secure) -> None:
    client = face.make(secure.gateway.api_key, base_url=secure.url, max_retries=0)
    with no_noise(), pytest.raises(Exception, match=r"(?i)certificate|connection"):
        face.ask(client)
    assert secure.gateway.requests == []


@pytest.mark.parametrize("face", [face for face in FACES if "gateway" not in face.name], ids=str)
def test_verification_can_be_switched_off(face: Face, secure: Secure) -> None:
    client = face.make(secure.gateway.api_key, base_url=secure.url, verify=False)
    assert "hello" in face.ask(client)
    face.run(face.close, client)


async def _called(face: Face, client: Any) -> None:
    await face.call(client)


async def _begun(face: Face, client: Any) -> Any:
    stream = face.open(client)
    stream = await stream if hasattr(stream, "__await__") else stream
    pieces = aiter(stream)
    await anext(pieces)
    return stream, pieces


def _once(face: Face, how: str, client: Any) -> None:
    if how == "asyncio.run":
        face.ask(client)
        return
    loop = asyncio.new_event_loop()
    loop.run_until_complete((_called if how == "closed" else _begun)(face, client))
    loop.close()


@pytest.mark.parametrize("face", ASYNC_FACES, ids=str)
@pytest.mark.parametrize("how", ["asyncio.run", "closed", "closed in mid stream"])
def test_loops_leave_nothing(face: Face, how: str, secure: Secure, caplog: pytest.LogCaptureFixture) -> None:
    client = secure.client(face)

    with no_noise():
        _once(face, how, client)
        gc.collect()
        before = descriptors()
        for _ in range(5):
            _once(face, how, client)
        gc.collect()
        assert eventually(lambda: descriptors() <= before)
        del client
    assert caplog.messages == []


@pytest.mark.parametrize("face", SYNC_FACES, ids=str)
def test_a_dropped_stream(face: Face, secure: Secure) -> None:
    secure.gateway.script.fail("*", "comment_trickle_after_content", every=0.02)
    client = secure.client(face, httpx2.Limits(max_connections=1), timeout=5)
    with no_noise(), track() as spend:
        for turn in range(1, 4):
            stream = face.open(client)
            next(iter(stream))
            del stream
            gc.collect()
            assert secure.gateway.wait(disconnects=turn)
        assert "hello" in face.ask(client)
    assert spend.calls == 4
    face.close(client)


@pytest.mark.parametrize("face", ASYNC_FACES, ids=str)
def test_a_cancelled_stream(face: Face, secure: Secure) -> None:
    secure.gateway.script.fail("*", "comment_trickle_after_content", every=0.02)
    client = secure.client(face, httpx2.Limits(max_connections=1), timeout=5)

    async def left_and_used_again() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(face.read_within(client), 0.3)
        assert await asyncio.to_thread(secure.gateway.wait, requests=1, disconnects=1)
        assert "hello" in face.text(await face.call(client))

    with no_noise():
        asyncio.run(left_and_used_again())


@pytest.mark.parametrize("face", SYNC_FACES, ids=str)
def test_ctrl_c(face: Face, secure: Secure) -> None:
    secure.gateway.script.fail("*", "hang")
    client = secure.client(face, httpx2.Limits(max_connections=1))
    with no_noise(), pytest.raises(KeyboardInterrupt), interrupted_in(0.3):
        face.ask(client)
    assert secure.gateway.wait(disconnects=1)
    secure.gateway.script.clear()
    assert "hello" in face.ask(client)
    face.close(client)


@pytest.mark.parametrize("fault", ["hang", "hang_before_content", "comment_trickle_before_content"])
def test_a_read_that_takes_too_long_is_ended_from_outside(fault: str, secure: Secure) -> None:
    secure.gateway.script.fail("gpt-4o", fault)
    client = secure.client(GATEWAY, timeout=0.4, fallbacks=["second"])
    with no_noise():
        assert "hello" in GATEWAY.read(client)
        client.close()
    assert [request.model for request in secure.gateway.requests] == ["gpt-4o", "second"]


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.parametrize("face", [OPENAI, *ASYNC_FACES], ids=str)
def test_forked_children(face: Face, secure: Secure) -> None:
    client = secure.client(face)
    face.ask(client)
    results = [in_a_child(lambda: face.ask(client)) for _ in range(3)]
    assert all("hello" in result() for result in results)
    assert "hello" in face.ask(client)
    face.run(face.close, client)
