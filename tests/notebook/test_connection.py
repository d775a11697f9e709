"""`connect()`: who answers a notebook's calls, what it shows, and that it leaves nothing behind."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from aisa_integrations import ConfigurationError, GatewayClient, openai_client
from aisa_integrations.local import LocalGateway
from aisa_integrations.notebook import Connection, connect
from aisa_integrations.notebook.connection import badge_now, badge_of
from aisa_integrations.settings import parse_origin

HELLO: Any = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def connected() -> Iterator[Callable[..., Connection]]:
    """`connect`, whose last connection is closed after the test."""
    made: list[Connection] = []

    def connecting(**options: Any) -> Connection:
        made.append(connect(**options))
        return made[-1]

    yield connecting
    for connection in made:
        connection.close()
    assert serving() == []


def serving() -> list[str]:
    """The threads of local gateways that run."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("aisa-local")]


def test_without_a_key_a_gateway_on_this_machine_answers(connected):
    here = connected()
    assert here.badge.label == "local, simulated"
    with openai_client() as client:
        reply = client.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert reply.choices[0].message.content == "Simulated reply from gpt-4o: you said Hello"


def test_it_shows_the_badge_and_no_key(connected):
    here = connected()
    for shown in (repr(here), here._repr_html_()):
        assert "local, simulated" in shown
        assert "AISA_API_KEY" in shown
        assert os.environ["AISA_API_KEY"] not in shown


@pytest.mark.parametrize("key", [None, "", " "])
def test_closing_puts_the_environment_back(connected, monkeypatch, key):
    if key is not None:
        monkeypatch.setenv("AISA_API_KEY", key)
    monkeypatch.setenv("AISA_BASE_URL", "https://elsewhere.example")
    here = connected()
    assert os.environ["AISA_BASE_URL"] == here.gateway.url
    here.close()
    here.close()
    assert os.environ.get("AISA_API_KEY") == key
    assert os.environ["AISA_BASE_URL"] == "https://elsewhere.example"
    assert serving() == []


def test_with_a_key_the_live_gateway_answers_and_nothing_is_started(connected, monkeypatch, canary_key):
    monkeypatch.setenv("AISA_API_KEY", canary_key)
    here = connected()
    assert here.badge.live
    assert here.gateway is None
    assert serving() == []
    assert "AISA_BASE_URL" not in os.environ
    for shown in (repr(here), here._repr_html_()):
        assert "live" in shown
        assert "https://api.aisa.one" in shown
        assert canary_key not in shown
    here.close()
    assert os.environ["AISA_API_KEY"] == canary_key


def test_with_a_key_for_a_gateway_on_this_machine_it_says_so(connected, monkeypatch):
    with LocalGateway() as gateway:
        monkeypatch.setenv("AISA_API_KEY", gateway.api_key)
        monkeypatch.setenv("AISA_BASE_URL", gateway.url)
        here = connected()
        assert not here.badge.live
        assert here.badge.label == f"local, {gateway.url}"


@pytest.mark.parametrize(
    ("origin", "live"),
    [("https://api.aisa.one", True), ("https://proxy.example", True), ("http://127.0.0.1:1", False)],
)
def test_what_the_badge_says_of_an_origin(origin, live):
    badge = badge_of(parse_origin(origin))
    assert badge.live is live
    assert origin in badge.label + badge.note


def test_who_answers_now(connected, monkeypatch, canary_key):
    assert badge_now() is None
    here = connected()
    assert badge_now() is here.badge
    monkeypatch.setenv("AISA_API_KEY", canary_key)
    assert badge_now() == badge_of(parse_origin(here.gateway.url))  # for that is where a call would go
    here.close()
    badge = badge_now()
    assert badge is not None
    assert badge.live


def test_a_key_that_can_not_work_is_said_at_once(connected, monkeypatch):
    monkeypatch.setenv("AISA_API_KEY", "https://api.aisa.one")
    with pytest.raises(ConfigurationError, match="holds a URL"):
        connected()


def test_an_answerer_that_there_is_not_is_said(connected):
    with pytest.raises(ConfigurationError, match="'gpt-4o'"):
        connected(local="gpt-4o")
    assert serving() == []


def test_running_the_cell_again_keeps_what_runs(connected):
    first = connected()
    client = GatewayClient()
    assert connected() is first
    assert len(serving()) == 1
    assert client.chat({"model": "gpt-4o", "messages": HELLO})["choices"]
    client.close()


def test_running_the_cell_again_after_closing_starts_anew(connected):
    first = connected()
    first.close()
    again = connected()
    assert again is not first
    assert os.environ["AISA_BASE_URL"] == again.gateway.url
    assert len(serving()) == 1


def test_a_key_that_was_set_meanwhile_goes_live_and_stops_the_gateway(connected, monkeypatch, canary_key):
    connected()
    monkeypatch.setenv("AISA_API_KEY", canary_key)
    here = connected()
    assert here.badge.live
    assert os.environ["AISA_API_KEY"] == canary_key
    assert "AISA_BASE_URL" not in os.environ
    assert serving() == []


def test_what_the_gateway_does_not_serve_is_refused_and_a_fallback_goes_on(connected):
    connected()
    with openai_client(fallbacks=["gpt-4o"], max_retries=0) as client:
        raw = client.chat.completions.with_raw_response.create(model="llama-3.1-70b", messages=HELLO)
    assert raw.headers["x-aisa-served-by"] == "gpt-4o"


def test_simulated_answers_are_seen_to_stream(connected):
    connected()
    with GatewayClient() as client:
        stream = client.stream({"model": "gpt-4o", "messages": HELLO})
        assert len([event for event in stream if event.get("choices")]) > 3
    exchange = stream.exchange
    assert exchange is not None
    assert exchange.latency > (exchange.ttft or 0) > 0


def test_without_the_toy_model_answers_are_simulated_and_the_badge_says_why(connected, monkeypatch):
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    here = connected(local="llama")
    assert here.badge.label == "local, simulated"
    assert "pip install" in repr(here)
    assert "pip install" in here._repr_html_()


def test_without_what_serves_the_hint_says_what_to_install(connected, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(ImportError, match=r'pip install "aisa-integrations\[local\]"'):
        connected()
    assert "AISA_API_KEY" not in os.environ
    assert serving() == []


@pytest.mark.model
def test_the_toy_model_answers_where_it_is_asked_for(connected):
    simulated = connected()
    here = connected(local="llama")
    assert here is not simulated
    assert len(serving()) == 1
    assert here.badge.label == "local, SmolLM2-135M"
    assert "often wrong" in repr(here)
    with openai_client() as client:
        reply = client.chat.completions.create(model="gpt-4o", messages=HELLO, max_tokens=4)
    assert reply.system_fingerprint == "local-SmolLM2-135M"


@pytest.mark.model
def test_ctrl_c_while_the_model_is_loaded_leaves_nothing_behind(connected):
    killer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))

    def interrupted():
        killer.start()
        connected(local="llama")
        killer.join()  # where the model is loaded faster than that

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert connected().badge.label == "local, simulated"
    assert len(serving()) == 1


@pytest.mark.model
def test_a_process_that_never_closes_ends_well():
    code = "from aisa_integrations.notebook import connect; print(connect(local='llama').badge.label)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, run.stdout.strip(), run.stderr) == (0, "local, SmolLM2-135M", "")
