"""The catalogue: its data, one model's many spellings, suggestions, prices, windows, refusals."""

import copy
import decimal
import json
import pickle
import random
import re
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import FrozenInstanceError
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aisa_integrations.catalogue.index as index
from aisa_integrations.catalogue import Catalogue, Model, catalogue, estimate_cost

ROOT = Path(__file__).parents[1]
RECORDS = json.loads((ROOT / "aisa_integrations/models.json").read_text(encoding="utf-8"))["models"]
CAT = catalogue()
NAMES = [name for model in CAT.models for name in (model.id, *model.aliases)]
tokens = st.integers(min_value=0, max_value=10**15)

# Every group of names that the lookups take for one model, each checked by eye: they differ in case, date or -latest
# alone. A group that new data adds must be looked at, and written here, before it counts.
SAME = [
    {"qwen-plus", "qwen-plus-2025-12-01", "qwen-plus-latest"},
    {"qwen-turbo", "qwen-turbo-latest"},
    {"qwen3-max", "qwen3-max-2026-01-23"},
    {"qwen3-vl-flash", "qwen3-vl-flash-2025-10-15"},
    {"qwen3.6-plus", "qwen3.6-plus-2026-04-02"},
    {"qwen3.7-flash", "qwen3.7-flash-2026-07-15"},
    {"qwen3.7-max", "qwen3.7-max-2026-06-08"},
    {"claude-haiku-4-5", "claude-haiku-4-5-20251001"},
    {"claude-opus-4", "claude-opus-4-20250514"},
    {"claude-opus-4-1", "claude-opus-4-1-20250805"},
    {"claude-sonnet-4", "claude-sonnet-4-20250514"},
    {"claude-sonnet-4-5", "claude-sonnet-4-5-20250929"},
    {"deepseek-v3", "deepseek-v3-0324"},
    {"deepseek-v4-flash", "deepseek-v4-flash-0731"},
    {"deepseek-v4-pro", "deepseek-v4-pro-0813"},
    {"gpt-5.2", "gpt-5.2-2025-12-11"},
    {"glm-5", "GLM-5"},
]


def record(model_id, developer="Maker", **fields):
    return {"id": model_id, "developer": developer, "family": "F", "kind": "chat", **fields}


def small(*records, **top):
    return Catalogue.from_json(json.dumps({"models": records, **top}))


# ---- the data -------------------------------------------------------------------------------------------------------


def test_every_record_is_read_and_keeps_its_fields():
    assert [model.id for model in CAT.models] == [entry["id"] for entry in RECORDS]
    for entry in RECORDS:
        model = CAT[entry["id"]]
        assert not model.extra, "a field of the data that the code does not know"
        for name, value in entry.items():
            read = getattr(model, name)
            if "_usd_per_" in name:
                assert isinstance(read, Decimal)
                assert read == Decimal(str(value))
            elif isinstance(value, list):
                assert read == tuple(value)
            elif not isinstance(value, dict):
                assert read == value


def test_prices_are_exact():
    assert str(CAT["qwen-flash"].input_usd_per_1m) == "0.026316"
    assert sum([CAT["claude-haiku-4-5-20251001"].cache_read_usd_per_1m or 0] * 3) == Decimal("0.3")


def test_what_is_missing_is_unknown():
    model = CAT["gpt-5-pro"]
    assert {model.input_usd_per_1m, model.context_tokens, model.vision, model.tools, model.quirk} == {None}
    assert CAT["glm-5"].vision is False


def test_prices_windows_and_months_are_sane():
    for model in CAT.models:
        for name in ("input", "output", "cache_read", "cache_write"):
            value = getattr(model, f"{name}_usd_per_1m")
            assert value is None or 0 < value < 1000
        assert (model.input_usd_per_1m is None) == (model.output_usd_per_1m is None)
        assert model.context_tokens is None or model.context_tokens >= 1024
        assert model.seen_in
        assert re.fullmatch(r"(20\d\d-\d\d)?", model.last_listed)


