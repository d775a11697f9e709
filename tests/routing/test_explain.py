"""The choice for a request: which rule, which models, told in a table."""

import json
import pickle
from decimal import Decimal
from typing import Any

import pytest

from aisa_integrations.catalogue import catalogue
from aisa_integrations.errors import ConfigurationError, ModelNotFoundError
from aisa_integrations.routing import Routes, explain, is_route, resolve_route, route_names
from tests.routing.requests import TOOL, chat, gemini, gemini_seeing, price, seeing

CAT = catalogue()
CHEAP = ("qwen-flash", "deepseek-v4-flash", "gpt-5-nano", "MiniMax-M2.5")
VISION = ("gpt-4o", "claude-sonnet-5", "gemini-2.5-flash", "qwen3-vl-plus")
TOOLS = ("claude-sonnet-5", "gpt-5.4", "qwen3.7-plus", "glm-5.2")
LONG = ("gpt-5.4", "gemini-2.5-pro", "claude-sonnet-5", "qwen3.7-plus")
STRONG = ("claude-sonnet-5", "gpt-5.4", "gemini-3.1-pro-preview", "glm-5.2")
GEMINI_STRONG = ("gemini-3.1-pro-preview", "gemini-2.5-pro", "gemini-3.5-flash")
BOOK = "word " * 60_000
ESSAY = "word " * 1_000
SCHEMA = {"type": "json_schema", "json_schema": {"schema": {}}}

# What aisa/auto does, by example.
AUTO: list[tuple[str, dict[str, Any], str, tuple[str, ...]]] = [
    ("short", chat(), "short and simple", CHEAP),
    ("short, several turns", chat(system="Be brief.", max_tokens=200), "short and simple", CHEAP),
    ("short Chinese", chat("法国的首都是哪里?"), "short and simple", CHEAP),
    ("little effort", chat(reasoning_effort="low"), "short and simple", CHEAP),
    ("much effort", chat(reasoning_effort="high"), "strong", STRONG),
    ("thinking on", chat(thinking={"type": "enabled"}), "strong", STRONG),
    ("thinking off", chat(thinking={"type": "disabled"}, enable_thinking=False), "short and simple", CHEAP),
    ("Qwen's thinking", chat(enable_thinking=True), "strong", STRONG),
    ("a schema to fit", chat(response_format=SCHEMA), "strong", STRONG),
    ("any JSON", chat(response_format={"type": "json_object"}), "short and simple", CHEAP),
    ("a long answer", chat(max_tokens=8_000), "strong", STRONG),
    ("not short", chat(ESSAY), "strong", STRONG),
    ("long", chat(BOOK), "long input", LONG),
    ("tools", chat(tools=[TOOL]), "tools", TOOLS),
    ("old functions", chat(functions=[TOOL["function"]]), "tools", TOOLS),
    ("no tools", chat(tools=[]), "short and simple", CHEAP),
    ("long with tools", chat(BOOK, tools=[TOOL]), "tools", TOOLS),
    ("a picture", seeing(), "images", VISION),
    # Who is known to call tools goes first; then, whose window surely holds it.
    ("a picture with tools", seeing(tools=[TOOL]), "images", (*VISION[:2], "qwen3-vl-plus", "gemini-2.5-flash")),
    ("a long picture", seeing(BOOK), "images", (*VISION[:3], "qwen3-vl-plus")),
    ("a very long picture", seeing(BOOK * 2), "images", (*VISION[1:3], "gpt-4o", "qwen3-vl-plus")),
]
ON_GEMINI: list[tuple[str, dict[str, Any], str, tuple[str, ...]]] = [
    ("short", gemini(), "short and simple", ("gemini-2.5-flash-lite", "gemini-2.5-flash")),
    ("a picture", gemini_seeing(), "images", ("gemini-2.5-flash", "gemini-3.5-flash", "gemini-2.5-pro")),
    ("long", gemini(BOOK), "long input", ("gemini-2.5-pro", "gemini-3.5-flash", "gemini-3.1-pro-preview")),
    ("thinking", gemini(generationConfig={"thinkingConfig": {"thinkingLevel": "HIGH"}}), "strong", GEMINI_STRONG),
    ("budget", gemini(generationConfig={"thinkingConfig": {"thinkingBudget": 99}}), "strong", GEMINI_STRONG),
    ("a schema to fit", gemini(generationConfig={"responseSchema": {}}), "strong", GEMINI_STRONG),
    (
        "tools",
        gemini(tools=[{"functionDeclarations": [{"name": "f"}]}]),
        "tools",
        ("gemini-3.5-flash", "gemini-3.1-pro-preview", "gemini-2.5-pro"),
    ),
]


