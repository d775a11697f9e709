"""`allow` and `deny` under aisa/…, and the Gemini surface."""

import pytest

from aisa_integrations.catalogue import catalogue
from aisa_integrations.errors import ConfigurationError
from aisa_integrations.routing import Routes, explain, resolve_route
from tests.routing.requests import chat, gemini, seeing

CAT = catalogue()


def developers(decision):
    return {CAT[model].developer for model in decision.chain}


@pytest.mark.parametrize("entry", ["OpenAI", "openai", " OPENAI "])
def test_a_developer_is_denied_in_any_case(entry):
    decision = resolve_route("aisa/code", chat(), deny=[entry])
    assert decision.chain == ("claude-sonnet-5", "qwen3-coder-plus", "glm-5.2")
    assert [(c.model, c.why) for c in decision.candidates if not c.kept] == [("gpt-4.1", f"denied by {entry!r}")]


@pytest.mark.parametrize("entry", ["claude-haiku-4-5-20251001", "Claude-Haiku-4-5", "anthropic/claude-haiku-4.5"])
def test_a_model_is_denied_or_allowed_in_any_spelling(entry):
    assert "claude-haiku-4-5-20251001" not in resolve_route("aisa/fast", chat(), deny=[entry]).chain
    assert resolve_route("aisa/fast", chat(), allow=[entry]).chain == ("claude-haiku-4-5-20251001",)


def test_only_what_is_allowed_is_left_and_deny_goes_first():
    assert resolve_route("aisa/code", chat(), allow=["OpenAI", "glm-5.2"]).chain == ("gpt-4.1", "glm-5.2")
    assert resolve_route("aisa/code", chat(), allow=["OpenAI", "glm-5.2"], deny=["gpt-4.1"]).chain == ("glm-5.2",)


def test_cheap_is_computed_from_what_is_left():
    decision = resolve_route("aisa/cheap", chat(), allow=["Anthropic"])
    assert decision.choice == "claude-haiku-4-5-20251001"
    assert developers(decision) == {"Anthropic"}
    assert "qwen-flash" not in resolve_route("aisa/cheap", chat(), deny=["qwen-flash"]).chain


@pytest.mark.parametrize("body", [chat(), chat("word " * 1_000), chat("word " * 60_000), seeing()])
@pytest.mark.parametrize("developer", ["OpenAI", "Anthropic", "Alibaba", "Moonshot"])
def test_aisa_auto_works_among_the_models_of_one_developer(developer, body):
    decision = resolve_route("aisa/auto", body, allow=[developer])
    assert developers(decision) == {developer}
    assert "images" not in decision.rule or all(CAT[model].vision for model in decision.chain)


def test_stand_ins_are_close_in_price_and_said_to_be_some():
    decision = resolve_route("aisa/auto", chat("word " * 1_000), allow=["Moonshot"])
    assert decision.choice == "kimi-k3"  # the nearest to claude-sonnet-5
    assert "stand in" in decision.reason


@pytest.mark.parametrize(
    ("route", "filters", "told"),
    [
        ("aisa/code", {"allow": ["Moonshot"]}, "not among what is allowed: gpt-4.1, claude-sonnet-5"),
        ("aisa/code", {"allow": []}, "not among what is allowed"),
        ("aisa/open_source", {"surface": "gemini"}, "not known to speak native Gemini: gpt-oss-120b"),
        ("aisa/vision", {"surface": "gemini", "deny": ["google"]}, "denied by 'google': gemini-2.5-flash"),
        ("aisa/auto", {"allow": ["Tencent"]}, "short and simple"),
        ("aisa/support", {"deny": ["OpenAI"], "routes": Routes({"support": ["gpt-4o"]})}, "denied by 'OpenAI': gpt-4o"),
    ],
)
def test_nothing_left_says_which_route_and_what_was_filtered_by_what(route, filters, told):
    with pytest.raises(ConfigurationError, match="No model is left") as caught:
        resolve_route(route, chat(), **filters)
    assert repr(route) in str(caught.value)
    assert told in str(caught.value)
    assert (caught.value.model, caught.value.code) == (route, "no_model_left")
    shown = explain(chat(model=route), **filters)
    assert shown.chain == ()
    assert shown.choice is None
    assert "nothing is left" in str(shown)


@pytest.mark.parametrize("field", ["allow", "deny"])
@pytest.mark.parametrize(
    ("names", "told"),
    [
        ("OpenAI", "is a list"),
        (7, "is a list"),
        ([7], "holds model ids and developers"),
        ([""], "holds model ids and developers"),
        (["Antropic"], "Did you mean 'Anthropic'"),
        (["Claude"], "Did you mean 'Anthropic'"),
        (["gpt-4oo"], "gpt-4o"),
        (["xyzzy-plugh"], "no known model or developer"),
    ],
)
def test_a_name_that_means_nothing_is_an_error(field, names, told):
    with pytest.raises(ConfigurationError, match=field) as caught:
        resolve_route("aisa/code", chat(), **{field: names})
    assert told in str(caught.value)


def test_ids_of_own_routes_are_known_to_the_filters():
    own = Routes({"lab": ["house-model", "acme/model-1", "gpt-4o"]})
    assert resolve_route("aisa/lab", chat(), routes=own, deny=["House-Model"]).chain == ("acme/model-1", "gpt-4o")
    assert resolve_route("aisa/lab", chat(), routes=own, deny=["Acme"]).chain == ("house-model", "gpt-4o")
    assert resolve_route("aisa/lab", chat(), routes=own, allow=["house-model"]).chain == ("house-model",)
    # What is unknown is not denied by a developer it may not be of, nor allowed by one.
    assert resolve_route("aisa/lab", chat(), routes=own, deny=["OpenAI"]).chain == ("house-model", "acme/model-1")
    assert resolve_route("aisa/lab", chat(), routes=own, allow=["OpenAI"]).chain == ("gpt-4o",)


def test_filters_may_be_any_iterable():
    assert resolve_route("aisa/code", chat(), deny=(name for name in {"openai"})).choice == "claude-sonnet-5"


def test_on_gemini_only_who_speaks_it_is_left_of_an_own_route():
    own = Routes({"mixed": ["gpt-4o", "gemini-2.5-pro", "house-model", "models/gemini-2.5-flash"]})
    decision = resolve_route("aisa/mixed", gemini(), surface="gemini", routes=own)
    assert decision.chain == ("gemini-2.5-pro", "models/gemini-2.5-flash")
