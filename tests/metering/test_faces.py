"""What a call cost, on every face: the sum is the account's to the last digit, and says where each figure is from."""

from decimal import Decimal
from typing import Any

import pytest

from aisa_integrations import AsyncGatewayClient, Exchange, GatewayClient, openai_client, track
from aisa_integrations.catalogue import catalogue
from aisa_integrations.local import LocalGateway
from tests.metering.conftest import MakeFace
from tests.metering.faces import MODEL, OTHER_MODEL, UNPRICED, ZERO, Face, messages

either = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])


def catalogue_price(exchange: Exchange) -> Decimal | None:
    """What the catalogue says that the tokens of a call cost."""
    usage = exchange.usage
    assert exchange.model is not None
    assert usage.prompt_tokens is not None
    assert usage.completion_tokens is not None
    return catalogue().estimate_cost(
        exchange.model, prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens
    )


@either
async def test_what_the_gateway_bills_is_the_account_to_the_last_digit(
    face: Face, gateway: LocalGateway, stream: bool
) -> None:
    with track() as spend:
        for model in (MODEL, OTHER_MODEL, UNPRICED, MODEL):
            await face.ask(model, stream=stream)
    assert spend.cost == spend.billed == gateway.account.spent > 0
    assert (spend.estimated, spend.unknown, spend.calls, spend.unattributed) == (ZERO, 0, 4, 0)
    assert {model: part.cost for model, part in spend.by_model.items()} == gateway.account.by_model()
    assert {model: part.calls for model, part in spend.by_model.items()} == {MODEL: 2, OTHER_MODEL: 1, UNPRICED: 1}
    assert spend.credits_remaining == gateway.account.balance


@either
async def test_without_a_bill_the_tokens_are_priced_from_the_catalogue(
    face: Face, gateway: LocalGateway, stream: bool
) -> None:
    gateway.script.set_style("*", usage="tokens")
    with track() as spend:
        await face.ask(stream=stream)
    (exchange,) = spend.exchanges
    (call,) = gateway.account.calls
    assert (exchange.usage.prompt_tokens, exchange.usage.completion_tokens) == (
        call.prompt_tokens,
        call.completion_tokens,
    )
    assert exchange.usage.total_tokens == call.prompt_tokens + call.completion_tokens
    assert exchange.usage.cost_kind == "estimated"
    # The local gateway charges the catalogue's own prices.
    assert spend.cost == spend.estimated == catalogue_price(exchange) == gateway.account.spent > 0
    assert (spend.billed, spend.unknown, spend.credits_remaining) == (ZERO, 0, None)


@either
@pytest.mark.parametrize(("model", "usage"), [(UNPRICED, "tokens"), (MODEL, "none")], ids=["no price", "no usage"])
async def test_what_cannot_be_known_is_unknown_and_never_zero(
    face: Face, gateway: LocalGateway, stream: bool, model: str, usage: str
) -> None:
    gateway.script.set_style("*", usage=usage)
    with track() as spend:
        await face.ask(model, stream=stream)
    assert (spend.calls, spend.unknown, spend.cost) == (1, 1, ZERO)
    (exchange,) = spend.exchanges
    assert exchange.usage.cost is None
    assert exchange.usage.cost_kind is None
    assert [attempt.cost for attempt in exchange.attempts] == [None]
    assert spend.by_model[model].unknown == 1


@either
async def test_billed_estimated_and_unknown_are_kept_apart(face: Face, gateway: LocalGateway, stream: bool) -> None:
    gateway.script.set_style(OTHER_MODEL, usage="tokens")
    gateway.script.set_style(UNPRICED, usage="none")
    with track() as spend:
        for model in (MODEL, OTHER_MODEL, UNPRICED):
            await face.ask(model, stream=stream)
    bills = gateway.account.by_model()
    assert (spend.billed, spend.estimated) == (bills[MODEL], bills[OTHER_MODEL])
    assert spend.cost == bills[MODEL] + bills[OTHER_MODEL]
    assert (spend.calls, spend.unknown) == (3, 1)
    assert repr(spend) == (
        f"<Spend 3 calls · ${spend.cost:f} · ${spend.billed:f} billed, ${spend.estimated:f} estimated"
        " · 1 of unknown cost>"
    )


