"""The most that a request could cost: what is counted, by what it is limited, and what an amount pays for."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisa_integrations.catalogue import catalogue
from aisa_integrations.estimate import estimate_prompt_tokens
from aisa_integrations.routing import WorstCase
from aisa_integrations.routing.worst_case import cost_of
from tests.routing.requests import chat, gemini, seeing

# 2.5 and 10 USD per million tokens, a window of 128,000.
MODEL, WINDOW = "gpt-4o", 128_000
WITHOUT_A_WINDOW = "claude-opus-5"


@pytest.mark.parametrize(
    ("body", "assumed", "tokens", "limit"),
    [
        (chat(max_tokens=1_000), None, 1_000, "request"),
        (chat(max_tokens=1_000), 5, 1_000, "request"),
        (chat(max_tokens=1_000, n=3), 5, 3_000, "request"),
        (chat(), 1_000, 1_000, "assumption"),
        (chat(n=3), 1_000, 3_000, "assumption"),
        (chat(), 0, 0, "assumption"),
        (chat(), None, WINDOW, "window"),
        (chat(n=3), None, 3 * WINDOW, "window"),
    ],
)
def test_the_cost_of_a_request(body, assumed, tokens, limit):
    case = WorstCase.of(MODEL, body, assume_output_tokens=assumed)
    prompt = estimate_prompt_tokens(body)
    assert (case.prompt_tokens, case.output_tokens, case.limit) == (prompt, tokens, limit)
    assert case.cost == (Decimal("2.5") * prompt + 10 * tokens) / 1_000_000


def test_pictures_and_the_limit_of_native_gemini_are_counted():
    assert (WorstCase.of(MODEL, seeing(), assume_output_tokens=0).cost or 0) > Decimal("0.0125")
    native = gemini(generationConfig={"maxOutputTokens": 1_000_000})
    assert (WorstCase.of("gemini-2.5-pro", native).cost or 0) > 7


@pytest.mark.parametrize(
    ("model", "body", "priced"),
    [
        ("house-model", chat(max_tokens=5), False),
        (WITHOUT_A_WINDOW, chat(), True),
        (MODEL, None, True),
        (WITHOUT_A_WINDOW, {"input": "Hello", "max_output_tokens": 5, "previous_response_id": "resp_1"}, True),
    ],
)
def test_what_is_not_known_has_no_cost(model, body, priced):
    case = WorstCase.of(model, body)
    assert (case.cost, case.priced) == (None, priced)


@pytest.mark.parametrize("name", ["previous_response_id", "conversation", "cachedContent"])
def test_a_prompt_that_is_kept_elsewhere_counts_as_the_whole_window(name):
    assert WorstCase.of(MODEL, {"input": "Hello", "max_output_tokens": 5, name: "x"}).prompt_tokens == WINDOW
    assert (WorstCase.of(MODEL, {"input": "Hello", name: None}).prompt_tokens or 0) < 200


@given(
    st.decimals(0, 100, places=9),
    st.sampled_from([model.id for model in catalogue().chat_models() if model.output_usd_per_1m]),
    st.integers(0, 10_000),
)
def test_an_amount_pays_for_just_so_many_tokens(usd, model, words):
    case = WorstCase.of(model, chat("word " * words))
    tokens = case.tokens_for(usd)
    dearer = cost_of(model, case.prompt_tokens, tokens + 1)
    assert dearer is None or dearer > usd
    if tokens:
        assert (cost_of(model, case.prompt_tokens, tokens) or 0) <= usd
