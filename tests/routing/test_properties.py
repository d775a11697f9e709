"""For any request and any filters: never an unserved, denied or unasked-for model, and always the same order."""

import pickle
from decimal import Context, Decimal, localcontext

from hypothesis import given, settings
from hypothesis import strategies as st

from aisa_integrations.catalogue import catalogue
from aisa_integrations.errors import ConfigurationError
from aisa_integrations.routing import Fallback, Routes, explain, resolve_route, route_names
from tests.routing.requests import TOOL, chat, gemini, gemini_seeing, seeing

CAT = catalogue()
CHAT_IDS = [model.id for model in CAT.chat_models()]
DEVELOPERS = sorted({model.developer for model in CAT.models})
KINDS = ["type", "image_url", "file", "source", "inlineData", "mimeType", "thinkingConfig", "thinkingBudget", "effort"]

texts = st.sampled_from(["hi", "word " * 1_000, "字" * 700, "word " * 60_000, "word " * 900_000])
fields = st.fixed_dictionaries(
    {},
    optional={
        "tools": st.just([TOOL]),
        "max_tokens": st.sampled_from([1, 500, 60_000]),
        "reasoning_effort": st.sampled_from(["low", "high"]),
    },
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(KINDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.sampled_from(KINDS), inner, max_size=3),
    max_leaves=10,
)
on_chat = st.builds(lambda make, text, more: make(text, **more), st.sampled_from([chat, seeing]), texts, fields)
on_gemini = st.sampled_from([gemini(), gemini("word " * 60_000), gemini_seeing(), gemini(tools=[{}])])
calls = st.tuples(on_chat, st.just("chat")) | st.tuples(on_gemini, st.just("gemini"))
names = st.none() | st.lists(st.sampled_from(CHAT_IDS + DEVELOPERS), max_size=6)
own_routes = st.dictionaries(
    st.sampled_from(["cheap", "vision", "mine", "strong"]),
    st.lists(st.sampled_from([*CHAT_IDS, "house-model", "acme/other"]), min_size=1, max_size=5, unique=True),
    max_size=3,
).map(Routes)


def chain_or_nothing(route, body, **options):
    try:
        return resolve_route(route, body, **options).chain
    except ConfigurationError as error:
        if error.code != "no_model_left":
            raise
        return ()


def is_meant(model, entries):
    lowered = {entry.lower() for entry in entries}
    same = {model.lower(), *(name.lower() for name in CAT.spellings(model))}
    found = CAT.find(model)
    return bool(same & lowered) or (found is not None and found.developer.lower() in lowered)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(route_names()), calls, names, names)
def test_a_built_in_route_only_asks_who_is_served_and_may_be(route, call, allow, deny):
    body, surface = call
    for model in chain_or_nothing(route, body, surface=surface, allow=allow, deny=deny):
        known = CAT[model]
        assert known.served
        assert surface == "chat" or known.speaks_gemini
        assert known.tools is not False or not body.get("tools")
        assert allow is None or is_meant(model, allow)
        assert deny is None or not is_meant(model, deny)


@settings(max_examples=150, deadline=None)
@given(own_routes, calls, names, names)
def test_an_own_route_asks_nobody_else_and_keeps_its_order(own, call, allow, deny):
    body, surface = call
    for name, entries in own.items():
        chain = chain_or_nothing(f"aisa/{name}", body, surface=surface, routes=own, allow=allow, deny=deny)
        written = [entry.model for entry in entries]
        assert list(chain) == [model for model in written if model in chain]
        assert not any(is_meant(model, deny or ()) for model in chain)
        assert allow is None or all(is_meant(model, allow) for model in chain)
        if surface == "chat" and allow is None and deny is None:
            assert list(chain) == written


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(route_names()), calls, own_routes, names, names)
def test_the_same_question_has_the_same_answer(route, call, own, allow, deny):
    body, surface = call
    options = {"surface": surface, "routes": own, "allow": allow, "deny": deny}
    decision = explain({**body, "model": route}, **options)
    turned = {name: list(reversed(value)) if value else value for name, value in (("allow", allow), ("deny", deny))}
    with localcontext(Context(prec=2)):
        again = explain({**body, "model": route}, **{**pickle.loads(pickle.dumps(options)), **turned})
    assert again.chain == decision.chain == chain_or_nothing(route, body, **options)
    assert len(set(decision.chain)) == len(decision.chain)
    assert [candidate.model for candidate in decision.candidates if candidate.kept] == list(decision.chain)
    assert str(decision).count("\n") >= 1


@settings(max_examples=60, deadline=None)
@given(
    on_chat,
    st.lists(st.sampled_from(CHAT_IDS), min_size=1, max_size=5, unique=True),
    st.decimals("0.0001", "5", places=4),
)
def test_nobody_is_asked_beyond_a_cap(body, models, cap):
    own = Routes({"mine": {"models": models, "max_cost_usd": cap}})
    decision = explain({**body, "model": "aisa/mine"}, routes=own)
    for candidate in decision.candidates:
        assert candidate.kept == (candidate.estimated_cost is not None and candidate.estimated_cost <= cap)


KEYS = ["messages", "contents", "tools", "thinking", "reasoning", "generationConfig", "response_format", "n"]


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), json_values, max_size=5), st.sampled_from(["chat", "gemini"]))
def test_any_json_object_has_a_route(body, surface):
    assert explain(body, surface=surface).chain


@given(st.decimals("0.000001", "1000", places=6))
def test_a_cap_is_kept_exactly(cap):
    assert Fallback("gpt-4o", str(cap)) == Fallback("gpt-4o", cap)
    assert Fallback("gpt-4o", float(cap)).max_cost_usd == Decimal(str(float(cap)))
    assert Fallback("gpt-4o", cap).refuses(cap) is None
    assert Fallback("gpt-4o", cap).refuses(cap + Decimal("0.000001")) is not None
