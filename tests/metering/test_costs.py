"""Figures in every form that a gateway may say them: exact where they can be a cost, else as if not said."""

import dataclasses
import decimal
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from aisa_integrations import AisaError, Attempt, Budget, Exchange, GatewayClient, Policy, Spend, Usage, track
from aisa_integrations.local import LocalGateway
from aisa_integrations.transport.metering import micros_to_usd
from tests.metering.faces import MODEL, UNPRICED, ZERO, body, sync_face
from tests.metering.words import chunk, completion, says

EXACT = "0.123456789012345678901234567890123456789012345"


@pytest.fixture
def ask(gateway: LocalGateway) -> Callable[..., Spend]:
    """Have a reply said word for word to one call, whose spend is returned."""

    def one(text: str, *, model: str = MODEL, **options: Any) -> Spend:
        stream = text.startswith("data:")
        if stream:
            options["content_type"] = "text/event-stream"
        gateway.script.fail("*", says(text, **options), times=1)
        with sync_face("gateway", gateway) as face, track() as spend:
            face.ask_now(model, stream=stream)
        return spend

    return one


@pytest.mark.parametrize(
    ("said", "cost"),
    [
        (EXACT, Decimal(EXACT)),
        (f'"{EXACT}"', Decimal(EXACT)),
        ("1.5e-7", Decimal("1.5e-7")),
        ('"1.5E-7"', Decimal("1.5e-7")),
        ("0.10", Decimal("0.10")),
        ("3", Decimal(3)),
        ("0", ZERO),
        ("0.0", ZERO),
        ("-0.0", ZERO),
        ("0e99", ZERO),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_cost_is_kept_to_its_last_digit(ask: Callable[..., Spend], stream: bool, said: str, cost: Decimal) -> None:
    usage = f'{{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"cost":{said}}}'
    spend = ask(chunk("Hi") + chunk("", "stop", usage) + "data: [DONE]\n\n" if stream else completion(usage))
    assert (spend.billed, spend.estimated, spend.unknown) == (cost, ZERO, 0)
    assert f"{spend.billed:f}" == f"{cost:f}"


@pytest.mark.parametrize(
    "said",
    ["-0.01", "NaN", "Infinity", "-Infinity", '"NaN"', '"free"', '""', "true", "null", "[1]", '{"usd":1}',
     "1e999999999", '"1e999999999"', "1e-999999999", "9" * 400],
)  # fmt: skip
def test_what_cannot_be_a_cost_is_as_if_it_was_not_said(ask: Callable[..., Spend], said: str) -> None:
    spend = ask(completion(f'{{"prompt_tokens":1000,"completion_tokens":10,"total_tokens":1010,"cost":{said}}}'))
    assert (spend.billed, spend.unknown) == (ZERO, 0)
    assert spend.estimated > 0
    assert spend.exchanges[0].usage.total_tokens == 1010
    spend = ask(completion(f'{{"prompt_tokens":1000,"completion_tokens":10,"cost":{said}}}'), model=UNPRICED)
    assert (spend.cost, spend.unknown) == (ZERO, 1)


@pytest.mark.parametrize("said", ["-3", "1.5", "NaN", '"12"', "true", "null", "1e999999999", "[]", "9" * 400])
def test_a_broken_count_of_tokens_prices_nothing(ask: Callable[..., Spend], said: str) -> None:
    spend = ask(completion(f'{{"prompt_tokens":{said},"completion_tokens":10}}'))
    assert (spend.cost, spend.unknown) == (ZERO, 1)
    assert spend.exchanges[0].usage.prompt_tokens is None


@pytest.mark.parametrize("usage", ["null", "[]", '"none"', "{}", '{"cost":null}'])
def test_usage_may_be_anything_and_is_then_unknown(ask: Callable[..., Spend], usage: str) -> None:
    spend = ask(completion(usage))
    assert (spend.calls, spend.cost, spend.unknown) == (1, ZERO, 1)


def test_a_callers_decimal_context_rounds_nothing(ask: Callable[..., Spend], gateway: LocalGateway) -> None:
    usage = f'{{"prompt_tokens":3,"completion_tokens":2,"cost":{EXACT},"credits_remaining":99.{"1" * 40}}}'
    with decimal.localcontext(decimal.Context(prec=3)), sync_face("gateway", gateway) as face, track() as spend:
        for _ in range(3):
            gateway.script.fail("*", says(completion(usage)), times=1)
            face.ask_now()
        cost = spend.cost
    with decimal.localcontext(decimal.Context(prec=100)):
        assert cost == spend.billed == 3 * Decimal(EXACT)
    assert spend.credits_remaining == Decimal(f"99.{'1' * 40}")


def test_a_wallet_below_zero_is_told_as_it_is(ask: Callable[..., Spend]) -> None:
    spend = ask(completion('{"prompt_tokens":3,"completion_tokens":2,"cost":0.5,"credits_remaining":-0.25}'))
    assert spend.credits_remaining == Decimal("-0.25")


@pytest.mark.parametrize("name", ["X-Request-Cost", "x-cost", "X-AISA-Cost"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_cost_may_come_in_a_header(ask: Callable[..., Spend], name: str, stream: bool) -> None:
    tokens = '{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}'
    text = chunk("Hi", "stop", tokens) + "data: [DONE]\n\n" if stream else completion(tokens)
    spend = ask(text, headers=((name, f"{EXACT};billed"),))
    assert spend.billed == Decimal(EXACT)
    spend = ask(completion(tokens.replace("}", ',"cost":0.5}')), headers=((name, "7"),))
    assert spend.billed == Decimal("0.5")  # the body's own figure comes first


def test_a_header_that_says_it_is_an_estimate_bills_nothing(ask: Callable[..., Spend]) -> None:
    spend = ask(completion('{"prompt_tokens":1000,"completion_tokens":10}'), headers=(("x-aisa-cost", "7;estimated"),))
    assert spend.billed == ZERO
    assert 0 < spend.estimated < 1


@pytest.mark.parametrize("status", [200, 400, 402, 500], ids=str)
@pytest.mark.parametrize("where", ["body", "header"])
def test_an_error_that_says_what_it_cost_is_billed(gateway: LocalGateway, status: int, where: str) -> None:
    usage = ',"usage":{"cost":0.25}' if where == "body" else ""
    headers = (("x-request-cost", "0.25"),) if where == "header" else ()
    gateway.script.fail("*", says(f'{{"error":{{"message":"Sorry"}}{usage}}}', status=status, headers=headers))
    budget = Budget(1, assume_output_tokens=10)
    with (
        sync_face("gateway", gateway, policy=Policy(budget=budget)) as face,
        track() as spend,
        pytest.raises(AisaError),
    ):
        face.ask_now()
    assert (spend.billed, spend.unknown, budget.state().spent) == (Decimal("0.25"), 0, Decimal("0.25"))


def test_usage_on_every_chunk_counts_once_and_the_last_one_counts(ask: Callable[..., Spend]) -> None:
    grown = [f'{{"prompt_tokens":3,"completion_tokens":{n},"cost":0.00{n}}}' for n in (1, 2, 3)]
    text = chunk("a", None, grown[0]) + chunk("b", None, grown[1]) + chunk("c", "stop", grown[2])
    spend = ask(text + "data: [DONE]\n\n")
    assert spend.billed == Decimal("0.003")
    assert spend.exchanges[0].usage.completion_tokens == 3


@pytest.mark.parametrize("empty", ["null", "{}"])
def test_an_empty_usage_after_the_real_one_takes_nothing_away(ask: Callable[..., Spend], empty: str) -> None:
    real = '{"prompt_tokens":3,"completion_tokens":2,"cost":0.5}'
    spend = ask(chunk("a", None, real) + chunk("", "stop", empty) + "data: [DONE]\n\n")
    assert (spend.billed, spend.unknown) == (Decimal("0.5"), 0)


def test_the_word_usage_in_an_answer_is_no_usage(ask: Callable[..., Spend]) -> None:
    real = '{"prompt_tokens":3,"completion_tokens":2,"cost":0.5}'
    spend = ask(chunk("a", None, real) + chunk(r"\"usage\": {}") + chunk("", "stop") + "data: [DONE]\n\n")
    assert spend.billed == Decimal("0.5")


@pytest.mark.parametrize("end", ["cut", "closed by the caller"])
def test_what_a_stream_had_said_of_its_cost_before_it_broke_is_not_its_cost(gateway: LocalGateway, end: str) -> None:
    so_far = '{"prompt_tokens":3,"completion_tokens":1,"cost":0.001}'
    text = chunk("a", None, so_far) + chunk("b", None, so_far)
    gateway.script.fail("*", says(text, content_type="text/event-stream"))
    with GatewayClient(gateway.api_key, base_url=gateway.url, max_retries=0) as client, track() as spend:
        stream = client.stream(body())
        next(stream)
        if end == "cut":
            with pytest.raises(Exception, match="broke off"):
                list(stream)
        stream.close()
    assert (spend.calls, spend.unknown, spend.cost) == (1, 1, ZERO)


@pytest.mark.parametrize(
    ("micros", "usd"),
    [(1, "0.000001"), ("99999999", "99.999999"), (-5, "-0.000005"), (0, "0"), ("a lot", None), (True, None)],
)
def test_the_balance_is_told_in_millionths(micros: object, usd: str | None) -> None:
    assert micros_to_usd(micros) == (None if usd is None else Decimal(usd))


@pytest.mark.parametrize("kind", [Usage, Attempt, Exchange])
def test_records_are_values_by_name(kind: type) -> None:
    """No tuples, which would unpack and compare by position, and break their users with the next field."""
    assert dataclasses.is_dataclass(kind)
    assert not issubclass(kind, tuple)
