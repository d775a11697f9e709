"""The switch that forbids live requests: felt by every face before a connection is opened or used, by no replay."""

import asyncio
import inspect
import os
import pathlib
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from contextlib import nullcontext
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from aisa_integrations import (
    Budget,
    ConfigurationError,
    GatewayClient,
    GatewayError,
    LLMRouterClient,
    NetworkOptions,
    Policy,
    acompare,
    compare,
    genai_client,
    openai_client,
    state,
    track,
)
from aisa_integrations.local import LocalGateway, UpstreamBackend
from aisa_integrations.testing import forbid_live_requests
from tests.clients.faces import FACES, GATEWAY, OPENAI, SDK_FACES, SYNC_FACES, Face
from tests.clients.proxy import ForwardProxy
from tests.clients.tls import Certificate, behind_tls, make_certificate
from tests.conftest import LiveConnectionRefused, SocketGuard
from tests.lifecycle.watching import in_a_child
from tests.safety.search import frames_of, paths_to, pickled, rendered
from tests.tape.provenance import FOLDER
from tests.tape.scenes import BODY, SCENES, Site
from tests.tape.tape import ORIGIN, recording, replaying

WAYS = ("ask", "read")


@pytest.fixture(params=FACES, ids=str)
def face(request: pytest.FixtureRequest) -> Face:
    return request.param


def refused(face: Face, client: Any, way: str = "ask") -> ConfigurationError:
    """How a call of a client is refused; the client is closed."""
    with pytest.raises(ConfigurationError, match=f"live request to {ORIGIN} is forbidden") as caught:
        getattr(face, way)(client)
    face.run(face.close, client)
    return caught.value


# ---- refused --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_every_face_raises_our_own_error_and_nothing_reaches_a_socket(
    face: Face, way: str, canary_key: str, socket_guard: SocketGuard
) -> None:
    with forbid_live_requests() as lines, track() as spend:
        error = refused(face, face.make(canary_key, fallbacks=["gemini-2.5-pro"]), way)
    assert socket_guard.take() == []
    assert error.model == face.model
    assert f"[{face.model}]" in str(error)
    # No fallback is asked, nothing is tried again, nothing is counted as spent or as unknown.
    (attempt,) = error.attempts
    assert (attempt.model, attempt.cause, attempt.cost) == (face.model, "live_forbidden", Decimal(0))
    assert (spend.cost, spend.unknown, spend.calls) == (Decimal(0), 0, 1)
    (line,) = lines
    assert line.startswith(f"POST {ORIGIN}/v1/")
    assert line.endswith(f"({face.model})")


def test_the_error_holds_no_key(face: Face, canary_key: str) -> None:
    with forbid_live_requests() as lines:
        error = refused(face, face.make(canary_key))
    assert canary_key not in rendered(error)
    assert canary_key not in frames_of(error)
    assert paths_to(canary_key, error) == []
    assert canary_key.encode() not in pickled(error)
    assert canary_key not in str(lines)


def test_every_surface_is_refused(canary_key: str, socket_guard: SocketGuard) -> None:
    with (
        forbid_live_requests() as lines,
        openai_client(canary_key) as sdk,
        genai_client(canary_key) as google,
        GatewayClient(canary_key) as plain,
    ):
        for call in (
            lambda: sdk.models.list(),
            lambda: sdk.embeddings.create(model="text-embedding-3-small", input="Hello"),
            lambda: sdk.responses.create(model="gpt-4.1", input="Hello"),
            lambda: sdk.chat.completions.with_raw_response.create(**BODY),
            lambda: google.models.get(model="gemini-2.5-flash"),
            lambda: plain.models(),
            lambda: plain.balance(),
        ):
            with pytest.raises(ConfigurationError, match="is forbidden here"):
                call()
    assert len(lines) == 7
    assert socket_guard.take() == []


def test_a_comparison_is_refused_in_its_threads_and_tasks(canary_key: str, socket_guard: SocketGuard) -> None:
    models = ["gpt-4o", "gpt-4.1-mini"]
    with forbid_live_requests() as lines:
        told = [
            *compare(models, "Hello", api_key=canary_key).values(),
            *asyncio.run(acompare(models, "Hello", api_key=canary_key)).values(),
            *compare(models, "Hello", api_key=canary_key, stream=True).values(),
        ]
        skill = LLMRouterClient(canary_key).compare_models(models=models, message="Hello")
    assert [type(result.error) for result in told] == [ConfigurationError] * 6
    assert all("is forbidden here" in result["error"] for result in skill.values())
    assert len(lines) == 8
    assert socket_guard.take() == []