def test_advice_names_served_chat_models_and_never_the_same_model():
    for model in CAT.models:
        for other in model.instead:
            assert CAT[other].served
            assert CAT[other].kind == "chat"
            assert other not in CAT.spellings(model.id)
        if model.kind == "chat" and not model.served:
            assert any(CAT[text].served for text in CAT.suggest(model.id)), f"{model.id}: nothing to say instead"


def test_machine_readable_fields_cover_the_quirks_in_prose():
    for model in CAT.models:
        quirk = model.quirk or ""
        assert ("No available channels" in quirk) == (model.unavailable_as_of is not None)
        assert bool(re.search("accepts only|rejects", quirk)) == bool(model.refuses)
        assert all("reason" in rule for rule in model.refuses.values())
        assert model.speaks_gemini == (model.family == "Gemini" and model.kind == "chat")


def test_served():
    served = {"gpt-4o", "gpt-5-pro", "gemini-2.5-pro", "claude-haiku-4-5-20251001", "gpt-5"}
    gone = {"claude-3-sonnet", "gpt-3.5-turbo", "o1", "qwen-plus", "qwen-plus-latest", "qwen3-max-2026-01-23"}
    assert all(CAT[model_id].served for model_id in served)
    assert not any(CAT[model_id].served for model_id in gone)
    # Found without channels outweighs a page that lists it.
    listed = record("a-1", seen_in=["docs-2026-04"])
    assert small(listed)["a-1"].served
    assert not small({**listed, "unavailable_as_of": "2026-05"})["a-1"].served


# ---- the mapping ----------------------------------------------------------------------------------------------------


def test_is_a_read_only_mapping_over_exact_ids():
    assert isinstance(CAT, Mapping)
    assert len(CAT) == len(list(CAT)) == len(RECORDS)
    assert "gpt-4o" in CAT
    assert "GPT-4o" not in CAT
    assert "GLM-5" not in CAT  # an alias is no id
    assert CAT.get("nope") is None
    with pytest.raises(KeyError):
        CAT["nope"]
    with pytest.raises(TypeError):
        CAT["x"] = CAT["gpt-4o"]  # type: ignore[index]
    with pytest.raises(AttributeError):
        CAT.as_of = "2030-01-01"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        CAT["gpt-4o"].id = "x"  # type: ignore[misc]
    with pytest.raises(TypeError):
        CAT["kimi-k2.5"].refuses["top_p"] = {}  # type: ignore[index]


def test_families_and_kinds():
    families = CAT.families()
    assert sum(map(len, families.values())) == len(CAT)
    assert {"GPT", "Claude", "Gemini", "Qwen", "Deepseek"} <= families.keys()
    families["GPT"].clear()
    assert CAT.families()["GPT"]
    assert all(model.kind == "chat" for model in CAT.chat_models())
    assert "gpt-image-2" not in {model.id for model in CAT.chat_models()}
    assert set(CAT.chat_models(served_only=True)) == {model for model in CAT.chat_models() if model.served}


def test_repr_says_how_old_it_is():
    assert repr(CAT) == f"<Catalogue of {len(CAT)} models as of {CAT.as_of}>"


def test_unknown_fields_are_kept_and_null_is_unknown():
    model = small(record("a", vision=None, refuses=None, input_usd_per_1m=3, colour={"of": ["car"]}))["a"]
    assert model.vision is None
    assert not model.refuses
    assert model.input_usd_per_1m == Decimal(3)
    assert isinstance(model.input_usd_per_1m, Decimal)
    assert model.extra["colour"]["of"] == ("car",)
    assert Model.from_record(record("a", input_usd_per_1m=0.1)).input_usd_per_1m == Decimal("0.1")


@pytest.mark.parametrize("broken", [{"id": "a"}, {}, {"id": None, "developer": "d", "family": "f", "kind": "chat"}])
def test_a_broken_record_says_what_it_lacks(broken):
    with pytest.raises(ValueError, match="lacks"):
        Model.from_record(broken)


