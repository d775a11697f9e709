"""One deadline for a call until its reply is handed over, whatever keeps the connection alive in the meantime."""

import ssl
import time
from typing import Any

import httpx2
import openai
import pytest

from aisa_integrations import Policy, openai_client
from aisa_integrations.local import LocalGateway
from aisa_integrations.settings import LONGEST_WAIT
from tests.faults.faces import ASYNC_GATEWAY, ASYNC_GENAI, FACES, GENAI_FACES, OPENAI, Face
from tests.faults.raw import SSE, RawServer

EVERY_FACE = pytest.mark.parametrize("face", FACES, ids=str)
# One of each vendor, sync and async: what is below is the same for all.
SOME_FACES = pytest.mark.parametrize("face", [OPENAI, ASYNC_GATEWAY, ASYNC_GENAI], ids=str)
# Long enough that it is not the default timeout that ends a call, short enough to tell the two apart.
SOON = 5.0


def _ask(face: Face, server: Any, tls: ssl.SSLContext, *, deadline: float, stream: bool, **settings: Any) -> Any:
    began = time.monotonic()
    seen = face.ask(server, tls, stream=stream, policy=Policy(deadline=deadline, max_retries=2), **settings)
    assert time.monotonic() - began < SOON
    return seen


def _is_timeout(error: Exception | None) -> bool:
    return type(error).__name__ in ("RequestTimeoutError", "APITimeoutError", "ReadTimeout")


SILENT_BEFORE_CONTENT = ["hang", "hang_before_content", "comment_trickle_before_content"]


@pytest.mark.parametrize(("fault", "stream"), [("hang", False), *((name, True) for name in SILENT_BEFORE_CONTENT)])
@EVERY_FACE
def test_the_deadline_ends_what_says_nothing(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, fault: str, stream: bool
) -> None:
    gateway.script.fail("*", fault, every=0.02)
    seen = _ask(face, gateway, tls, deadline=0.2, stream=stream)
    assert _is_timeout(seen.error)
    assert len(gateway.requests) == 1


@pytest.mark.parametrize("timeout", [30, None])
@SOME_FACES
def test_the_deadline_holds_whatever_the_timeout(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, timeout: float | None
) -> None:
    gateway.script.fail("*", "hang_before_content")
    assert _is_timeout(_ask(face, gateway, tls, deadline=0.2, stream=True, timeout=timeout).error)


@pytest.mark.parametrize(("fault", "stream"), [("hang", False), *((name, True) for name in SILENT_BEFORE_CONTENT)])
@SOME_FACES
def test_one_model_leaves_the_next_its_share(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face, fault: str, stream: bool
) -> None:
    gateway.script.fail("first-model", fault, every=0.02)
    seen = _ask(face, gateway, tls, deadline=1.5, stream=stream, fallbacks=["second-model", "third-model"])
    assert seen.served_by == "second-model"
    first, second = gateway.requests
    # A third of 1.5 s, for there are two others.
    assert second.at - first.at >= 0.4


@SOME_FACES
def test_the_last_model_has_all_that_is_left(gateway: LocalGateway, tls: ssl.SSLContext, face: Face) -> None:
    gateway.script.fail("first-model", "server_error")
    gateway.script.fail("second-model", "slow_first_byte", seconds=0.6)
    seen = _ask(face, gateway, tls, deadline=1.1, stream=False, fallbacks=["second-model"])
    assert seen.served_by == "second-model"


@SOME_FACES
def test_no_wait_is_begun_that_ends_after_the_deadline(gateway: LocalGateway, tls: ssl.SSLContext, face: Face) -> None:
    gateway.script.fail("*", "upstream_unavailable", retry_after=0.4)
    seen = _ask(face, gateway, tls, deadline=0.5, stream=False)
    assert seen.error is not None
    assert len(gateway.requests) == 2


