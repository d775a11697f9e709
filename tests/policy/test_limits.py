"""A pace at which the gateway refuses nothing: requests a minute and at once, learned from its headers."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from aisa_integrations import AsyncGatewayClient, ConfigurationError, Policy, state
from aisa_integrations.local import LocalGateway, Tier
from aisa_integrations.local import limits as gateway_limits
from aisa_integrations.pacing import TIERS, PacingState, RateLimits
from tests.metering.faces import FACES, SYNC_FACES, Face, make_face, sync_face, waited
from tests.metering.words import completion, says

WINDOW = 0.4
TIER = Tier(requests=10, tokens=1_000_000, at_once=3)
ROWS = 22


@pytest.fixture(autouse=True)
def short_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute takes less than half a second; ours is longer than the gateway's, by what a busy machine may delay."""
    monkeypatch.setattr("aisa_integrations.pacing.WINDOW", WINDOW)
    monkeypatch.setattr(gateway_limits, "_MINUTE", WINDOW / 2)


def run_job(face: Face, rows: int, *, stream: bool) -> list[Exception]:
    """Make many calls at once with one client; return what failed."""
    failed: list[Exception] = []

    def row(_: int) -> None:
        try:
            face.ask_now(stream=stream)
        except Exception as error:
            failed.append(error)

    async def async_row() -> None:
        try:
            await face.ask(stream=stream)
        except Exception as error:
            failed.append(error)

    async def all_rows() -> None:
        await asyncio.gather(*(async_row() for _ in range(rows)))
        await waited(face.close())

    if face.name in SYNC_FACES:
        with ThreadPoolExecutor(rows) as pool:
            list(pool.map(row, range(rows)))
        face.close()
    else:
        asyncio.run(all_rows())
    return failed


def statuses(gateway: LocalGateway) -> set[int]:
    return {call.status for call in gateway.account.calls}


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("name", FACES)
def test_a_job_runs_without_one_429(name: str, stream: bool) -> None:
    limits = RateLimits(requests_per_minute=TIER.requests, at_once=TIER.at_once)
    with LocalGateway(tier=TIER, latency=0.01) as gateway:
        face = make_face(name, gateway, policy=Policy(limits=limits))
        assert run_job(face, ROWS, stream=stream) == []
        assert statuses(gateway) == {200}
        assert len(gateway.requests) == ROWS
        assert limits.state().under_way == 0


def test_the_same_job_without_limits_meets_429s() -> None:
    with LocalGateway(tier=TIER, latency=0.01) as gateway:
        assert run_job(make_face("gateway async", gateway), ROWS, stream=False) != []
        assert statuses(gateway) == {200, 429}


def test_the_key_of_a_free_tier_knows_its_limits() -> None:
    assert {name: RateLimits.tier(name).state() for name in TIERS} == {
        "free": PacingState(60, 5, 0, 0),
        "starter": PacingState(600, 20, 0, 0),
        "growth": PacingState(3000, 50, 0, 0),
    }
    limits = Policy(limits="free").limits
    assert isinstance(limits, RateLimits)
    assert limits.state().at_once == 5


@pytest.mark.parametrize(
    "make",
    [
        lambda: RateLimits.tier("gold"),
        lambda: RateLimits(at_once=0),
        lambda: RateLimits(requests_per_minute=1.5),  # type: ignore[arg-type]
        lambda: RateLimits(requests_per_minute=True),
        lambda: Policy(limits="gold"),
        lambda: Policy(limits=5),  # type: ignore[arg-type]
    ],
)
def test_limits_that_cannot_work(make: Callable[[], Any]) -> None:
    with pytest.raises(ConfigurationError):
        make()


# ---- what is learned ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("given", "known"), [(None, 10), (1000, 10), (4, 4)])
@pytest.mark.parametrize("name", ["openai", "genai async", "gateway"])
async def test_the_lower_of_both_limits_counts(name: str, given: int | None, known: int) -> None:
    limits = RateLimits(requests_per_minute=given)
    with LocalGateway(tier=TIER) as gateway:
        face = make_face(name, gateway, policy=Policy(limits=limits))
        await face.ask(stream=True)
        await waited(face.close())
    assert limits.state().requests_per_minute == known


