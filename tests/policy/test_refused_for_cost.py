"""What a call that was not sent for its cost says: why, with figures, and what to do; and that doing it helps."""

import re
from decimal import Decimal
from typing import Any

import pytest

from aisa_integrations import Budget, BudgetExceededError, GatewayClient, Policy, genai_client
from aisa_integrations.local import LocalGateway

MODEL, WITHOUT_A_WINDOW = "gpt-4o", "claude-opus-5"
HELLO = [{"role": "user", "content": "Hello"}]


def client_for(gateway: LocalGateway, **policy: Any) -> GatewayClient:
    return GatewayClient(api_key=gateway.api_key, base_url=gateway.url, policy=Policy(**policy))


def refusal(client: GatewayClient, model: str = MODEL, **fields: Any) -> str:
    with pytest.raises(BudgetExceededError) as caught:
        client.chat({"model": model, "messages": HELLO, **fields})
    return str(caught.value)


def test_without_a_limit_the_whole_window_is_counted_and_said(gateway: LocalGateway) -> None:
    words = refusal(client_for(gateway, budget=Budget(1)))
    assert words == (
        "The call to gpt-4o could cost $1.280225, and $0 is spent and $0 reserved of the budget of $1 a run. "
        "It sets no max_tokens, so its answer counts as all that the model's window holds, 128,000 tokens; 99,977 "
        "would fit. Set max_tokens, or Budget(assume_output_tokens=…). Nothing was sent."
    )
    assert gateway.requests == []
    client_for(gateway, budget=Budget(1, assume_output_tokens=99_977)).chat({"model": MODEL, "messages": HELLO})


@pytest.mark.parametrize("dearer", [1, 3, 7])
def test_the_length_that_would_fit_fits_and_no_longer_one(gateway: LocalGateway, dearer: int) -> None:
    gateway.account.set_price(MODEL, Decimal("2.5") * dearer, Decimal(10) * dearer)
    client = client_for(gateway, budget=Budget("0.05", assume_output_tokens=100))
    client.chat({"model": MODEL, "messages": HELLO})  # from here on its price is known
    words = refusal(client, max_tokens=50_000)
    assert "Its answer may have 50,000 tokens; " in words
    assert (f"Its price counts as {dearer} times the catalogue's, as it was last billed." in words) == (dearer > 1)
    assert "Set a lower max_tokens, raise the budget, or name a cheaper fallback. Nothing was sent." in words
    found = re.search(r"([\d,]+) would fit", words)
    assert found
    fitting = int(found[1].replace(",", ""))
    refusal(client, max_tokens=fitting + 1)
    client.chat({"model": MODEL, "messages": HELLO, "max_tokens": fitting})


def test_an_assumption_is_named_as_one(gateway: LocalGateway) -> None:
    words = refusal(client_for(gateway, budget=Budget("0.05", assume_output_tokens=50_000)))
    assert "It sets no max_tokens, and its answer counts as 50,000 tokens; 4,977 would fit. Set max_tokens, " in words


def test_a_prompt_alone_may_be_too_much(gateway: LocalGateway) -> None:
    words = refusal(client_for(gateway, budget=Budget("0.0001")), max_tokens=1)
    assert "Its prompt alone counts as 92 tokens. Raise the budget, or name a cheaper fallback." in words
    assert "max_tokens" not in words


@pytest.mark.parametrize(
    ("model", "why", "helps"),
    [
        (WITHOUT_A_WINDOW, "It sets no max_tokens, and the catalogue does not say", {"max_tokens": 100}),
        ("house-model", "The catalogue has no price for this model.", None),
    ],
)
def test_a_cost_that_is_not_known_says_why(
    gateway: LocalGateway, model: str, why: str, helps: dict[str, int] | None
) -> None:
    client = client_for(gateway, budget=Budget(1))
    assert why in refusal(client, model)
    assert gateway.requests == []
    if helps is not None:
        client.chat({"model": model, "messages": HELLO, **helps})


def test_gemini_names_its_own_limit(gateway: LocalGateway) -> None:
    client = genai_client(api_key=gateway.api_key, base_url=gateway.url, policy=Policy(budget=Budget("0.1")))
    with pytest.raises(Exception, match=r"sets no max_output_tokens, so .* Set max_output_tokens, or "):
        client.models.generate_content(model="gemini-2.5-pro", contents="Hello")


def test_several_answers_of_any_length_are_counted_each(gateway: LocalGateway) -> None:
    assert "256,000 tokens; " in refusal(client_for(gateway, budget=Budget(1)), n=2)


def test_what_is_reserved_for_others_is_told_apart_from_what_is_spent(gateway: LocalGateway) -> None:
    client = client_for(gateway, budget=Budget("0.002"))
    client.chat({"model": MODEL, "messages": HELLO, "max_tokens": 10})  # from here on its price is known
    flowing = client.stream({"model": MODEL, "messages": HELLO, "max_tokens": 100})
    again = "It would fit without what is reserved: ask again when the calls under way have ended."
    assert again in refusal(client, max_tokens=100)
    assert again not in refusal(client, max_tokens=1_000)
    assert list(flowing)
    client.chat({"model": MODEL, "messages": HELLO, "max_tokens": 100})


def test_a_cap_says_the_same(gateway: LocalGateway) -> None:
    client = client_for(gateway, max_cost_usd="0.001")
    assert refusal(client) == (
        "The call to gpt-4o is estimated at $0.010465, and its cap is $0.001. It sets no max_tokens, and its answer "
        "counts as 1,024 tokens; 77 would fit. Set max_tokens, raise the cap, or name a cheaper fallback. "
        "Nothing was sent."
    )
    client.chat({"model": MODEL, "messages": HELLO, "max_tokens": 77})
    assert "so its cap of $0.001 can't be kept. The catalogue has no price" in refusal(client, "house-model")