def test_no_name_twice():
    with pytest.raises(ValueError, match="'b' is in the catalogue twice"):
        small(record("a", aliases=["b"]), record("b"))


def test_copies_and_pickles():
    for model in CAT.models:
        for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert again == model
            assert hash(again) == hash(model)
    assert copy.deepcopy(CAT) is pickle.loads(pickle.dumps(CAT)) is CAT
    own = small(record("a-1", extra_thing=[1, {"b": 2}]), vendors={"Maker": ["maker", "mk"]}, as_of="2026-01-01")
    again = pickle.loads(pickle.dumps(own))
    assert again == own
    assert (again.as_of, again.find("MK/a-1")) == (own.as_of, own["a-1"])


# ---- one model, many spellings --------------------------------------------------------------------------------------


def test_the_groups_of_one_model_are_the_checked_ones():
    found = {frozenset({name, *CAT.spellings(name)}) for name in NAMES if CAT.spellings(name)}
    assert found == {frozenset(group) for group in SAME}


def test_spellings_are_symmetric_and_never_cross_models():
    known = {name: set(CAT.spellings(name)) for name in NAMES}
    for one in NAMES:
        for other in NAMES:
            same = one != other and any({one, other} <= group for group in SAME)
            assert (other in known[one]) == (one in known[other]) == same


# Names put together from parts, so that what is one model is known without the code under test.
parts = st.tuples(
    st.sampled_from(["gpt-4", "gpt-4.1", "gpt-41", "opus-4-1", "opus-4", "v3", "v3.2-70b", "v3.2-7b"]),
    st.sampled_from(["", "-mini", "-thinking", "-fast", "-preview", "-non-reasoning"]),
)
dates = st.sampled_from(["", "-latest", "-2025-12-01", "-20251001", "-260328", "-0731", "-2407"])


@given(st.lists(st.tuples(parts, dates), min_size=1, max_size=12, unique=True), st.tuples(parts, dates))
def test_names_made_of_parts_are_one_model_when_the_parts_are(listed, asked):
    own = small(*(record(base + variant + date) for (base, variant), date in listed))
    for model, date in [*listed, asked]:
        name = "".join(model) + date
        same = {"".join(other) + day for other, day in listed if other == model} - {name}
        assert set(own.spellings(name)) == same
        assert set(own.spellings(name.upper())) == same | ({name} & set(own))


@given(st.sampled_from(NAMES), st.randoms(use_true_random=False), st.booleans())
def test_any_other_writing_of_a_name_finds_the_same_model(name, rng: random.Random, prefixed):
    def rewrite(char, before, after):
        if char == "." and before.isdigit() and after.isdigit():
            return rng.choice(".-_")
        return rng.choice([char.lower(), char.upper(), {"-": "_"}.get(char, char)])

    written = "".join(
        rewrite(char, name[i - 1] if i else "", name[i + 1] if i + 1 < len(name) else "") for i, char in enumerate(name)
    )
    model = CAT.find(name)
    assert model
    prefixes = {developer: p for p, developer in CAT._vendors.items()}
    written = f"{prefixes[model.developer]}/{written}" if prefixed else f" {written} "
    found = CAT.find(written)
    assert found
    assert found.id == name or found.id in CAT.spellings(name)
    assert {*CAT.spellings(written), written} >= {name, *CAT.spellings(name)}


