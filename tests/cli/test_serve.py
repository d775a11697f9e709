"""`aisa serve` and `python -m aisa_integrations.local`: one gateway, two ways to start it."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import httpx2
import pytest

from aisa_integrations.errors import AisaError, ConfigurationError
from aisa_integrations.local import LocalGateway
from aisa_integrations.local.serving import Serving

CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
WAYS = pytest.mark.parametrize(
    "way", [("aisa_integrations.cli", "serve"), ("aisa_integrations.local",)], ids=["aisa", "module"]
)


def started(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def ask(url: str, key: str, **body: object) -> httpx2.Response:
    headers = {"authorization": f"Bearer {key}"}
    return httpx2.post(f"{url}/v1/chat/completions", json={**CHAT, **body}, headers=headers, timeout=10)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


# ---- until it is told to stop ---------------------------------------------------------------------------------------


@WAYS
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_the_two_variables_and_serves_until_it_is_told_to_stop(way, stop):
    with started(*way, "--port", "0") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        values = dict(process.stdout.readline().strip().split("=", 1) for _ in range(2))
        assert list(values) == ["AISA_BASE_URL", "AISA_API_KEY"]
        assert ask(values["AISA_BASE_URL"], values["AISA_API_KEY"]).status_code == 200
        process.send_signal(stop)
        assert process.wait(10) == 0
        assert (process.stdout.read(), process.stderr.read()) == ("", "")


def test_json_is_one_document_at_the_start():
    with started("aisa_integrations.cli", "serve", "--port", "0", "--api-key", "my-own", "--json") as process:
        assert process.stdout is not None
        text = ""
        while not text.endswith("}\n"):
            text += process.stdout.readline()
        document = json.loads(text)
        assert (document["ok"], document["api_key"]) == (True, "my-own")
        assert ask(document["base_url"], "my-own").status_code == 200
        assert ask(document["base_url"], "another").status_code == 401
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


@WAYS
def test_a_taken_port_is_said_in_one_line(way, taken):
    with started(*way, "--port", str(taken)) as process:
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (1, "")
    assert f"Port {taken} is taken: choose another with --port, or 0 for a free one." in err
    assert err.count("\n") == 1


# ---- what it is made of ---------------------------------------------------------------------------------------------


@pytest.fixture
def serving(request) -> Iterator[LocalGateway]:
    gateway = Serving(port=0, **request.param).start()
    yield gateway
    gateway.stop()


@pytest.mark.parametrize("serving", [{"balance": "0"}], indirect=True)
def test_an_empty_wallet(serving):
    assert ask(serving.url, serving.api_key).status_code == 402


@pytest.mark.parametrize("serving", [{}], indirect=True)
def test_what_was_asked_is_not_kept_for_days(serving):
    assert ask(serving.url, serving.api_key).status_code == 200
    assert serving.requests == []
    assert serving.account.spent > 0


@pytest.mark.parametrize("serving", [{"strict": True}], indirect=True)
def test_strict_models(serving):
    assert ask(serving.url, serving.api_key, model="nonesuch").status_code == 404
    assert ask(serving.url, serving.api_key).status_code == 200


@pytest.mark.parametrize("serving", [{"tier": "free"}], indirect=True)
def test_the_limits_of_a_tier(serving):
    assert ask(serving.url, serving.api_key).headers["x-ratelimit-limit-requests"] == "60"


def test_an_upstream_answers_with_a_key_of_its_own(monkeypatch, canary_key):
    with LocalGateway(api_key=canary_key) as upstream:
        upstream.script.reply("mine", "from upstream")
        monkeypatch.setenv("AISA_UPSTREAM_API_KEY", canary_key)
        gateway = Serving(port=0, upstream=f"{upstream.url}/v1", upstream_model="mine").start()
        try:
            reply = ask(gateway.url, gateway.api_key)
            assert reply.json()["choices"][0]["message"]["content"] == "from upstream"
            assert reply.json()["model"] == "gpt-4o"
            assert canary_key not in reply.text + str(reply.headers)
        finally:
            gateway.stop()


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"port": 65_536}, "0 to 65535"),
        ({"port": -1}, "0 to 65535"),
        ({"balance": "much"}, "--balance"),
        ({"balance": "inf"}, "--balance"),
        ({"api_key": " "}, "--api-key"),
        ({"upstream": "127.0.0.1:11434"}, "--upstream is a URL"),
        ({"upstream": "ftp://host"}, "--upstream is a URL"),
        ({"upstream_model": "x"}, "there is none"),
        ({"upstream": "http://127.0.0.1:1", "backend": "llama"}, "not both"),
    ],
)
def test_a_value_that_cannot_work_is_a_usage_error(aisa, values, says):
    with pytest.raises(ConfigurationError, match=says):
        Serving(**values).start()
    arguments = [text for name, value in values.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    ran = aisa("serve", *arguments, "--json")
    assert (ran.code, ran.document["exit_code"]) == (2, 2)


def test_what_is_not_installed_is_named(aisa, monkeypatch):
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(AisaError, match="pip install"):
        Serving(port=0, backend="llama").start()
    ran = aisa("serve", "--backend", "llama", "--port", "0")
    assert ran.code == 1
    assert "pip install" in ran.err
