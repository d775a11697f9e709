"""Every fault of the gateway through the chat model: the tree's error and langchain-core's at once, and no other."""

import asyncio
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core import exceptions as core

import aisa_integrations as aisa
from aisa_integrations import ChatAisa, Policy
from aisa_integrations.langchain import errors
from aisa_integrations.langchain.errors import joining
from aisa_integrations.local import FAULTS, Fault, LocalGateway
from tests.faults.cases import play, settings
from tests.faults.table import TOLERATED, end_of

from .conftest import WAYS, Way, named

MakeChat = Callable[..., ChatAisa]
MODEL = "first-model"

# The class of langchain-core that an error of the tree is as well.
JOINED: dict[type[aisa.AisaError], type[Exception]] = {
    aisa.AuthenticationError: core.ModelAuthenticationError,
    aisa.InsufficientCreditsError: core.ModelPermissionDeniedError,
    aisa.ModelNotFoundError: core.ModelNotFoundError,
    aisa.RateLimitError: core.ModelRateLimitError,
    aisa.QuotaExceededError: core.ModelRateLimitError,
    aisa.BadRequestError: core.ModelInvalidRequestError,
    aisa.ContentPolicyError: core.ModelInvalidRequestError,
    aisa.ContextWindowError: core.ContextOverflowError,
    aisa.GatewayError: core.ModelAPIError,
    aisa.RequestTimeoutError: core.ModelTimeoutError,
    aisa.ConnectionFailedError: core.ModelConnectionError,
    aisa.InterruptedStreamError: core.ModelAPIError,
}


def faults(*, streams: bool) -> list[Any]:
    return [
        pytest.param(fault, id=fault.name)
        for fault in FAULTS.values()
        if fault.fits(surface="chat", stream=streams) and fault.name not in TOLERATED
    ]


def raised(way: Way, chat: Any, **options: Any) -> Any:
    with pytest.raises(aisa.AisaError) as caught:
        way.ask(chat, "Say hello to Zoë", **options)
    return caught.value


def assert_ends_as_the_contract_says(fault: Fault, way: Way, gateway: LocalGateway, make_chat: MakeChat) -> None:
    play(gateway, fault)
    error = raised(way, make_chat(model=MODEL, max_retries=0, **settings(fault)))
    end = end_of(fault.name, stream=way.streams)
    assert end is not None
    denied = end.error is aisa.AuthenticationError and error.status == 403
    bases = type(error).__bases__
    assert bases[0] is end.error
    assert issubclass(bases[1], core.ModelPermissionDeniedError if denied else JOINED[end.error])
    assert type(error).__module__ == "aisa_integrations.langchain.errors"
    assert (error.model, error.code) == (MODEL, end.code)
    assert [(each.model, each.cause) for each in error.attempts] == [(MODEL, end.cause)]
    assert bool(getattr(error, "partial", "")) is end.interrupted
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (str(again), vars(again)) == (str(error), vars(error))


@pytest.mark.parametrize("fault", faults(streams=False))
@pytest.mark.parametrize("way", [Way(False, False), Way(False, True)], ids=["plain", "async"])
def test_a_fault_of_a_call(gateway: LocalGateway, make_chat: MakeChat, fault: Fault, way: Way) -> None:
    assert_ends_as_the_contract_says(fault, way, gateway, make_chat)


@pytest.mark.parametrize("fault", faults(streams=True))
@pytest.mark.parametrize("way", [Way(True, False), Way(True, True)], ids=["plain", "async"])
def test_a_fault_of_a_stream(gateway: LocalGateway, make_chat: MakeChat, fault: Fault, way: Way) -> None:
    assert_ends_as_the_contract_says(fault, way, gateway, make_chat)


@pytest.mark.parametrize(
    ("fault", "way"),
    [
        pytest.param(name, way, id=f"{name}-{named(way)}")
        for name in sorted(TOLERATED)
        for way in WAYS
        if FAULTS[name].fits(surface="chat", stream=way.streams)
    ],
)
def test_what_is_no_failure_is_an_answer(gateway: LocalGateway, make_chat: MakeChat, fault: str, way: Way) -> None:
    play(gateway, FAULTS[fault])
    if fault == "prompt_blocked" and way.streams:
        assert isinstance(raised(way, make_chat(model=MODEL, max_retries=0)), aisa.GatewayError)
        return
    assert way.ask(make_chat(model=MODEL, max_retries=0), "Hello").response_metadata["served_by"] == MODEL