def test_what_a_local_gateway_passes_on_is_refused(canary_key: str, socket_guard: SocketGuard) -> None:
    backend = UpstreamBackend("https://upstream.example", canary_key, model="small")
    with LocalGateway(backend) as gateway, forbid_live_requests() as lines:
        client = GatewayClient(gateway.api_key, base_url=gateway.url, max_retries=0)
        with client, pytest.raises(GatewayError, match=r"live request to https://upstream\.example is forbidden"):
            GATEWAY.ask(client)
    assert lines == ["POST https://upstream.example/v1/chat/completions (small)"]
    assert socket_guard.take() == []


def test_what_a_budget_set_aside_is_given_back(canary_key: str) -> None:
    budget = Budget(1, assume_output_tokens=1_000)
    client = GatewayClient(canary_key, policy=Policy(budget=budget))
    with forbid_live_requests():
        refused(GATEWAY, client)
    left = state(client).budget
    assert left is not None
    assert (left.spent, left.reserved, left.remaining) == (Decimal(0), Decimal(0), Decimal(1))


@pytest.mark.parametrize(("said", "forbids"), [("1", True), ("yes", True), ("0", False), ("", False)])
def test_the_environment_forbids_too(
    said: str, forbids: bool, canary_key: str, monkeypatch: pytest.MonkeyPatch, socket_guard: SocketGuard
) -> None:
    client = GatewayClient(canary_key, max_retries=0)  # it heeds the variable at each request
    monkeypatch.setenv("AISA_OFFLINE", said)
    with pytest.raises(ConfigurationError if forbids else LiveConnectionRefused) as caught:
        GATEWAY.ask(client)
    client.close()
    assert (f"AISA_OFFLINE={said}" in str(caught.value)) is forbids
    assert bool(socket_guard.take()) is not forbids


@pytest.mark.parametrize("face", SDK_FACES, ids=str)
def test_a_proxy_is_not_even_asked(face: Face, canary_key: str) -> None:
    with ForwardProxy() as proxy, forbid_live_requests():
        refused(face, face.make(canary_key, proxy=proxy.url))
        assert proxy.seen == []


class Insistent(httpx2.BaseTransport):
    """A transport of a user's that tries each request twice, whatever went wrong."""

    def __init__(self) -> None:
        self._inner = httpx2.HTTPTransport()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            return self._inner.handle_request(request)
        except httpx2.RequestError:
            return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


@pytest.mark.parametrize(
    "made",
    [
        lambda: httpx2.Client(),
        lambda: httpx2.Client(transport=Insistent()),
        lambda: httpx2.Client(mounts={"https://": httpx2.HTTPTransport()}),
    ],
    ids=["plain", "with a transport that tries again", "with a mount"],
)
def test_a_client_of_the_users_own_is_refused(made: Any, canary_key: str, socket_guard: SocketGuard) -> None:
    with forbid_live_requests(), made() as http_client:
        refused(OPENAI, openai_client(canary_key, http_client=http_client))
    assert socket_guard.take() == []


# ---- let through ----------------------------------------------------------------------------------------------------


def test_loopback_is_let_through(face: Face, gateway: LocalGateway) -> None:
    with forbid_live_requests() as lines:
        client = face.make(gateway.api_key, base_url=gateway.url)
        assert "hello" in face.ask(client)
        assert "hello" in face.read(client)
        face.run(face.close, client)
    assert lines == []


@pytest.mark.parametrize("name", [name for name in SCENES if name != "not-found"])
def test_a_replay_of_the_live_gateway_is_let_through(name: str, canary_key: str) -> None:
    with forbid_live_requests() as lines, replaying(FOLDER / f"{name}.yaml"):
        assert SCENES[name].play(Site(ORIGIN, canary_key))
    assert lines == []


def test_a_recording_is_refused_and_nothing_is_written(
    canary_key: str, tmp_path: pathlib.Path, socket_guard: SocketGuard
) -> None:
    path = tmp_path / "live.yaml"
    with forbid_live_requests(), pytest.raises(ConfigurationError), recording(path, ORIGIN):
        SCENES["openai-plain"].play(Site(ORIGIN, canary_key))
    assert socket_guard.take() == []
    assert not path.exists()


