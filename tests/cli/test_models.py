"""`aisa models`: what the catalogue knows, and in what the gateway's own list disagrees with it."""

from decimal import Decimal

import pytest

from aisa_integrations.catalogue import Catalogue, Model, catalogue
from aisa_integrations.cli.listing import beside_the_gateway


def ids(ran) -> list[str]:
    return [one["id"] for one in ran.document["models"]]


# ---- the catalogue --------------------------------------------------------------------------------------------------


def test_without_a_key_it_lists_each_chat_model_that_is_believed_to_be_served(aisa):
    ran = aisa("models", "--json")
    assert ran.code == 0
    assert sorted(ids(ran)) == sorted(model.id for model in catalogue().chat_models(served_only=True))


def test_all_is_everything(aisa):
    assert sorted(ids(aisa("models", "--all", "--json"))) == sorted(catalogue())


@pytest.mark.parametrize("text", ["kimi", "MOONSHOT", "k2.6"])
def test_a_word_is_a_family_a_developer_or_part_of_an_id(aisa, text):
    found = ids(aisa("models", text, "--json"))
    assert "kimi-k2.6" in found
    assert all(name.startswith("kimi") for name in found)


def test_prices_are_as_the_catalogue_says_and_unknown_is_null(aisa):
    by_id = {one["id"]: one for one in aisa("models", "--all", "--json").document["models"]}
    for name, model in catalogue().items():
        for price in ("input_usd_per_1m", "output_usd_per_1m"):
            said, known = by_id[name][price], getattr(model, price)
            assert (said is None and known is None) or Decimal(str(said)) == known
    assert by_id["gpt-5.6-luna"]["vision"] is None
    assert by_id["gemini-2.5-pro"]["speaks_gemini"] is True


def test_the_table_says_the_same(aisa, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    ran = aisa("models")
    lines = ran.out.splitlines()
    assert all(len(line) <= 80 and line == line.rstrip() for line in lines)
    [line] = [line for line in lines if line.split()[:1] == ["gpt-4o"]]
    assert line.split() == ["gpt-4o", "2.5", "10", "128k", "VT?"]
    [older] = [line for line in lines if line.split()[:1] == ["gpt-5"]]
    assert older.split()[2] == "7*"
    assert ran.out.count("USD per million tokens as of 2026-09-15 (* 2026-04-22)") == 1
    assert "catalogue of 2026-11-21" in ran.out
    assert ran.err == ""


def test_every_id_of_the_longest_table_stands_whole_in_one_line(aisa, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    shown = {line.split()[0] for line in aisa("models", "--all").out.splitlines() if line.startswith("  ")}
    assert set(catalogue()) <= shown


def test_what_is_not_served_says_so(aisa):
    lines = aisa("models", "gemini", "--all").out.splitlines()
    assert [line for line in lines if "gemini-1.5-pro" in line and line.endswith("unserved")]
    assert [line for line in lines if "gemini-3-pro-image-preview" in line and line.endswith("image")]


def test_a_word_that_nothing_holds_names_what_is_close(aisa):
    ran = aisa("models", "gpt5", "--json")
    assert ran.code == 1
    assert ran.document["error"]["suggestions"][0] == "gpt-5"
    ran = aisa("models", "llama")
    assert (ran.code, ran.out) == (1, "")
    assert "--all shows 3" in ran.err


# ---- beside the gateway ---------------------------------------------------------------------------------------------


@pytest.fixture
def disagreeing(connected):
    """A gateway that serves an unknown model and one believed gone, and no longer serves gpt-4o."""
    served = dict(connected.app.models)
    del served["gpt-4o"]
    served |= {name: {"id": name, "developer": "OpenAI"} for name in ("gpt-99", "gpt-3.5-turbo")}
    connected.app.models = served
    return connected


def test_live_marks_each_disagreement(aisa, disagreeing):
    ran = aisa("models", "gpt", "--live", "--json")
    assert ran.code == 0
    by_id = {one["id"]: one for one in ran.document["models"]}
    said = {name: one["disagreement"] for name, one in by_id.items() if one["disagreement"]}
    assert said == {"gpt-99": "new", "gpt-3.5-turbo": "back", "gpt-4o": "gone"}
    assert (by_id["gpt-4o"]["served"], by_id["gpt-99"]["served"]) == (False, True)
    assert by_id["gpt-99"]["family"] == "GPT"
    # What the gateway says of a model is kept, known to us or not.
    assert by_id["gpt-99"]["gateway"]["supported_endpoint_types"] == ["openai"]


def test_the_live_table_says_what_its_marks_mean(aisa, disagreeing):
    lines = aisa("models", "gpt", "--live").out.splitlines()
    for name, mark in (("gpt-99", "new"), ("gpt-3.5-turbo", "back"), ("gpt-4o", "gone")):
        [line] = [line for line in lines if line.split()[:1] == [name]]
        assert line.split()[-1] == mark
        assert [line for line in lines if line.startswith(f"{mark}: ") and line.endswith("(1).")]


def test_another_spelling_is_new_and_names_the_known_one():
    known = Catalogue(
        [
            Model("GLM-9", "Zhipu AI", "GLM", "chat", seen_in=("docs-2026-04",), aliases=("glm-9",)),
            Model("o9-2026-01-01", "OpenAI", "GPT", "chat", seen_in=("docs-2026-04",)),
        ]
    )
    listed = {one.id: one for one in beside_the_gateway(known, [{"id": "glm-9"}, {"id": "o9"}, {"nothing": 1}])}
    assert listed["GLM-9"].disagreement is None  # by the other name that the catalogue has for it
    assert (listed["o9"].disagreement, listed["o9"].like) == ("new", "o9-2026-01-01")
    assert listed["o9-2026-01-01"].disagreement == "gone"


def test_with_local_it_is_the_list_of_a_gateway_on_this_machine(aisa):
    ran = aisa("models", "--local", "--json")
    assert (ran.code, ran.document["live"]) == (0, True)
    assert "gpt-4o" in ids(ran)


@pytest.mark.parametrize(("fault", "code"), [("bad_key", 3), ("wallet_empty", 4), ("server_error", 1)])
def test_a_gateway_that_refuses_is_an_error_of_its_cause(aisa, connected, fault, code):
    connected.script.fail("*", fault, times=10)
    ran = aisa("models", "--live", "--json")
    assert (ran.code, ran.document["exit_code"], ran.document["ok"]) == (code, code, False)


def test_a_gateway_that_lists_nothing_is_an_error(aisa, connected):
    connected.app.models = {}
    ran = aisa("models", "--live")
    assert (ran.code, ran.out) == (1, "")
    assert "lists no models" in ran.err


def test_live_without_a_key_says_what_to_do(aisa):
    ran = aisa("models", "--live")
    assert ran.code == 3
    assert "AISA_API_KEY" in ran.err


def test_a_gateway_that_hangs_times_out(aisa, connected):
    connected.script.fail("*", "hang", times=10)
    ran = aisa("models", "--live", "--timeout", "0.05")
    assert ran.code == 7