@given(st.text(max_size=60))
def test_no_text_breaks_the_lookups(text):
    for other in CAT.spellings(text):
        assert text in CAT.spellings(other) or text not in NAMES
    CAT.find(text)
    CAT.window(text)
    CAT.refused_parameters(text, {"temperature": 0.5})
    assert text in CAT or CAT.find(text) or CAT.estimate_cost(text, prompt_tokens=1, completion_tokens=1) is None


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("claude-haiku-4-5", ("claude-haiku-4-5-20251001",)),
        ("claude-haiku-4-5-20251001", ("claude-haiku-4-5",)),
        ("claude-haiku-4.5", ("claude-haiku-4-5-20251001", "claude-haiku-4-5")),
        ("anthropic/claude-haiku-4.5", ("claude-haiku-4-5-20251001", "claude-haiku-4-5")),
        ("claude-haiku-4-5@20251001", ("claude-haiku-4-5-20251001", "claude-haiku-4-5")),
        ("claude-3.5-sonnet", ("claude-3-5-sonnet",)),
        ("claude-3-5-sonnet-20241022", ("claude-3-5-sonnet",)),
        ("claude-3-7-sonnet-latest", ("claude-3-7-sonnet-20250219",)),
        ("claude-opus-4-thinking", ("claude-opus-4-20250514-thinking",)),
        ("glm-5", ("GLM-5",)),
        ("GLM-5", ("glm-5",)),
        ("zai-org/GLM-5", ("GLM-5", "glm-5")),
        ("gpt-4-1", ("gpt-4.1",)),
        ("openai/gpt-4o", ("gpt-4o",)),
        ("OpenAI/GPT-4o-2024-08-06", ("gpt-4o",)),
        ("models/gemini-2.5-flash", ("gemini-2.5-flash",)),
        ("minimax-m2.5", ("MiniMax-M2.5",)),
        ("gpt-5.2-chat", ("gpt-5.2-chat-latest",)),
        ("grok-4.20-reasoning", ("grok-4.20-0309-reasoning",)),
        ("mistral-large-2407", ("mistral-large",)),
        ("seed-2-0-mini", ("seed-2-0-mini-260215",)),
        # The dead come last, the date asked for first among equals.
        ("qwen-plus", ("qwen-plus-2025-12-01", "qwen-plus-latest")),
        ("qwen-plus-2025-12-01", ("qwen-plus", "qwen-plus-latest")),
        ("Qwen3.7-max", ("qwen3.7-max", "qwen3.7-max-2026-06-08")),
        ("Qwen3.7-max-2026-06-08", ("qwen3.7-max-2026-06-08", "qwen3.7-max")),
        ("deepseek-v4-pro-0901", ("deepseek-v4-pro-0813", "deepseek-v4-pro")),
        # Known prefix of another developer, or none that is known: not the same model.
        ("anthropic/gpt-4o", ()),
        ("someone/gpt-4o", ()),
        # Other words and sizes are other models.
        ("gpt-4o-mini", ()),
        ("gpt-4o:free", ()),
        ("gemini-3.1-pro", ()),
        ("deepseek-v3.1", ()),
        ("claude-fable-5", ()),
        ("llama-3.1-8b", ()),
        ("glm-5.3-fast", ()),
        ("gpt-4o-1024", ()),
        ("nonsense", ()),
        ("", ()),
    ],
)
def test_spellings(asked, expected):
    assert CAT.spellings(asked) == expected


def test_the_newest_date_comes_first_among_equals():
    dates = ("x-0324", "x-2024-05-13", "x-20240806", "x-241120", "x-2412", "x-2025-01-31")
    own = small(*(record(name, seen_in=["docs-2026-04"]) for name in dates))
    assert own.spellings("x") == tuple(reversed(dates))
    # One that is still listed is likelier to answer than a newer one that a page dropped.
    own = small(record("x-0101", seen_in=["docs-2026-09"]), record("x-0202", seen_in=["docs-2026-04"]))
    assert own.spellings("x") == ("x-0101", "x-0202")


def test_sizes_and_numbers_are_not_dates_or_versions():
    names = ["q-1.5b", "q-1-5b", "q-1024", "q-4096", "q-32k", "q", "q-20269999", "q-1399", "q-8b", "20251001", "q-1-5"]
    own = small(*(record(name) for name in names))
    assert [own.spellings(name) for name in names] == [()] * len(names)


