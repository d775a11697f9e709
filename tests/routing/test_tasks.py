"""The built-in chains against the catalogue: served, priced, and able to do what they are for."""

import pytest

from aisa_integrations.catalogue import catalogue
from aisa_integrations.routing.rules import AUTO, LONG_PROMPT, read_needs
from aisa_integrations.routing.tasks import TASKS
from tests.routing.requests import price

CAT = catalogue()
NEWEST = max(model.last_listed for model in CAT.models)
CHAINS = [(name, surface) for name in TASKS for surface in ("chat", "gemini") if getattr(TASKS[name], surface)]
BY_SKILL = {"code", "creative", "fast", "vision", "reasoning", "open_source", "chinese"}

# What the catalogue does not say.
OPEN_WEIGHTS = {"gpt-oss-120b", "deepseek-v3.2", "kimi-k2-thinking", "glm-5"}
CHINESE = {"Alibaba", "DeepSeek", "Zhipu AI", "Moonshot", "MiniMax", "Tencent", "ByteDance", "Xiaomi"}


def models(name, surface):
    return [CAT[model] for model in getattr(TASKS[name], surface)]


def test_every_task_of_the_skill_is_there():
    assert set(TASKS) >= BY_SKILL
    assert {rule.route for rule in AUTO} <= {*TASKS, "cheap"}


@pytest.mark.parametrize(("name", "surface"), CHAINS)
def test_every_id_is_served_as_a_chat_model_and_has_a_price_and_a_window(name, surface):
    for model in models(name, surface):
        assert model.served, model.id
        assert model.kind == "chat", model.id
        assert price(model) > 0
        assert model.context_tokens, model.id


@pytest.mark.parametrize(("name", "surface"), CHAINS)
def test_a_chain_is_two_to_four_models_and_one_of_them_was_listed_last(name, surface):
    chain = models(name, surface)
    assert 2 <= len(chain) <= 4
    assert len(set(chain)) == len(chain)
    assert any(model.last_listed == NEWEST for model in chain)


@pytest.mark.parametrize("name", TASKS)
def test_on_chat_no_developer_is_there_twice(name):
    developers = [model.developer for model in models(name, "chat")]
    assert len(set(developers)) == len(developers)


@pytest.mark.parametrize("name", TASKS)
def test_on_gemini_every_model_speaks_it(name):
    assert all(model.speaks_gemini for model in models(name, "gemini"))


@pytest.mark.parametrize("surface", ["chat", "gemini"])
def test_the_models_fit_their_task(surface):
    assert all(model.vision for model in models("vision", surface))
    windows = [model.context_tokens or 0 for model in models("long", surface)]
    assert min(windows) >= 1_000_000 > LONG_PROMPT
    assert windows == sorted(windows, reverse=True)
    assert all(model.tools is not False for name in ("tools", "strong", "code") for model in models(name, surface))
    assert all("slow" not in (model.quirk or "") for model in models("fast", surface))


def test_the_chat_models_fit_their_task():
    assert all(model.tools for model in models("tools", "chat"))
    assert any(model.tools for model in models("vision", "chat"))
    assert all(price(model) <= 2 for model in models("fast", "chat"))
    assert {model.id for model in models("open_source", "chat")} <= OPEN_WEIGHTS
    assert {model.developer for model in models("chinese", "chat")} <= CHINESE
    assert min(price(model) for model in models("strong", "chat")) > 1


def test_on_chat_what_aisa_auto_calls_strong_can_call_tools_where_it_leads():
    assert all(models(name, "chat")[0].tools for name in ("strong", "long", "tools", "vision"))


def test_the_last_rule_always_holds():
    assert AUTO[-1].saw(read_needs({})) is not None