def test_requests_that_others_made_with_the_key_are_waited_for() -> None:
    limits = RateLimits()
    with LocalGateway(tier=Tier(requests=3, tokens=1_000_000, at_once=9)) as gateway:
        with sync_face("gateway", gateway) as other:
            other.ask_now()
            other.ask_now()
        with sync_face("gateway", gateway, policy=Policy(limits=limits)) as face:
            face.ask_now()  # the third, after which nothing remains
            face.ask_now()
        assert statuses(gateway) == {200}
        third, fourth = gateway.requests[2:]
        assert fourth.at - third.at > 0.05


@pytest.mark.parametrize("what", ["requests", "tokens"])
@pytest.mark.parametrize("form", ["{:.0f}", "{:.3f}"])
def test_what_is_used_up_is_waited_for(gateway: LocalGateway, what: str, form: str) -> None:
    headers = ((f"X-RateLimit-Remaining-{what}", "0"), (f"X-RateLimit-Reset-{what}", form.format(time.time() + 60)))
    gateway.script.fail("*", says(completion("null"), headers=headers), times=1)
    with sync_face("gateway", gateway, policy=Policy(limits=RateLimits())) as face:
        face.ask_now()
        face.ask_now()
    first, second = gateway.requests
    assert second.at - first.at > WINDOW / 2  # a whole window, and no longer than that


@pytest.mark.parametrize("said", ["²", "many", "", "-1", "nan", "inf", "1e999", "10, 10;w=60"])
def test_a_figure_that_is_none_is_as_if_it_was_not_said(gateway: LocalGateway, said: str) -> None:
    headers = tuple((f"X-RateLimit-{name}-Requests", said) for name in ("Limit", "Remaining", "Reset"))
    gateway.script.fail("*", says(completion("null"), headers=headers), times=1)
    limits = RateLimits()
    with sync_face("gateway", gateway, policy=Policy(limits=limits)) as face:
        face.ask_now()
    assert limits.state().requests_per_minute is None


def test_each_key_has_its_own_pace() -> None:
    limits = RateLimits(requests_per_minute=2)
    with LocalGateway(require_key=False) as gateway:
        faces = []
        for key in ("sk-aisa-one", "sk-aisa-two"):
            gateway.api_key = key
            faces.append(make_face("gateway", gateway, policy=Policy(limits=limits)))
        began = time.monotonic()
        for face in (*faces, *faces):
            face.ask_now()
        assert time.monotonic() - began < WINDOW
        assert limits.state().started == 4
        for face in faces:
            face.close()


def test_clients_of_one_policy_share_the_pace(gateway: LocalGateway) -> None:
    policy = Policy(limits=RateLimits(requests_per_minute=2))
    with sync_face("openai", gateway, policy=policy) as one, sync_face("genai", gateway, policy=policy) as two:
        for face in (one, two, one):
            face.ask_now()
    first, _, third = gateway.requests
    assert third.at - first.at > WINDOW / 2


# ---- no time left ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FACES)
async def test_a_wait_past_the_deadline_is_a_429_and_nothing_is_sent(
    gateway: LocalGateway, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aisa_integrations.pacing.WINDOW", 60)
    policy = Policy(limits=RateLimits(requests_per_minute=1), deadline=5)
    face = make_face(name, gateway, policy=policy, fallbacks=["gpt-4o"])
    await face.ask()
    with pytest.raises(Exception, match="no time for this one") as caught:
        await face.ask(stream=True)
    await waited(face.close())
    error: Any = caught.value
    assert 429 in (getattr(error, "status", None), getattr(error, "status_code", None), getattr(error, "code", None))
    assert len(gateway.requests) == 1
    # What was not sent does not count, and holds nobody up.
    found = state(policy).limits
    assert found is not None
    assert (found.started, found.under_way) == (1, 0)


async def test_models_are_listed_without_waiting(gateway: LocalGateway) -> None:
    policy = Policy(limits=RateLimits(requests_per_minute=1, at_once=1))
    client = AsyncGatewayClient(gateway.api_key, base_url=gateway.url, policy=policy)
    assert await client.models()
    assert await client.balance()
    limits = state(client).limits
    assert limits is not None
    assert limits.started == 0
    await client.close()
