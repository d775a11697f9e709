"""Users' own routes in code and in TOML, caps, and what can't work."""

import copy
import pickle
import subprocess
import sys
from decimal import Decimal

import pytest

from aisa_integrations.errors import ConfigurationError
from aisa_integrations.routing import Fallback, Routes, resolve_route
from tests.routing.requests import chat, seeing

TOML = """
[other]
is = "not ours"

[routes]
support = ["gpt-4o", "claude-sonnet-5"]
Bulk-Work = { models = ["qwen-flash", { model = "gpt-5-nano", max_cost_usd = 0.001 }], max_cost_usd = 0.1 }
cheap = ["gpt-5-nano"]
"""


def test_own_routes_are_asked_in_their_order_and_as_written():
    own = Routes({"support": ["gpt-4-turbo", "GPT-4o", "next-years-model", "claude-sonnet-5"]})
    decision = resolve_route("aisa/support", seeing(), routes=own)
    assert decision.rule == "your route"
    assert decision.chain == ("gpt-4-turbo", "GPT-4o", "next-years-model", "claude-sonnet-5")
    notes = [candidate.why.partition("; ")[2] for candidate in decision.candidates]
    assert notes == [
        "the catalogue does not list it as served",
        "the catalogue knows it as gpt-4o",
        "not in the catalogue",
        "",
    ]


def test_a_built_in_name_is_replaced_for_aisa_auto_too():
    own = Routes({"cheap": ["gpt-5-nano"]})
    assert resolve_route("aisa/cheap", chat(), routes=own).chain == ("gpt-5-nano",)
    automatic = resolve_route("aisa/auto", chat(), routes=own)
    assert (automatic.rule, automatic.chain) == ("short and simple", ("gpt-5-nano",))
    assert resolve_route("aisa/auto", seeing(), routes=Routes({"auto": ["gpt-4o"]})).chain == ("gpt-4o",)
    assert resolve_route("aisa/code", chat(), routes=own) == resolve_route("aisa/code", chat())


def test_a_toml_file_holds_lists_and_tables(tmp_path):
    path = tmp_path / "aisa.toml"
    path.write_text(TOML, encoding="utf-8")
    own = Routes.from_toml(path)
    assert own == Routes.from_toml(str(path))
    assert list(own) == ["support", "bulk_work", "cheap"]
    assert own["support"] == (Fallback("gpt-4o"), Fallback("claude-sonnet-5"))
    # The lower of the two caps holds, exactly as it is written.
    assert own["BULK-work"] == (Fallback("qwen-flash", Decimal("0.1")), Fallback("gpt-5-nano", Decimal("0.001")))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "can't be read"),
        ("routes = [", "is not TOML"),
        ("[route]\na = ['gpt-4o']", "has no table"),
        ("routes = 3", "has no table"),
        ("[routes]\nsupport = 'gpt-4o'", "'support' is a list"),
        ("[routes]\nsupport = {models = ['gpt-4o'], max_cost = 1}", "not max_cost"),
        ("[routes]\nsupport = {max_cost_usd = 1}", "'support' is a list"),
        ("[routes]\nsupport = ['gpt-4o', {model = 'x', cap = 1}]", "not cap"),
    ],
)
def test_a_file_that_can_not_work_is_named(tmp_path, text, told):
    path = tmp_path / "routes.toml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"routes\.toml") as caught:
        Routes.from_toml(path)
    assert told in str(caught.value)


def test_a_file_of_other_bytes_is_not_toml(tmp_path):
    (tmp_path / "routes.toml").write_bytes(b"[routes]\na = ['\xff']")
    with pytest.raises(ConfigurationError, match="is not TOML"):
        Routes.from_toml(tmp_path / "routes.toml")