def test_a_bare_name_that_two_developers_use_says_nothing():
    own = small(record("One-1", "A"), record("one-1", "B"), vendors={"A": ["a"], "B": ["b"]})
    assert own.spellings("One-1") == own.spellings("one-1") == own.spellings("ONE-1") == ()
    assert own.find("ONE-1") is None
    assert own.find("a/ONE-1") == own["One-1"]
    assert own.find("b/ONE-1") == own["one-1"]


def test_an_id_may_have_a_vendor_prefix_of_its_own():
    own = small(record("Maker/m-1"), record("tuner/m-1"), vendors={"Maker": ["maker"]})
    assert own.spellings("m-1") == ("Maker/m-1",)
    assert own.spellings("Maker/m-1") == own.spellings("tuner/m-1") == ()


def test_find_prefers_the_very_name_over_a_better_known_date():
    assert CAT.find("gpt-4o") is CAT["gpt-4o"]
    assert CAT.find("GLM-5") is CAT["glm-5"]
    assert CAT.find("Qwen3-Max-2026-01-23") is CAT["qwen3-max-2026-01-23"]
    assert CAT.find("claude-haiku-4.5") is CAT["claude-haiku-4-5"]
    assert CAT.find("claude-haiku-4-5-20990101") is CAT["claude-haiku-4-5-20251001"]
    assert CAT.find("nonsense") is None


# ---- suggestions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "first", "among"),
    [
        ("claude-3-sonnet", "claude-sonnet-4-6", "claude-sonnet-5"),
        ("gpt-3.5-turbo", "gpt-4o-mini", "gpt-5-nano"),
        ("llama-3.1-70b", "gpt-oss-120b", "deepseek-v3.2"),
        ("llama-3.1-71b", "gpt-oss-120b", "deepseek-v3.2"),
        ("qwen-plus", "qwen-plus-2025-12-01", "qwen3.7-plus"),
        ("o1", "gpt-5.2", "gpt-5.1"),
        ("gpt-4oo", "gpt-4o", "gpt-4o-mini"),
        ("gtp-4o-mini", "gpt-4o-mini", "gpt-4o-mini"),
        ("openai/gpt-4o", "gpt-4o", "gpt-4o-mini"),
        ("someone/gpt-4o", "gpt-4o", "gpt-4o-mini"),
        ("claude-haiku-4.5", "claude-haiku-4-5-20251001", "claude-haiku-4-5-20251001"),
        ("claude-haiku-4-6", "claude-haiku-4-5-20251001", "claude-opus-4-6"),
        ("sonnet", "claude-sonnet-5", "claude-sonnet-4-6"),
        ("kimi", "kimi-k3", "kimi-k2.6"),
        ("gpt-image", "gpt-image-2", "gpt-image-2"),
        ("glm5", "glm-5", "glm-5.1"),
    ],
)
def test_suggest(asked, first, among):
    suggested = CAT.suggest(asked)
    assert suggested[0] == first
    assert among in suggested
    assert len(suggested) <= 3


@pytest.mark.parametrize(
    "asked", ["", " ", "asdfghjkl", "xyz", "nonexistent", "no-such-model", "my-model", "模型", "-" * 50]
)
def test_suggest_nothing_for_gibberish(asked):
    assert CAT.suggest(asked) == ()


def test_suggest_skips_the_dead_and_counts():
    assert "llama-3.1-8b" not in CAT.suggest("llama-3.1-70")
    assert "qwen-plus-latest" not in CAT.suggest("qwen-plus", 100)
    assert len(CAT.suggest("gpt-4", 7)) == 7
    assert CAT.suggest("gpt-4", 0) == CAT.suggest("gpt-4", -1) == ()


@settings(deadline=None)
@given(st.one_of(st.text(max_size=300), st.sampled_from(NAMES), st.from_regex(r"(gpt|claude)-[0-9.a-z-]{0,30}")))
def test_suggest_never_raises_nor_repeats(text):
    suggested = CAT.suggest(text, 5)
    assert len(suggested) == len(set(suggested)) <= 5
    assert text not in suggested
    assert all(CAT.find(model_id) for model_id in suggested)