@either
async def test_the_record_of_a_call_says_who_served_it_and_how_fast(
    face: Face, gateway: LocalGateway, stream: bool
) -> None:
    gateway.script.set_style("*", details=True, chunk_delay=0.002)
    with track() as spend:
        await face.ask(stream=stream)
    (exchange,) = spend.exchanges
    (attempt,) = exchange.attempts
    assert (exchange.model, exchange.served_by, exchange.error, exchange.cached) == (MODEL, MODEL, None, False)
    assert (attempt.model, attempt.status, attempt.cause, attempt.cost) == (MODEL, 200, None, gateway.account.spent)
    assert exchange.ttft is not None
    assert 0 < exchange.ttft <= exchange.latency
    assert 0 < attempt.latency <= exchange.latency
    assert (exchange.ttft < attempt.latency) is stream
    assert exchange.usage.cached_tokens == gateway.account.calls[0].prompt_tokens // 2
    assert exchange.usage.cost == gateway.account.spent


@either
async def test_reasoning_is_output_and_is_counted_with_it(face: Face, gateway: LocalGateway, stream: bool) -> None:
    gateway.script.set_style("*", details=True, reasoning="reasoning_content")
    with track() as spend:
        await face.ask(stream=stream)
    usage = spend.exchanges[0].usage
    (call,) = gateway.account.calls
    assert usage.completion_tokens == call.completion_tokens
    assert usage.reasoning_tokens is not None
    assert 0 < usage.reasoning_tokens < call.completion_tokens


@pytest.mark.parametrize("place", ["top", "metadata"])
@either
async def test_gemini_may_say_the_cost_in_either_place(
    make: MakeFace, gateway: LocalGateway, stream: bool, place: str
) -> None:
    gateway.script.set_style("*", gemini_usage=place)
    with track() as spend:
        await make("genai").ask(stream=stream)
        await make("genai async").ask(stream=stream)
    assert spend.billed == gateway.account.spent
    assert (spend.calls, spend.unknown) == (2, 0)
    assert spend.credits_remaining == gateway.account.balance


@pytest.mark.parametrize("usage_on", ["asked", "own", "last"])
@pytest.mark.parametrize("loose", [False, True], ids=["strict", "loose"])
async def test_usage_may_stand_anywhere_in_a_stream(
    face: Face, gateway: LocalGateway, usage_on: str, loose: bool
) -> None:
    gateway.script.set_style("*", usage_on=usage_on, crlf=loose, comments=loose, space=not loose)
    with track() as spend:
        await face.ask(stream=True)
    assert spend.billed == gateway.account.spent > 0


async def test_a_gateway_that_refuses_to_be_asked_for_usage_is_read_without(
    make: MakeFace, gateway: LocalGateway
) -> None:
    gateway.script.fail("*", "usage_rejected")
    face = make("openai")
    with track() as spend:
        await face.ask(stream=True)
        await face.ask(stream=True)
    assert (spend.calls, spend.unknown, spend.cost) == (2, 2, ZERO)
    # Asked once, and never again of this model.
    assert [len(exchange.attempts) for exchange in spend.exchanges] == [2, 1]


async def test_looking_around_costs_nothing_and_is_no_call(gateway: LocalGateway) -> None:
    options: dict[str, Any] = {"base_url": gateway.url, "max_retries": 0}
    with track() as spend, GatewayClient(gateway.api_key, **options) as client:
        client.models()
        client.balance()
        async with AsyncGatewayClient(gateway.api_key, **options) as other:
            await other.models()
            await other.balance()
        with openai_client(gateway.api_key, **options) as sdk:
            sdk.models.list()
            sdk.models.retrieve(MODEL)
        assert len(gateway.requests) == 6
        assert (spend.calls, spend.exchanges, repr(spend)) == (0, (), "<Spend 0 calls · $0>")


def test_a_reply_of_the_plain_client_holds_the_same_record(gateway: LocalGateway) -> None:
    with track() as spend, GatewayClient(gateway.api_key, base_url=gateway.url) as client:
        reply = client.chat({"model": MODEL, "messages": messages()})
    assert spend.exchanges == (reply.exchange,)
