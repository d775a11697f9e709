"""`aisa balance`: the wallet in USD, and nothing made up where the gateway says nothing."""

import json
from decimal import Decimal

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


def test_a_reply_without_any_known_amount_is_an_error_that_names_what_there_was(aisa, connected):
    connected.script.fail("*", "error_in_200", times=10)
    ran = aisa("balance", "--json")
    assert ran.code != 0
    assert ran.document["ok"] is False


def test_local_needs_no_key(aisa):
    ran = aisa("balance", "--local", "--json")
    assert (ran.code, ran.document["balance_usd"]) == (0, 100.0)


@pytest.mark.parametrize(("fault", "code"), [("bad_key", 3), ("wallet_empty", 4), ("html_502", 1), ("hang", 7)])
def test_each_failure_has_its_exit_code_in_words_and_in_json(aisa, connected, fault, code):
    connected.script.fail("*", fault, times=20)
    ran = aisa("balance", "--timeout", "0.05")
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith("error: ")
    ran = aisa("balance", "--timeout", "0.05", "--json")
    assert (ran.code, json.loads(ran.out)["exit_code"], ran.err) == (code, code, "")


@pytest.mark.parametrize("seconds", ["0", "-1", "nan"])
def test_a_timeout_that_is_none_is_a_usage_error(aisa, connected, seconds):
    assert aisa("balance", "--timeout", seconds).code == 2


def test_no_key(aisa):
    ran = aisa("balance")
    assert ran.code == 3
    assert "--local" in ran.err
