"""A gateway that can't be reached: nobody else helps, so the same model is asked again, and only that is repeated."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2
import openai
import pytest

from aisa_integrations import ConnectionFailedError
from aisa_integrations.local import DEFAULT_API_KEY, LocalGateway
from tests.faults.faces import DICT_FACES, FACES, GENAI_FACES, OPENAI, Face


@dataclass
class Nobody:
    """An address on which nobody listens."""

    url: str
    api_key: str = DEFAULT_API_KEY


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _up_after(port: int, seconds: float) -> Iterator[LocalGateway]:
    gateway = LocalGateway(port=port)
    timer = threading.Timer(seconds, gateway.start)
    timer.start()
    try:
        yield gateway
    finally:
        timer.join()
        gateway.stop()


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("face", FACES, ids=str)
def test_it_is_told_as_what_it_is_and_no_other_model_is_asked(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, stream: bool, scheme: str
) -> None:
    # Nobody listens, or somebody who does not speak TLS.
    url = f"http://127.0.0.1:{_free_port()}" if scheme == "http" else gateway.url.replace("http:", "https:")
    seen = face.ask(Nobody(url), tls, stream=stream, max_retries=0, fallbacks=["second-model"])
    if face in DICT_FACES:
        assert isinstance(seen.error, ConnectionFailedError)
        assert (seen.error.status, seen.error.code) == (None, "connect")
        assert "base_url" in str(seen.error)
        assert seen.attempts == [("first-model", None, "connect")]
    else:
        assert type(seen.error) is (httpx2.ConnectError if face in GENAI_FACES else openai.APIConnectionError)


@pytest.mark.parametrize("face", FACES, ids=str)
def test_the_same_model_is_asked_once_the_gateway_is_there(tls: ssl.SSLContext, face: Face) -> None:
    port = _free_port()
    with _up_after(port, 0.2) as gateway:
        seen = face.ask(Nobody(f"http://127.0.0.1:{port}"), tls, stream=True, max_retries=3, fallbacks=["second-model"])
        assert [request.model for request in gateway.requests] == ["first-model"]
    assert seen.served_by == "first-model"
    assert seen.attempts[0] == ("first-model", None, "connect")
    assert seen.attempts[-1] == ("first-model", 200, None)


def test_rounds_over_a_chain_stay_within_the_number(tls: ssl.SSLContext) -> None:
    nobody = Nobody(f"http://127.0.0.1:{_free_port()}")
    seen = DICT_FACES[0].ask(nobody, tls, stream=False, max_retries=1, fallbacks=["second-model"])
    assert [model for model, _, _ in seen.attempts] == ["first-model", "first-model"]


def test_surfaces_without_fallback_are_asked_again_only_when_they_could_not_be_reached(tls: ssl.SSLContext) -> None:
    port = _free_port()
    with (
        OPENAI.make(DEFAULT_API_KEY, base_url=f"http://127.0.0.1:{port}", max_retries=3, verify=tls) as client,
        _up_after(port, 0.2) as gateway,
    ):
        assert client.models.list().data
        gateway.script.fail("/v1/models", "server_error")
        with pytest.raises(openai.InternalServerError):
            client.models.list()
        assert len(gateway.requests) == 2


def test_a_gateway_that_is_gone_is_waited_for_no_longer_than_the_deadline(tls: ssl.SSLContext) -> None:
    from aisa_integrations import Policy

    nobody, began = Nobody(f"http://127.0.0.1:{_free_port()}"), time.monotonic()
    seen = DICT_FACES[0].ask(nobody, tls, stream=False, policy=Policy(max_retries=9, deadline=0.7))
    assert isinstance(seen.error, ConnectionFailedError)
    assert len(seen.attempts) <= 3
    assert time.monotonic() - began < 5