def test_a_mock_is_let_through(canary_key: str) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json={"choices": [{"index": 0, "message": {"content": "a mock's hello"}}]})

    http_client = httpx2.Client(transport=httpx2.MockTransport(answer))
    with forbid_live_requests(), openai_client(canary_key, http_client=http_client) as client:
        assert OPENAI.ask(client) == "a mock's hello"


# ---- from when, until when, for whom --------------------------------------------------------------------------------


class Elsewhere(ForwardProxy):
    """A proxy that finds every host on this machine, so that a test has a live gateway to be kept from."""

    def _forward(self, client: socket.socket, line: str, data: bytes) -> None:
        method, target, version = line.split(" ")
        super()._forward(client, f"{method} 127.0.0.1:{target.rpartition(':')[2]} {version}", data)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


def trusting(certificate: Certificate) -> ssl.SSLContext:
    context = certificate.trusted()
    context.check_hostname = False  # the certificate is for 127.0.0.1
    return context


async def settled(result: Any) -> Any:
    return await result if inspect.isawaitable(result) else result


def test_a_warm_connection_is_not_used_either_and_serves_again_afterwards(
    face: Face, gateway: LocalGateway, certificate: Certificate
) -> None:
    with behind_tls(gateway, certificate) as url, Elsewhere() as proxy:
        settings: dict[str, Any] = {"proxy": proxy.url, "verify": trusting(certificate)}
        options = settings if face in SDK_FACES else {"network": NetworkOptions(**settings)}
        client = face.make(gateway.api_key, base_url=url.replace("127.0.0.1", "gateway.example"), **options)

        async def turns() -> None:
            for forbidden in (False, True, False):
                ban = forbid_live_requests() if forbidden else nullcontext()
                refusal = pytest.raises(ConfigurationError, match=r"https://gateway\.example:\d+ is forbidden")
                with ban, refusal if forbidden else nullcontext():
                    assert "hello" in face.text(await settled(face.call(client)))
            await settled(face.close(client))

        asyncio.run(turns())
    assert len(gateway.requests) == 2


def test_blocks_nest_and_each_knows_what_was_refused_in_it(canary_key: str, socket_guard: SocketGuard) -> None:
    client = GatewayClient(canary_key, max_retries=0)
    with forbid_live_requests() as outer:
        with forbid_live_requests() as inner, pytest.raises(ConfigurationError):
            GATEWAY.ask(client)
        with pytest.raises(ConfigurationError):
            GATEWAY.ask(client)
    assert (len(outer), len(inner)) == (2, 1)
    with pytest.raises(LiveConnectionRefused):
        GATEWAY.ask(client)
    client.close()
    assert socket_guard.take()


def test_a_block_that_raises_is_over(canary_key: str, socket_guard: SocketGuard) -> None:
    with pytest.raises(ZeroDivisionError), forbid_live_requests():
        1 / 0  # noqa: B018
    with GatewayClient(canary_key, max_retries=0) as client, pytest.raises(LiveConnectionRefused):
        GATEWAY.ask(client)
    assert socket_guard.take()


def test_it_holds_in_threads_that_were_there_before(face: Face, canary_key: str) -> None:
    began, go_on = threading.Event(), threading.Event()
    errors: list[Exception] = []

    def work() -> None:
        client = face.make(canary_key)
        began.set()
        go_on.wait(5)
        try:
            errors.append(refused(face, client))
        except BaseException as error:
            errors.append(AssertionError(repr(error)))

    worker = threading.Thread(target=work)
    worker.start()
    began.wait(5)
    with forbid_live_requests() as lines:
        go_on.set()
        worker.join()
    assert [isinstance(error, ConfigurationError) for error in errors] == [True]
    assert len(lines) == 1


@pytest.fixture
def _threads_are_meant() -> Iterator[None]:
    # From Python 3.12 on, forking a process with threads warns; that it goes well with ours is what is tested.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*multi-threaded, use of fork\(\)", category=DeprecationWarning)
        yield


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("face", SYNC_FACES, ids=str)
@pytest.mark.usefixtures("_threads_are_meant")
def test_it_holds_in_a_forked_child(face: Face, canary_key: str) -> None:
    client = face.make(canary_key)
    with forbid_live_requests() as lines:
        told = in_a_child(lambda: str(refused(face, client)))()
    assert "is forbidden here by forbid_live_requests()" in told
    assert lines == []  # the child's list is its own