def test_suggest_is_quick_for_a_text_of_any_length():
    assert CAT.suggest("gpt-4o" * 100_000) is not None


# ---- prices ---------------------------------------------------------------------------------------------------------


def test_estimate_cost():
    assert estimate_cost("gpt-4o", prompt_tokens=1000, completion_tokens=500) == Decimal("0.0075")
    assert estimate_cost("gpt-4o", prompt_tokens=0, completion_tokens=0) == 0
    # 600 fresh at 2.5, 400 cached at 1.25
    assert estimate_cost("gpt-4o", prompt_tokens=1000, completion_tokens=0, cached_tokens=400) == Decimal("0.002")
    # no cache price: the input price
    full = estimate_cost("gpt-4.1", prompt_tokens=1000, completion_tokens=0)
    assert estimate_cost("gpt-4.1", prompt_tokens=1000, completion_tokens=0, cached_tokens=400) == full
    # counted beside the prompt
    beside = CAT.estimate_cost("gpt-4o", prompt_tokens=100, completion_tokens=0, cached_tokens=1000)
    assert beside == Decimal("0.0015")


def test_prices_of_another_spelling_of_the_same_model():
    dated = CAT.estimate_cost("claude-haiku-4-5-20251001", prompt_tokens=9, completion_tokens=7)
    assert dated is not None
    for name in ("claude-haiku-4-5", "Claude-Haiku-4.5", "anthropic/claude-haiku-4.5"):
        assert CAT.estimate_cost(name, prompt_tokens=9, completion_tokens=7) == dated
    # Its own price where it has one, in whatever letters it is written.
    assert CAT.estimate_cost("qwen3-max-2026-01-23", prompt_tokens=10**6, completion_tokens=0) == Decimal("1.37")
    assert CAT.estimate_cost("Qwen3-Max-2026-01-23", prompt_tokens=10**6, completion_tokens=0) == Decimal("1.37")


@pytest.mark.parametrize("model_id", ["claude-3-sonnet", "mistral-large", "gpt-5-pro", "nonsense", "someone/gpt-4o"])
def test_an_unknown_price_is_none_and_never_a_rough_one(model_id):
    for made in (0, 10):
        assert CAT.estimate_cost(model_id, prompt_tokens=made, completion_tokens=made) is None


def test_only_the_prices_that_a_call_needs():
    own = small(record("e", input_usd_per_1m=2), record("f", output_usd_per_1m=2))
    assert own.estimate_cost("e", prompt_tokens=5, completion_tokens=0) == Decimal("0.00001")
    assert own.estimate_cost("e", prompt_tokens=5, completion_tokens=1) is None
    assert own.estimate_cost("f", prompt_tokens=1, completion_tokens=1) is None
    assert own.estimate_cost("f", prompt_tokens=0, completion_tokens=1) is None


@pytest.mark.parametrize("broken", [{"prompt_tokens": -1}, {"completion_tokens": -1}, {"cached_tokens": -1}])
def test_a_broken_count_costs_an_unknown_sum(broken):
    assert CAT.estimate_cost("gpt-4o", **{"prompt_tokens": 10, "completion_tokens": 10, **broken}) is None


@given(st.sampled_from(NAMES), tokens, tokens, tokens)
def test_cost_is_exact_and_none_only_when_unknown(name, prompt, completion, cached):
    cost = CAT.estimate_cost(name, prompt_tokens=prompt, completion_tokens=completion, cached_tokens=cached)
    one = next((m for x in (name, *CAT.spellings(name)) if (m := CAT.find(x)) and m.input_usd_per_1m is not None), None)
    if one is None:
        assert cost is None
        return
    assert cost is not None
    assert one.input_usd_per_1m is not None
    assert one.output_usd_per_1m is not None
    read = one.input_usd_per_1m if one.cache_read_usd_per_1m is None else one.cache_read_usd_per_1m
    fresh = prompt - cached if cached <= prompt else prompt
    expected = Fraction(one.input_usd_per_1m) * fresh + Fraction(read) * cached
    assert Fraction(cost) == (expected + Fraction(one.output_usd_per_1m) * completion) / 10**6