@pytest.mark.parametrize(
    ("routes", "told"),
    [
        (["gpt-4o"], "map a name"),
        ({"a": "gpt-4o"}, "is a list"),
        ({"a": []}, "one or more"),
        ({"a": None}, "is a list"),
        ({"a": [7]}, "not 7"),
        ({"a": [" "]}, "not ' '"),
        ({"a": ["gpt-4o", "gpt-4o"]}, "twice"),
        ({"a": ["aisa/code"]}, "not other routes"),
        ({"a": ["gpt-4o"], "A": ["gpt-4o"]}, "twice"),
        ({"": ["gpt-4o"]}, "a route's name"),
        ({"a b": ["gpt-4o"]}, "a route's name"),
        ({"aisa/a": ["gpt-4o"]}, "a route's name"),
        ({7: ["gpt-4o"]}, "a route's name"),
        ({"a": {"models": ["gpt-4o"], "max_cost_usd": -1}}, "above 0"),
        ({"a": {"models": ["gpt-4o"], "max_cost_usd": True}}, "above 0"),
        ({"a": {"models": ["gpt-4o"], "max_cost_usd": "dear"}}, "above 0"),
        ({"a": {"models": ["gpt-4o"], "max_cost_usd": float("nan")}}, "above 0"),
    ],
)
def test_routes_that_can_not_work(routes, told):
    with pytest.raises(ConfigurationError) as caught:
        Routes(routes)
    assert told in str(caught.value)


def test_routes_are_values():
    given = {"support": ["gpt-4o", Fallback("claude-opus-5", 0.1)]}
    own = Routes(given)
    given["support"].append("later")
    assert len(own["support"]) == 2
    assert own == Routes({"Support": [Fallback("gpt-4o"), {"model": "claude-opus-5", "max_cost_usd": "0.1"}]})
    assert hash(own) == hash(copy.deepcopy(own)) == hash(pickle.loads(pickle.dumps(own)))
    assert pickle.loads(pickle.dumps(own)) == own == copy.copy(own)
    assert own != Routes()
    assert "support" in own
    assert "other" not in own
    assert "gpt-4o" in repr(own)
    for change in (lambda: setattr(own, "_chains", {}), lambda: delattr(own, "_chains")):
        with pytest.raises(AttributeError):
            change()


# ---- caps -----------------------------------------------------------------------------------------------------------


def test_a_cap_leaves_out_who_would_cost_more_and_who_might():
    own = Routes({"a": [Fallback("claude-opus-5", 0.01), Fallback("house-model", 1), Fallback("gpt-4o", "0.5")]})
    decision = resolve_route("aisa/a", chat(max_tokens=2_000), routes=own)
    assert decision.chain == ("gpt-4o",)
    over, unknown = (candidate.why for candidate in decision.candidates[1:])
    assert over.startswith("about $0.05")
    assert over.endswith("is over its cap of $0.01")
    assert "not known" in unknown
    with pytest.raises(ConfigurationError, match="over its cap"):
        resolve_route("aisa/a", chat(max_tokens=200_000), routes=own)


def test_without_a_limit_the_answer_is_assumed_to_be_so_long():
    own = Routes({"a": [Fallback("gpt-4o", "0.02")]})
    assert resolve_route("aisa/a", chat(), routes=own).chain == ("gpt-4o",)
    for assumed in (10_000, None):
        with pytest.raises(ConfigurationError, match="No model is left"):
            resolve_route("aisa/a", chat(), routes=own, assume_output_tokens=assumed)


def test_a_fallback_is_a_value():
    fallback = Fallback("gpt-4o", 0.1)
    assert fallback.max_cost_usd == Decimal("0.1")
    assert pickle.loads(pickle.dumps(fallback)) == fallback == Fallback.of(fallback)
    assert Fallback.of("gpt-4o") == Fallback("gpt-4o") != fallback
    assert fallback.capped(Decimal("0.01")) == Fallback("gpt-4o", "0.01")
    assert fallback.capped(None) == fallback
    assert Fallback("gpt-4o").refuses(None) is None
    assert fallback.refuses(Decimal("0.1")) is None
    for wrong in (None, 7, "", {"max_cost_usd": 1}, {"model": "a", "cap": 1}):
        with pytest.raises(ConfigurationError):
            Fallback.of(wrong)


def test_importing_reads_no_file_and_no_toml():
    code = "import sys, aisa_integrations.routing as r; r.Routes({'a': ['b']}); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert {"tomllib", "json", "httpx2", "aisa_integrations.transport"} & set(loaded) <= {"json"}
