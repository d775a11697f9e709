"""What each value shows of itself: in a notebook, on a terminal, as a data frame."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

from aisa_integrations import (
    Attempt,
    Budget,
    Comparison,
    Cooling,
    Exchange,
    GatewayClient,
    GatewayError,
    Policy,
    RateLimits,
    Reply,
    Result,
    RouteDecision,
    Spend,
    State,
    Usage,
    compare,
    explain,
    state,
    track,
)
from aisa_integrations.catalogue import Catalogue, Model, catalogue
from aisa_integrations.comparison import COLUMNS
from aisa_integrations.local import LocalGateway
from aisa_integrations.routing import Candidate
from tests.display.reading import Page
from tests.display.test_html import NASTY, quickly

A, B, C = "gpt-4o", "gpt-4.1", "claude-haiku-4-5-20251001"
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)></pre>\x1b[2J\u202e$x$"


@pytest.fixture
def client(gateway: LocalGateway) -> Iterator[GatewayClient]:
    with GatewayClient(gateway.api_key, base_url=gateway.url, max_retries=0) as client:
        yield client


def of(text: str) -> dict[str, Any]:
    """Every value that shows itself, with this text wherever others may have written one."""
    usage = Usage(12, 5, 17, 3, 2, Decimal("0.0012"), "billed", Decimal("9.9"))
    attempts = (Attempt(text, 500, text, 0.1), Attempt(text, 200, None, 0.2, Decimal("0.0012"), text))
    message = {
        "content": text,
        "reasoning": text,
        "refusal": text,
        "tool_calls": [{"function": {"name": text, "arguments": text}}, text, {"function": {"arguments": [text]}}],
    }
    result = Result(text, True, text, message, 0.3, 0.1, usage, usage.cost, "length", "other", attempts, None)
    failed = replace(result, model=f"{text}2", ok=False, message=None, error=GatewayError(text, attempts=attempts))
    exchange = Exchange(text, f"{text}3", attempts, usage, 0.3, 0.1, error=None)
    spend = Spend()
    spend.record(exchange)
    spend.record(replace(exchange, served_by=None, error=text, usage=Usage()))
    model = Model(text, text, text, text, quirk=text, aliases=(f"{text}4",), instead=(text,), refuses={text: {}})
    candidate = Candidate(text, text, Decimal(1), None, None, None, True, text)
    return {
        "result": result,
        "failed": failed,
        "comparison": Comparison([result, failed], [exchange]),
        "spend": spend,
        "exchange": exchange,
        "cached": replace(exchange, cached=True, saved=Decimal("0.0012")),
        "usage": usage,
        "reply": Reply({"choices": [{"message": message, "finish_reason": text}, {}]}, exchange),
        "state": State((Cooling(text, 3.0, False, 3, text),), Budget(usd=1).state(), RateLimits().state(None)),
        "decision": RouteDecision(text, text, text, (text,), (candidate, replace(candidate, kept=False))),
        "model": model,
        "catalogue": Catalogue([model], as_of=text),
    }


@quickly
@given(NASTY.filter(str.strip) | st.just(HOSTILE))
def test_nothing_that_others_wrote_becomes_markup(text: str) -> None:
    for name, value in of(text).items():
        tags = [tag for tag, _ in Page(value._repr_html_()).elements]
        assert tags == [tag for tag, _ in Page(of("x" * len(text))[name]._repr_html_()).elements], name


@quickly
@given(NASTY.filter(str.strip) | st.just(HOSTILE))
def test_nothing_that_others_wrote_reaches_a_terminal_as_a_command(text: str) -> None:
    for value in of(text).values():
        assert not {character for character in repr(value) if ord(character) < 32 or 127 <= ord(character) < 160} - {
            "\n"
        }
        assert not set(repr(value)) & set("\u202e\u2066\ud800")


def test_ten_megabytes_are_shown_in_part() -> None:
    values = of("<" * 10_000_000)
    for name, value in values.items():
        assert len(value._repr_html_()) < 500_000, name
    for name in ("result", "failed", "comparison", "spend"):
        assert len(repr(values[name])) < 2_000, name
    page = Page(values["comparison"]._repr_html_())
    assert "9,980,000 characters more, which are left out here" in page.text
    assert (
        "characters more, which are left out here: result.response has them all."
        in Page(values["result"]._repr_html_()).text
    )


def test_many_models_share_the_room_of_a_page() -> None:
    one: Result = of("<" * 100_000)["result"]
    many = Comparison([replace(one, model=f"model-{number}", message=None) for number in range(500)], [])
    markup = many._repr_html_()
    assert len(markup) < 1_500_000
    text = Page(markup).text
    assert "… and 440 models more: comparison.to_pandas()" in text
    assert "… and 476 answers more, which are left out here." in text


def test_a_comparison_says_what_was_billed_and_what_is_unknown(gateway: LocalGateway, client: GatewayClient) -> None:
    gateway.script.fail(B, "model_gated")
    gateway.script.set_style(C, usage="none")
    with track() as spend:
        found = compare([A, B, C], "Hello", client=client)
    page = Page(found._repr_html_())
    assert "Comparison of 3 models · 2 answered, 1 failed · $0.000125 billed and 1 of unknown cost" in page.text
    assert f"{A}{found[A].latency:.2f} s5 → 12" not in page.text
    assert "$0.000125 billed" in page.text
    assert "unknown" in page.text
    assert "Simulated reply from gpt-4o: you said Hello" in page.text
    assert "InsufficientCreditsError: Your balance is too low" in page.text
    assert repr(found[A]).startswith(f"<Result {A} · answered · ")
    assert "$0.000125 billed · Simulated reply" in repr(found[A])
    text = Page(spend._repr_html_()).text
    assert text.startswith("Spend · 3 calls · $0.000125 billed and 1 of unknown cost")
    assert "cost unknown" in text
    assert "1 call that no model answered" in text
    assert "left in the wallet" in text


def test_a_reply_shows_its_answer_and_its_bill(gateway: LocalGateway, client: GatewayClient) -> None:
    reply = client.chat({"model": A, "messages": [{"role": "user", "content": "Hello"}]})
    text = Page(reply._repr_html_()).text
    assert "Simulated reply from gpt-4o: you said Hello" in text
    assert "$0.000125 billed" in text


def test_the_standing_of_a_policy_is_shown(gateway: LocalGateway) -> None:
    policy = Policy(budget=Budget(usd="0.50", assume_output_tokens=50), limits=RateLimits.tier("free"))
    gateway.script.fail(B, "server_error")
    with GatewayClient(gateway.api_key, base_url=gateway.url, policy=policy, fallbacks=[A], max_retries=0) as client:
        for _ in range(3):
            client.chat({"model": B, "messages": [{"role": "user", "content": "Hello"}]})
        text = Page(state(client)._repr_html_()).text
    assert "$0.000375 spent, $0 reserved, $0.4996 left of $0.50 a run" in text
    assert "6 of 60 requests within the last minute, 0 of 5 under way" in text
    assert f"{B}" in text
    assert "server_error" in text
    assert Page(state(Policy())._repr_html_()).text == "Statebudget: nonelimits: nonecooling down: no model"


def test_a_route_shows_its_chain_and_what_spoke_against_others() -> None:
    decision = explain({"model": "aisa/auto", "messages": [{"role": "user", "content": "Hello"}]})
    text = Page(decision._repr_html_()).text
    assert f"→ {', then '.join(decision.chain)}" in text
    assert "≤ $0.0" in text
    frame = decision.to_pandas()
    assert list(frame["model"]) == [candidate.model for candidate in decision.candidates]
    assert frame["estimated_cost"].dtype == "float64"
    assert list(frame["kept"]) == [candidate.kept for candidate in decision.candidates]


def test_the_catalogue_is_sorted_and_says_what_is_unknown() -> None:
    shipped = catalogue()
    page = Page(shipped._repr_html_())
    assert page.text.startswith(f"Catalogue · {len(shipped)} models, ")
    assert page.count("tr") == len(shipped) + 1
    assert page.text.index("claude-haiku-4-5") < page.text.index("gpt-4o")  # by developer
    assert page.text.index("gpt-4o") < page.text.index("wan2.")  # chat before others
    assert "$2.50 for a million tokens" in Page(shipped["gpt-4o"]._repr_html_()).text
    frame = shipped.to_pandas()
    assert len(frame) == len(shipped)
    row = frame.set_index("model").loc["gpt-4o"]
    assert (row["input_usd_per_1m"], row["context_tokens"], row["vision"]) == (2.5, 128_000, True)
    assert frame["input_usd_per_1m"].isna().any()
    assert str(frame["vision"].dtype) == "boolean"
    many = Catalogue([Model(f"model-{number}", "x", "x", "chat") for number in range(5_000)])
    assert len(many._repr_html_()) < 600_000
    assert "… and 4,700 models more: catalogue.to_pandas()" in Page(many._repr_html_()).text


def test_spend_is_a_row_for_each_call(gateway: LocalGateway, client: GatewayClient) -> None:
    gateway.script.fail(B, "server_error")
    gateway.script.set_style(C, usage="none")
    with track() as spend:
        compare([A, B, C], "Hello", client=client)
    frame = spend.to_pandas().set_index("model")
    assert [name for name in COLUMNS if name not in ("model", "response")] == list(frame.columns)[:9]
    assert frame["cost_usd"].isna().to_dict() == {A: False, B: True, C: True}
    assert frame["ok"].to_dict() == {A: True, B: False, C: True}
    assert (frame.loc[A, "cost_kind"], frame.loc[A, "served_by"], frame.loc[A, "input_tokens"]) == ("billed", A, 6)
    assert list(Spend().to_pandas().columns) == ["model", *frame.columns]


@pytest.mark.parametrize("name", ["catalogue", "comparison", "by_model"])
def test_a_notebook_completes_ids(name: str) -> None:
    values = of("gpt-4o")
    shell = InteractiveShell.instance()
    try:
        shell.user_ns.update(catalogue=catalogue(), comparison=values["comparison"], by_model=values["spend"].by_model)
        with provisionalcompleter():
            found = {one.text.strip("'\"]") for one in shell.Completer.completions(f"{name}['gpt-4", len(name) + 7)}
    finally:
        InteractiveShell.clear_instance()
    assert found & {"gpt-4o", "gpt-4o3"}


def test_importing_the_package_and_asking_loads_nothing_that_only_shows() -> None:
    program = "import sys, aisa_integrations.comparison; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    shown = {name for name in loaded if name.startswith("aisa_integrations.display.")}
    assert "aisa_integrations.display.html" not in shown
    assert not {"pandas", "matplotlib", "IPython"} & set(loaded)