def test_the_callers_decimal_context_neither_rounds_nor_changes():
    with decimal.localcontext(decimal.Context(prec=2, traps=[decimal.Inexact])) as theirs:
        cost = estimate_cost("qwen-flash", prompt_tokens=123_457, completion_tokens=765_431)
        assert theirs.prec == 2
        assert not theirs.flags[decimal.Inexact]
    assert cost == Decimal("0.026316") * 123_457 / 10**6 + Decimal("0.210527") * 765_431 / 10**6


# ---- windows and refusals -------------------------------------------------------------------------------------------


def test_window():
    assert CAT.window("gpt-4o") == 128_000
    assert CAT.window("openai/GPT-4o") == 128_000
    assert CAT.window("claude-haiku-4-5") == 200_000  # known of its dated spelling
    assert CAT.window("gpt-5-pro") is None
    assert CAT.window("nonsense") is None


@pytest.mark.parametrize(
    ("model_id", "body", "expected"),
    [
        ("kimi-k2.5", {"temperature": 0.2}, ("temperature",)),
        ("kimi-k2.5", {"temperature": 0}, ("temperature",)),
        ("Kimi-K2-5", {"temperature": 0.2}, ("temperature",)),
        ("kimi-k2.5", {"temperature": 1}, ()),
        ("kimi-k2.5", {"temperature": 1.0}, ()),
        ("kimi-k2.5", {"temperature": Decimal(1)}, ()),
        ("kimi-k2.5", {"temperature": None}, ()),
        ("kimi-k2.5", {"top_p": 0.2}, ()),
        ("kimi-k2.5", {}, ()),
        ("kimi-k2.6", {"temperature": 0.2}, ()),
        ("seed-2-0-pro-260328", {"response_format": {"type": "json_object"}}, ("response_format",)),
        ("seed-2-0-pro", {"response_format": {"type": "json_object"}}, ("response_format",)),
        ("seed-2-0-pro-260328", {"response_format": {"type": "json_schema", "json_schema": {}}}, ()),
        ("seed-2-0-pro-260328", {"response_format": "json_object"}, ()),
        ("seed-2-0-lite-260228", {"response_format": {"type": "json_object"}}, ()),
        ("nonsense", {"temperature": 0.2}, ()),
    ],
)
def test_refused_parameters(model_id, body, expected):
    before = copy.deepcopy(body)
    assert CAT.refused_parameters(model_id, body) == expected
    assert body == before


def test_forms_of_a_refusal():
    own = small(record("a", refuses={"seed": {}, "top_p": {"allowed": [0.95, 1]}, "stop": {"refused": [["x"], []]}}))
    assert own.refused_parameters("a", {"seed": 7, "top_p": 0.95, "stop": ["y"]}) == ("seed",)
    assert own.refused_parameters("a", {"top_p": 0.9}) == ("top_p",)


# ---- reading it -----------------------------------------------------------------------------------------------------


def test_importing_reads_nothing_and_using_reads_once():
    code = """
import sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
import aisa_integrations.catalogue as c
assert not any(name.endswith("models.json") for name in opened)
assert not {"difflib", "openai", "httpx2", "google.genai", "asyncio"} & sys.modules.keys()
assert c.catalogue() is c.catalogue()
c.estimate_cost("gpt-4o", prompt_tokens=1, completion_tokens=1)
assert sum(name.endswith("models.json") for name in opened) == 1
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_threads_that_race_get_one_object(monkeypatch):
    monkeypatch.setattr(index, "_shipped", {})
    barrier = threading.Barrier(8)
    got: list[Catalogue] = []

    def ask():
        barrier.wait()
        got.append(catalogue())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 8
    assert len({id(one) for one in got}) == 1