def test_every_error_of_the_tree_is_joined() -> None:
    tree = [
        cls for name in aisa.__all__ if name.endswith("Error") and name != "AisaError" if (cls := getattr(aisa, name))
    ]
    for cls in tree:
        error: Any = cls("it failed", status=500)
        with pytest.raises(core.ModelError), joining():
            raise error
        assert isinstance(error, cls)
        assert type(error).__name__ == cls.__name__
        assert pickle.loads(pickle.dumps(error)).args == error.args


def test_what_was_broken_off_is_at_hand(gateway: LocalGateway, make_chat: MakeChat, stream_way: Way) -> None:
    gateway.script.fail(MODEL, "cut_after_content")
    error = raised(stream_way, make_chat(model=MODEL, max_retries=0))
    assert isinstance(error, aisa.InterruptedStreamError)
    assert isinstance(error, core.ModelAPIError)
    assert error.partial
    assert f"Simulated reply from {MODEL}".startswith(error.partial)


def test_when_all_models_failed_each_attempt_is_told(gateway: LocalGateway, make_chat: MakeChat, way: Way) -> None:
    gateway.script.fail(MODEL, "model_not_found")
    gateway.script.fail("second", "server_error")
    error = raised(way, make_chat(model=MODEL, fallbacks=["second"], max_retries=0))
    assert type(error).__bases__ == (aisa.AllModelsFailedError, core.ModelAPIError)
    assert [each.model for each in error.attempts] == [MODEL, "second"]
    assert error.is_retryable is True
    gateway.script.clear()
    gateway.script.fail(MODEL, "model_not_found")
    gateway.script.fail("second", "model_gated")
    lasting = raised(way, make_chat(model=MODEL, fallbacks=["second"], max_retries=0))
    assert lasting.is_retryable is False


def test_a_budget_that_is_spent_sends_nothing(gateway: LocalGateway, make_chat: MakeChat, way: Way) -> None:
    chat = make_chat(model="gpt-4o", policy=Policy(budget=aisa.Budget(usd="0.000001")))
    error = raised(way, chat)
    assert isinstance(error, aisa.BudgetExceededError)
    assert isinstance(error, core.ModelPermissionDeniedError)
    assert error.is_retryable is False
    assert not gateway.requests


def test_retryable_is_what_another_round_may_help(gateway: LocalGateway, make_chat: MakeChat) -> None:
    told = {}
    for fault in ("rate_limited", "quota_exceeded", "server_error", "invalid_request", "bad_key"):
        gateway.script.clear()
        gateway.script.fail(MODEL, fault)
        error = raised(Way(False, False), make_chat(model=MODEL, max_retries=0))
        told[fault] = error.is_retryable
    assert told == {
        "rate_limited": True,
        "quota_exceeded": False,
        "server_error": True,
        "invalid_request": False,
        "bad_key": False,
    }


def test_the_traceback_shows_where_it_failed_and_no_second_error(gateway: LocalGateway, make_chat: MakeChat) -> None:
    gateway.script.fail(MODEL, "server_error")
    error = raised(Way(False, False), make_chat(model=MODEL, max_retries=0))
    assert (error.__cause__, error.__context__) == (None, None)


def test_an_error_joined_already_stays_what_it_is() -> None:
    error = errors.RefusalError("No.", model=MODEL)
    with pytest.raises(errors.RefusalError), joining():
        raise error
    assert pickle.loads(pickle.dumps(error)).model == MODEL


def test_langchains_own_fallbacks_and_retries_see_the_error(gateway: LocalGateway, make_chat: MakeChat) -> None:
    gateway.script.fail(MODEL, "server_error", times=1)
    again = make_chat(model=MODEL, max_retries=0).with_retry(retry_if_exception_type=(core.ModelAPIError,))
    assert again.invoke("Hello").text
    gateway.script.fail(MODEL, "bad_key")
    other = make_chat(model=MODEL, max_retries=0).with_fallbacks(
        [make_chat(model="second")], exceptions_to_handle=(core.ModelAuthenticationError,)
    )
    assert "second" in asyncio.run(other.ainvoke("Hello")).text
