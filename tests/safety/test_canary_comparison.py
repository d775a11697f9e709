"""The key is in nothing that a comparison, or the skill's client, shows, raises or leaves behind."""

import asyncio
import logging
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from aisa_integrations import LLMRouterClient, acompare, compare, track
from aisa_integrations.local import LocalGateway
from tests.lifecycle.test_leaving import interrupted_in
from tests.safety.search import paths_to
from tests.safety.test_canary_errors import assert_no_key, caught

FAULTY = ["bad_key", "html_502", "connection_reset", "redirect_307", "hang"]
MODELS = ["gpt-4o", *FAULTY]


@pytest.fixture
def keyed(canary_key: str) -> Iterator[LocalGateway]:
    with LocalGateway(api_key=canary_key) as running:
        for fault in FAULTY:
            running.script.fail(fault, fault)
        yield running


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest, keyed: LocalGateway, canary_key: str) -> Callable[..., Any]:
    def compared(models: Any = MODELS, **more: Any) -> Any:
        more = {"api_key": canary_key, "base_url": keyed.url, "max_retries": 0, "timeout": 0.5, **more}
        if request.param == "sync":
            return compare(models, "Hello", **more)
        return asyncio.run(acompare(models, "Hello", **more))

    return compared


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_no_result_holds_it(
    ask: Callable[..., Any], canary_key: str, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), track() as spend:
        found = ask(stream=stream, fallbacks=["connection_reset"])
    assert [result.ok for result in found.values()] == [True] + [False] * len(FAULTY)
    assert canary_key not in f"{found!r} {found.to_dicts()} {found.to_pandas().to_string()} {list(found.values())}"
    assert paths_to(canary_key, found) == []
    assert canary_key.encode() not in pickle.dumps(found)
    for result in found.failed:
        assert_no_key(canary_key, result.error)
    assert canary_key not in repr(spend.exchanges)
    assert caplog.records
    assert canary_key not in caplog.text


WRONG: dict[str, dict[str, Any]] = {
    "models": {"models": "gpt-4o"},
    "option": {"temprature": 1},
    "timeout": {"timeout": -1},
    "listener": {"on_result": 3},
    "origin": {"base_url": "http://gateway.example"},
    "client": {"client": 3},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_argument_does_not_show_it(ask: Callable[..., Any], canary_key: str, wrong: str) -> None:
    assert_no_key(canary_key, caught(lambda: ask(**WRONG[wrong])))


def test_a_listener_that_raises_does_not_show_it(ask: Callable[..., Any], canary_key: str) -> None:
    def tell(result: Any) -> None:
        raise LookupError(result.model)

    error = caught(lambda: ask(on_result=tell, stream=True))
    assert isinstance(error, LookupError)
    assert_no_key(canary_key, error)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_ctrl_c_does_not_show_it(keyed: LocalGateway, canary_key: str, stream: bool) -> None:
    keyed.script.fail("*", "hang")

    def act() -> None:
        with interrupted_in(0.3):
            compare(["gpt-4o", "gpt-4.1"], "Hello", stream=stream, api_key=canary_key, base_url=keyed.url)

    error = caught(act)
    assert type(error) is KeyboardInterrupt
    assert_no_key(canary_key, error)


def test_the_skills_client_shows_it_nowhere(keyed: LocalGateway, canary_key: str) -> None:
    client = LLMRouterClient(canary_key, base_url=keyed.url, max_retries=0)
    client.chat("gpt-4o", "Hello")
    list(client.chat_stream("gpt-4o", "Hello"))
    results = client.compare_models(["gpt-4o", "bad_key"], "Hello")
    assert canary_key not in f"{client!r} {vars(client)!r} {results}"
    assert paths_to(canary_key, client) == []
    assert canary_key.encode() not in pickle.dumps(client)
    for act in (
        lambda: client.chat("bad_key", "Hello"),
        lambda: client.chat_stream("bad_key", "Hello"),
        lambda: client.chat("gpt-4o", "Hello", temprature=1),
        lambda: LLMRouterClient(canary_key, base_url=keyed.url, timeout=-1),
    ):
        error = caught(act)
        assert_no_key(canary_key, error)