@pytest.mark.parametrize(("body", "rule", "chain"), [case[1:] for case in AUTO], ids=[case[0] for case in AUTO])
def test_what_aisa_auto_does(body, rule, chain):
    decision = explain(body)
    assert (decision.rule, decision.chain) == (rule, chain)
    assert resolve_route("aisa/auto", body) == decision


@pytest.mark.parametrize(
    ("body", "rule", "chain"), [case[1:] for case in ON_GEMINI], ids=[case[0] for case in ON_GEMINI]
)
def test_what_aisa_auto_does_on_gemini(body, rule, chain):
    decision = explain(body, surface="gemini")
    assert (decision.rule, decision.chain) == (rule, chain)


def test_a_task_is_asked_by_name_in_any_spelling():
    named = resolve_route("aisa/open_source", chat())
    assert named.chain == ("gpt-oss-120b", "deepseek-v3.2", "kimi-k2-thinking", "glm-5")
    assert named.rule == "task map"
    for spelling in ("aisa/open-source", "AISA/Open_Source", "aisa/ open-source "):
        assert resolve_route(spelling, chat()).chain == named.chain


def test_a_task_leaves_out_who_is_known_not_to_be_able():
    decision = resolve_route("aisa/chinese", seeing())
    assert decision.chain == ("kimi-k2.6",)
    assert {candidate.why for candidate in decision.candidates if not candidate.kept} == {"sees no pictures"}
    # Who is known to call tools is asked before who may.
    assert resolve_route("aisa/open_source", chat(tools=[TOOL])).chain == (
        *("kimi-k2-thinking", "glm-5"),
        *("gpt-oss-120b", "deepseek-v3.2"),
    )


def test_cheap_is_the_cheapest_of_the_catalogue():
    chain = resolve_route("aisa/cheap", chat()).chain
    able = [m for m in CAT.chat_models(served_only=True) if m.tools and (m.context_tokens or 0) >= 128_000]
    prices = {model.id: price(model) for model in able if model.input_usd_per_1m is not None}
    assert chain[0] == min((blended, name) for name, blended in prices.items())[1]
    assert [prices[name] for name in chain] == sorted(prices[name] for name in chain)
    assert len({CAT[name].developer for name in chain}) == len(chain) == 4


def test_cheap_sees_pictures_where_there_are_some_and_prefers_a_window_that_holds():
    assert all(CAT[name].vision for name in resolve_route("aisa/cheap", seeing()).chain)
    first = resolve_route("aisa/cheap", chat("word " * 300_000)).chain[0]
    assert (CAT[first].context_tokens or 0) >= 600_000


@pytest.mark.parametrize(
    ("body", "surface"),
    [(chat(), "chat"), (seeing(), "chat"), (gemini(), "gemini"), (gemini_seeing(), "gemini")],
)
def test_cheap_does_not_end_at_a_dear_model(body, surface):
    prices = [price(CAT[name]) for name in resolve_route("aisa/cheap", body, surface=surface).chain]
    assert max(prices) <= 10 * prices[0]


def test_a_model_that_is_no_route_is_asked_as_named():
    decision = explain(chat(model="gpt-4o", models=["claude-sonnet-5", "claude-haiku-4-5"]), deny=["OpenAI"])
    assert decision.rule == "as named"
    assert decision.chain == ("gpt-4o", "claude-sonnet-5", "claude-haiku-4-5")
    assert decision.candidates[2].why == "fallback 2; the catalogue does not list it as served"
    with pytest.raises(ConfigurationError, match="begin with 'aisa/'"):
        resolve_route("gpt-4o", chat())


