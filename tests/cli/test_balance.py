"""`aisa balance`: the wallet in USD, and nothing made up where the gateway says nothing."""

import json
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from aisa_integrations.cli.balance import in_usd


def test_it_is_the_wallet_to_the_last_millionth(aisa, connected):
    connected.account.balance = Decimal("12.345678")
    ran = aisa("balance")
    assert ran.code == 0
    lines = dict(line.split("  ", 1) for line in ran.out.splitlines())
    assert lines["available"].strip() == "$12.345678"
    assert "no limit of its own" in lines["left to this key"]
    assert ran.err == ""


def test_json_has_the_amounts_and_the_whole_reply(aisa, connected):
    connected.account.balance = Decimal("12.345678")
    document = aisa("balance", "--json").document
    assert document["available_usd"] == 12.345678
    assert document["reply"]["available_balance_micros_usd"] == 12_345_678
    assert document["reply"]["currency"] == "USD"


@pytest.mark.parametrize(
    ("said", "usd"),
    [(1, "0.000001"), ("2500000", "2.5"), (-40, "-0.00004"), (0, "0"), (1.5, "0.0000015"), (None, None), ("x", None)],
)
def test_millionths_are_exact_and_what_is_no_number_is_unknown(said, usd):
    amounts = in_usd({"available_balance_micros_usd": said, "api_key": "not an object"})
    assert amounts["available_usd"] == (None if usd is None else Decimal(usd))
    assert amounts["key_used_usd"] is None


@pytest.fixture
def telling(monkeypatch, canary_key) -> Iterator[Callable[[object], None]]:
    """Have a gateway tell of the wallet in the words of the test."""
    reply: list[object] = []

    class Gateway(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(reply[-1]).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("AISA_BASE_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AISA_API_KEY", canary_key)
    yield reply.append
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_is_not_told_is_not_made_up_and_what_is_new_is_kept(aisa, telling):
    telling({"available_balance_micros_usd": 1_500_000.5, "gift_cards": [{"usd": 3}], "api_key": {"name": "mine"}})
    document = aisa("balance", "--json").document
    assert (document["available_usd"], document["balance_usd"], document["key_used_usd"]) == (1.5000005, None, None)
    assert document["reply"]["gift_cards"] == [{"usd": 3}]
    assert document["reply"]["api_key"] == {"name": "mine"}
    lines = aisa("balance").out.splitlines()
    assert [line.split("  ")[-1].strip() for line in lines] == ["$1.5000005", "not told", "not told", "not told"]


def test_a_reply_without_any_known_amount_is_an_error_that_names_what_there_was(aisa, telling):
    telling({"wallet": 5, "unit": "EUR"})
    ran = aisa("balance", "--json")
    assert ran.code == 1
    assert "wallet, unit" in ran.document["error"]["message"]


def test_local_needs_no_key(aisa):
    ran = aisa("balance", "--local", "--json")
    assert (ran.code, ran.document["balance_usd"]) == (0, 100.0)


@pytest.mark.parametrize(("fault", "code"), [("bad_key", 3), ("wallet_empty", 4), ("html_502", 1), ("hang", 7)])
def test_each_failure_has_its_exit_code_in_words_and_in_json(aisa, connected, fault, code):
    connected.script.fail("*", fault, times=20)
    timeout = "0.05" if fault == "hang" else "10"
    ran = aisa("balance", "--timeout", timeout)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith("error: ")
    ran = aisa("balance", "--timeout", timeout, "--json")
    assert (ran.code, json.loads(ran.out)["exit_code"], ran.err) == (code, code, "")


@pytest.mark.parametrize("seconds", ["0", "-1", "nan"])
def test_a_timeout_that_is_none_is_a_usage_error(aisa, connected, seconds):
    assert aisa("balance", "--timeout", seconds).code == 2


def test_no_key(aisa):
    ran = aisa("balance")
    assert ran.code == 3
    assert "--local" in ran.err