@SOME_FACES
def test_a_stream_that_flows_outlives_the_deadline(gateway: LocalGateway, tls: ssl.SSLContext, face: Face) -> None:
    gateway.script.set_style("first-model", chunk_delay=0.06)
    began = time.monotonic()
    seen = face.ask(gateway, tls, stream=True, policy=Policy(deadline=0.2, max_retries=0))
    assert seen.error is None
    assert seen.text.endswith("Zoë")
    assert time.monotonic() - began > 0.3


@SOME_FACES
def test_a_pause_after_content_may_be_longer_than_the_deadline(
    gateway: LocalGateway, tls: ssl.SSLContext, face: Face
) -> None:
    gateway.script.fail("first-model", "hang_after_content", seconds=0.5)
    began = time.monotonic()
    seen = face.ask(gateway, tls, stream=True, policy=Policy(deadline=0.2, max_retries=0), timeout=5)
    assert seen.error is not None
    assert time.monotonic() - began > 0.45


@SOME_FACES
def test_a_head_alone_is_no_reply(tls: ssl.SSLContext, face: Face) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"
    with RawServer([[head]], hang=True) as server:
        for stream in (False, True):
            assert _is_timeout(_ask(face, server, tls, deadline=0.2, stream=stream).error)


@SOME_FACES
def test_an_error_whose_body_never_ends_is_a_timeout(tls: ssl.SSLContext, face: Face) -> None:
    head = b'HTTP/1.1 500 Oops\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"error"'
    with RawServer([[head]], hang=True) as server:
        for stream in (False, True):
            assert _is_timeout(_ask(face, server, tls, deadline=0.2, stream=stream).error)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@SOME_FACES
def test_a_body_that_drips_is_ended_too(tls: ssl.SSLContext, face: Face, stream: bool) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n"
    with RawServer([[head, *[b" "] * 400]], pause=0.02) as server:
        assert _is_timeout(_ask(face, server, tls, deadline=0.2, stream=stream).error)


@SOME_FACES
def test_the_timeout_ends_a_stream_of_comments_after_content(tls: ssl.SSLContext, face: Face) -> None:
    event = b'data: {"candidates":[{"content":{"parts":[{"text":"begun"}]}}]}\n\n'
    if face not in GENAI_FACES:
        event = b'data: {"choices":[{"delta":{"content":"begun"}}]}\n\n'
    with RawServer([[SSE + event, *[b": keep-alive\n\n"] * 400]], pause=0.02) as server:
        seen = _ask(face, server, tls, deadline=60, stream=True, timeout=0.3)
    assert seen.text == "begun"
    assert seen.error is not None


@pytest.mark.parametrize("timeout", [None, 1e300])
@pytest.mark.parametrize("stream", [False, True])
def test_a_copy_may_have_next_to_no_limit(
    gateway: LocalGateway, tls: ssl.SSLContext, stream: bool, timeout: float | None
) -> None:
    policy = Policy(deadline=LONGEST_WAIT)
    with OPENAI.make(gateway.api_key, base_url=gateway.url, verify=tls, policy=policy) as client:
        patient = client.with_options(timeout=timeout)
        assert OPENAI.open(patient, "m", {}).response.read() if stream else OPENAI.call(patient, "m", {})


class _Slow(httpx2.BaseTransport):
    """A network where it takes time to get a connection, as httpcore asks for the limit of each step."""

    def __init__(self) -> None:
        self.limits: dict[str, float] = {}

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        timeouts = request.extensions["timeout"]
        for step in ("connect", "read"):
            self.limits[step] = timeouts.get(step, None)
            time.sleep(0.1)
        raise httpx2.ReadTimeout("silence", request=request)


@pytest.mark.parametrize("timeout", [5, None])
def test_the_steps_of_an_attempt_share_its_time(timeout: float | None) -> None:
    network = _Slow()
    with (
        httpx2.Client(transport=network) as http,
        openai_client(
            "sk-aisa-0", http_client=http, timeout=timeout, policy=Policy(deadline=3, max_retries=0)
        ) as client,
        pytest.raises(openai.APITimeoutError),
    ):
        client.models.list()
    assert 0 < network.limits["read"] <= network.limits["connect"] - 0.1 < 3