def test_costs_are_estimates_from_above():
    first = explain(chat(max_tokens=1_000)).candidates[0]
    assert first.estimated_cost is not None
    assert Decimal("0.00021") < first.estimated_cost < Decimal("0.00022")
    assert explain(chat(), assume_output_tokens=None).candidates[0].estimated_cost is None


@pytest.mark.parametrize(
    ("model", "suggested"),
    [("aisa/cod", "aisa/code"), ("aisa/Resoning", "aisa/reasoning"), ("aisa/gpt-4o", "gpt-4o"), ("aisa/zzz", None)],
)
def test_an_unknown_route_says_which_there_are(model, suggested):
    with pytest.raises(ModelNotFoundError, match="There is no route") as caught:
        resolve_route(model, chat())
    assert caught.value.suggestions[:1] == ((suggested,) if suggested else ())
    assert (caught.value.model, caught.value.code) == (model, "model_not_found")
    assert all(name in str(caught.value) for name in route_names())
    with pytest.raises(ModelNotFoundError):
        explain(chat(model=model))


@pytest.mark.parametrize(
    ("body", "options"),
    [
        (["no", "object"], {}),
        (chat(), {"surface": "responses"}),
        (chat(model=7), {}),
        (chat(), {"routes": ["code"]}),
        (chat(), {"routes": {"code": "gpt-4o"}}),
        (chat(models="gpt-4o"), {}),
        (chat(models=[None]), {}),
    ],
)
def test_a_wrong_argument_is_an_error(body: Any, options: dict[str, Any]):
    with pytest.raises(ConfigurationError):
        explain(body, **options)


def test_names():
    assert route_names()[:3] == ("aisa/auto", "aisa/cheap", "aisa/code")
    assert route_names(Routes({"support": ["gpt-4o"], "code": ["gpt-4o"]})).count("aisa/code") == 1
    assert "aisa/support" in route_names(Routes({"support": ["gpt-4o"]}))
    assert is_route("aisa/anything")
    assert is_route("AISA/cheap")
    assert not any(map(is_route, ("gpt-4o", "aisa", "", None, "openai/aisa/x")))


TABLE = """\
aisa/chinese · task map → kimi-k2.6
Models for Chinese.
   model            developer   in $/1M  out $/1M     window    this call  why
✓  kimi-k2.6        Moonshot   0.688303  2.859087    262,144  ≤ $0.003551  first choice
·  qwen3.7-max      Alibaba      1.2705   3.81227  1,000,000  ≤ $0.006541  sees no pictures
·  deepseek-v4-pro  DeepSeek       1.17      2.36  1,000,000  ≤ $0.006012  sees no pictures
·  glm-5.2          Zhipu AI   0.636843  2.229527  1,000,000  ≤ $0.003282  sees no pictures"""


def test_a_decision_prints_as_a_table_and_gives_json():
    decision = explain(seeing(max_tokens=10, model="aisa/chinese"))
    assert str(decision) == repr(decision) == TABLE
    told = json.loads(json.dumps(decision.to_dict()))
    assert told["chain"] == ["kimi-k2.6"]
    assert told["candidates"][0]["output_usd_per_1m"] == "2.859087"
    assert pickle.loads(pickle.dumps(decision)) == decision
    assert hash(decision) == hash(pickle.loads(pickle.dumps(decision)))


def test_an_id_can_not_forge_the_table():
    text = str(explain(chat(model="gpt-4o\n✓  free\x1b[2J")))
    assert "\x1b" not in text
    assert len(text.splitlines()) == 4


def test_a_long_list_of_those_left_out_is_cut_in_the_table_alone():
    decision = explain(chat(), allow=["Anthropic"])
    assert "more that are left out" in str(decision)
    assert len(str(decision).splitlines()) < len(decision.candidates)
