"""A budget on every face: refused before anything is sent, reserved while under way, settled by how a call ended."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import openai
import pytest
from google.genai import errors as genai_errors

from aisa_integrations import Budget, BudgetExceededError, Policy, openai_client, state
from aisa_integrations.local import LocalGateway
from aisa_integrations.policy import FailoverEvent
from tests.metering.faces import FACES, MODEL, TLS, UNPRICED, Face, closed, first_of, make_face, messages, waited

BOTH_WAYS = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
MakeFace = Callable[..., Face]


@pytest.fixture(params=FACES)
async def make(request: pytest.FixtureRequest, gateway: LocalGateway) -> AsyncIterator[MakeFace]:
    """`make(budget)`: a client of each face in turn."""
    made: list[Face] = []

    def make_one(budget: Budget, **options: Any) -> Face:
        settings = {name: options.pop(name) for name in ("on_event",) if name in options}
        made.append(make_face(request.param, gateway, policy=Policy(budget=budget, **settings), **options))
        return made[-1]

    yield make_one
    for face in made:
        await waited(face.close())


def standing(budget: Budget) -> Any:
    """What is spent and what is reserved."""
    found = budget.state()
    return found.spent, found.reserved


async def known(face: Face) -> None:
    """Let the first call go alone, so that the price is known."""
    await face.ask()


REFUSAL = {"openai": openai.APIStatusError, "genai": genai_errors.ClientError, "gateway": BudgetExceededError}


@BOTH_WAYS
async def test_what_does_not_fit_is_a_402_and_nothing_is_sent(
    gateway: LocalGateway, make: MakeFace, stream: bool
) -> None:
    budget = Budget("0.000001")
    face = make(budget)
    with pytest.raises(REFUSAL[face.name.split()[0]], match="budget") as caught:
        await face.ask(stream=stream)
    error: Any = caught.value
    if isinstance(error, genai_errors.ClientError):
        assert error.code == 402
        assert error.details["error"]["details"][-1]["reason"] == "budget_exceeded"
    else:
        assert (getattr(error, "status_code", None) or error.status, error.code) == (402, "budget_exceeded")
    assert "Nothing was sent" in str(error)
    assert gateway.requests == []
    assert standing(budget) == (0, 0)


@BOTH_WAYS
async def test_an_answer_is_settled_to_the_last_digit(gateway: LocalGateway, make: MakeFace, stream: bool) -> None:
    budget = Budget(5)
    face = make(budget)
    for _ in range(3):
        await face.ask(stream=stream)
    assert budget.state().spent == gateway.account.spent > 0
    assert budget.state().reserved == 0
    assert not budget.state().overrun


@BOTH_WAYS
async def test_an_estimated_cost_is_settled_too(gateway: LocalGateway, make: MakeFace, stream: bool) -> None:
    gateway.script.set_style("*", usage="tokens")
    budget = Budget(5)
    await make(budget).ask(stream=stream)
    assert budget.state().spent == gateway.account.spent > 0
    assert budget.state().reserved == 0


@BOTH_WAYS
async def test_a_call_whose_bill_never_came_keeps_its_reservation(
    gateway: LocalGateway, make: MakeFace, stream: bool
) -> None:
    gateway.script.set_style("*", usage="none")
    budget = Budget(50, assume_output_tokens=1000)
    await make(budget).ask(stream=stream)
    assert budget.state().spent == 0
    assert budget.state().reserved > Decimal("0.00175")


REFUSED = ["server_error", "rate_limited", "model_gated", "invalid_request", "unknown_model", "no_channels"]
UNCERTAIN = ["hang", "connection_reset", "body_cut", "html_200", "empty_200"]
UNCERTAIN_STREAMS = ["hang_before_content", "cut_before_content", "cut_after_content", "error_event_after_content"]


@BOTH_WAYS
async def test_a_clean_refusal_costs_nothing(gateway: LocalGateway, make: MakeFace, stream: bool) -> None:
    budget = Budget(5)
    face = make(budget)
    for fault in REFUSED:
        gateway.script.fail(MODEL, fault, times=1)
        with pytest.raises(Exception):  # noqa: B017 - each face has its own
            await face.ask(stream=stream)
        assert (fault, *standing(budget)) == (fault, 0, 0)


@pytest.mark.parametrize(
    ("fault", "stream"), [*((f, False) for f in UNCERTAIN), *((f, True) for f in UNCERTAIN_STREAMS)]
)
async def test_what_may_have_been_billed_stays_reserved(
    gateway: LocalGateway, make: MakeFace, fault: str, stream: bool
) -> None:
    budget = Budget(5)
    gateway.script.fail(MODEL, fault)
    with pytest.raises(Exception):  # noqa: B017
        await make(budget, timeout=0.3).ask(stream=stream)
    assert budget.state().spent == 0
    assert budget.state().reserved > 0


async def test_each_attempt_is_settled_by_itself(gateway: LocalGateway, make: MakeFace) -> None:
    budget = Budget(50)
    gateway.script.fail(MODEL, "server_error", times=1)
    gateway.script.fail(MODEL, "connection_reset", times=1)
    await make(budget, fallbacks=["gemini-2.5-pro"]).ask()
    assert standing(budget) == (gateway.account.spent, 0)
    with pytest.raises(Exception):  # noqa: B017
        await make(budget).ask()
    assert budget.state().spent == gateway.account.spent
    assert budget.state().reserved > 0


# ---- streams --------------------------------------------------------------------------------------------------------


async def test_a_stream_is_reserved_for_while_it_flows(gateway: LocalGateway, make: MakeFace) -> None:
    gateway.script.set_style("*", chunk_delay=0.005)
    budget = Budget(5)
    face = make(budget)
    await known(face)
    stream = await face.stream()
    await first_of(stream)
    assert budget.state().reserved > 0
    if hasattr(stream, "__aiter__"):
        async for _ in stream:
            pass
    else:
        for _ in stream:
            pass
    assert standing(budget) == (gateway.account.spent, 0)


# They send their request when the first event is asked for.
LAZY = ("genai", "genai async", "gateway async")


@pytest.mark.parametrize("how", ["closed", "dropped", "never read"])
async def test_a_stream_that_was_left_is_settled(gateway: LocalGateway, make: MakeFace, how: str) -> None:
    """Its bill never comes, so its reservation stays; but nobody waits for it any longer."""
    gateway.script.set_style("*", chunk_delay=0.01)
    budget = Budget(5)
    face = make(budget)
    stream = await face.stream()
    if how == "never read" and face.name in LAZY:
        del stream
        assert gateway.requests == []
        assert standing(budget) == (0, 0)
        return
    if how != "never read":
        await first_of(stream)
    assert budget.state().reserved > 0
    if how == "closed":
        await closed(stream)
    del stream
    for _ in range(3):
        gc.collect()
        await asyncio.sleep(0.01)
    began, kept = time.monotonic(), budget.state().reserved
    await face.ask()  # the first call, that would have to go alone, is over
    assert time.monotonic() - began < 3
    assert budget.state().reserved == kept > 0


# ---- chains and prices ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["openai", "openai async", "gateway"])
async def test_a_cheaper_fallback_that_fits_is_asked(gateway: LocalGateway, name: str) -> None:
    events: list[FailoverEvent] = []
    policy = Policy(budget=Budget("0.02", assume_output_tokens=5000), on_event=events.append)
    face = make_face(name, gateway, policy=policy, fallbacks=["gpt-4o", "gpt-4o-mini"])
    await face.ask("claude-sonnet-4-6", stream=True)
    await waited(face.close())
    assert [request.model for request in gateway.requests] == ["gpt-4o-mini"]
    assert [(event.model, event.next_model, event.cause, event.status) for event in events] == [
        ("claude-sonnet-4-6", "gpt-4o", "budget_exceeded", None),
        ("gpt-4o", "gpt-4o-mini", "budget_exceeded", None),
    ]


@BOTH_WAYS
async def test_an_unknown_price_is_refused(gateway: LocalGateway, make: MakeFace, stream: bool) -> None:
    with pytest.raises(Exception, match="is not known"):
        await make(Budget(5)).ask(UNPRICED, stream=stream)
    assert gateway.requests == []


@BOTH_WAYS
async def test_an_unknown_price_is_allowed_and_counted(gateway: LocalGateway, make: MakeFace, stream: bool) -> None:
    budget = Budget("0.0000001", unknown="allow")
    face = make(budget)
    await face.ask(UNPRICED, stream=stream)
    assert budget.state().spent == gateway.account.spent > 0
    with pytest.raises(Exception, match="budget"):
        await face.ask(UNPRICED, stream=stream)


async def test_a_price_that_turns_out_dearer_is_reserved_by(gateway: LocalGateway, make: MakeFace) -> None:
    gateway.account.set_price(MODEL, Decimal(100), Decimal(100))
    budget = Budget(100, assume_output_tokens=1000)
    face = make(budget)
    await face.ask()
    before, stream = budget.state().reserved, await face.stream()
    await first_of(stream)
    assert budget.state().reserved - before > Decimal("0.05")  # at the catalogue's price less than 0.002
    await closed(stream)


# ---- other surfaces, and who shares it ------------------------------------------------------------------------------


def test_other_surfaces_are_under_the_budget_too(gateway: LocalGateway) -> None:
    budget = Budget(5, unknown="allow", assume_output_tokens=1000)
    with openai_client(gateway.api_key, base_url=gateway.url, verify=TLS, policy=Policy(budget=budget)) as client:
        client.embeddings.create(model="text-embedding-3-small", input="hello")
        client.responses.create(model="gpt-4o", input="hello", max_output_tokens=10)
        for _ in client.responses.create(model="gpt-4o", input="hello", max_output_tokens=10, stream=True):
            pass
        assert budget.state().spent == gateway.account.spent > 0
        assert budget.state().reserved == 0
    sent = len(gateway.requests)
    spent = Policy(budget=Budget("0.0000001"))
    with openai_client(gateway.api_key, base_url=gateway.url, verify=TLS, policy=spent) as client:
        for call in (
            lambda: client.embeddings.create(model="gpt-4o", input="hello"),
            lambda: client.responses.create(model="gpt-4o", input="hello"),
        ):
            with pytest.raises(openai.APIStatusError) as caught:
                call()
            assert (caught.value.status_code, caught.value.code) == (402, "budget_exceeded")
        assert client.models.list().data
    assert len(gateway.requests) == sent + 1


async def test_clients_that_are_given_one_budget_share_it(gateway: LocalGateway) -> None:
    budget = Budget(5)
    for name in FACES:
        face = make_face(name, gateway, policy=Policy(budget=budget))
        await face.ask()
        await waited(face.close())
    assert budget.state().spent == gateway.account.spent
    client = openai_client(gateway.api_key, base_url=gateway.url, verify=TLS, policy=Policy(budget=budget))
    copy = client.with_options(max_retries=0)
    copy.chat.completions.create(model=MODEL, messages=messages())  # type: ignore[arg-type]
    found = state(client).budget
    assert found is not None
    assert found.spent == gateway.account.spent
    client.close()
