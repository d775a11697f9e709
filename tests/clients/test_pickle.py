"""Clients, errors and values are pickled and deep-copied; a key is found again, and never taken along."""

import asyncio
import copy
import pathlib
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import httpx2
import pytest

import aisa_integrations
from aisa_integrations import AisaError, GatewayError, InterruptedStreamError, MissingKeyError, Policy
from aisa_integrations.local import LocalGateway
from tests.clients.faces import ASYNC_OPENAI, FACES, GATEWAY, OPENAI, SDK_FACES, Face

ROOT = pathlib.Path(aisa_integrations.__file__).parents[1]
OPENAIS = [OPENAI, ASYNC_OPENAI]

WAYS: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda client: pickle.loads(pickle.dumps(client)),
    "pickle, protocol 2": lambda client: pickle.loads(pickle.dumps(client, protocol=2)),
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "pickle of a pickle": lambda client: pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(client)))),
}


@pytest.fixture(params=WAYS)
def again(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    """One way of getting a client again."""
    return WAYS[request.param]


@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_client_comes_back_and_works(face: Face, again: Callable[[Any], Any], gateway: LocalGateway) -> None:
    client = face.make(gateway.api_key, base_url=gateway.url)
    face.ask(client)
    back = again(client)
    assert type(back) is type(client)
    assert "hello" in face.ask(back)
    assert "hello" in face.read(back)
    assert "hello" in face.ask(client)


@pytest.mark.parametrize("face", FACES, ids=str)
def test_it_keeps_its_policy(face: Face, again: Callable[[Any], Any], gateway: LocalGateway) -> None:
    gateway.script.fail(face.model, "server_error")
    policy = Policy(fallbacks=("never",), max_retries=5)
    client = face.make(gateway.api_key, base_url=gateway.url, policy=policy, fallbacks=["second"], max_retries=0)
    face.ask(again(client))
    assert [request.model for request in gateway.requests] == [face.model, "second"]


@pytest.mark.parametrize("face", OPENAIS, ids=str)
def test_a_copys_own_key_comes_back(face: Face, again: Callable[[Any], Any], gateway: LocalGateway) -> None:
    first = face.make("sk-first", base_url=gateway.url, max_retries=0)
    second = first.with_options(api_key=gateway.api_key)
    assert "hello" in face.ask(again(second))
    with pytest.raises(Exception, match="401"):
        face.ask(again(first))
    assert [request.header("authorization") for request in gateway.requests] == [
        f"Bearer {gateway.api_key}",
        "Bearer sk-first",
    ]


@pytest.mark.parametrize("face", OPENAIS, ids=str)
def test_the_sdks_own_options_come_back(face: Face, again: Callable[[Any], Any], gateway: LocalGateway) -> None:
    options = {"organization": "org-mine", "project": "proj-mine", "webhook_secret": "whsec", "timeout": 7,
               "default_headers": {"x-mine": "1"}, "default_query": {"mine": "2"}}  # fmt: skip
    back = again(face.make(gateway.api_key, base_url=gateway.url, **options).with_options(timeout=9))
    face.ask(back)
    [request] = gateway.requests
    wanted = {"openai-organization": "org-mine", "openai-project": "proj-mine", "x-mine": "1"}
    assert {name: request.header(name) for name in wanted} == wanted
    assert request.query == "mine=2"
    assert (back.timeout, back.webhook_secret) == (9, "whsec")


@pytest.mark.parametrize("face", SDK_FACES[2:], ids=str)
def test_geminis_own_options_come_back(face: Face, again: Callable[[Any], Any], gateway: LocalGateway) -> None:
    face.ask(again(face.make(gateway.api_key, base_url=gateway.url, http_options={"headers": {"x-mine": "1"}})))
    assert gateway.requests[0].header("x-mine") == "1"


@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_deep_copy_shares_the_policy(face: Face, gateway: LocalGateway) -> None:
    seen: list[object] = []
    policy = Policy(fallbacks=("second",), max_retries=0, on_event=seen.append)
    gateway.script.fail(face.model, "server_error")
    face.ask(copy.deepcopy(face.make(gateway.api_key, base_url=gateway.url, policy=policy)))
    assert len(seen) == 1


# ---- another process ------------------------------------------------------------------------------------------------

_ANSWER = """
import pathlib, pickle, sys
from tests.clients.faces import FACES
face = next(face for face in FACES if face.name == sys.argv[2])
try:
    print(face.ask(pickle.loads(pathlib.Path(sys.argv[1]).read_bytes())))
except Exception as error:
    print(type(error).__name__, error)
"""


def _in_another_process(path: pathlib.Path, face: Face, client: Any, **environment: str) -> str:
    path.write_bytes(pickle.dumps(client))
    environment = {"PYTHONPATH": str(ROOT), **environment}
    run = subprocess.run(
        [sys.executable, "-c", _ANSWER, str(path), face.name], env=environment, capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    return run.stdout


@pytest.mark.parametrize("face", FACES, ids=str)
def test_another_process_takes_the_key_of_its_environment(
    face: Face, gateway: LocalGateway, tmp_path: pathlib.Path
) -> None:
    client = face.make("sk-stays-here", base_url=gateway.url)
    told = _in_another_process(tmp_path / "client", face, client, AISA_API_KEY=gateway.api_key)
    assert "hello" in told
    assert [request.header("authorization") for request in gateway.requests] == [f"Bearer {gateway.api_key}"]


@pytest.mark.parametrize("face", [OPENAI, GATEWAY], ids=str)
def test_another_process_without_a_key_says_so(face: Face, gateway: LocalGateway, tmp_path: pathlib.Path) -> None:
    told = _in_another_process(tmp_path / "client", face, face.make("sk-stays-here", base_url=gateway.url))
    assert told.startswith(MissingKeyError.__name__)
    assert "AISA_API_KEY" in told
    assert gateway.requests == []


def _ask_in_a_worker(face_name: str, client: Any) -> str:
    return next(face for face in FACES if face.name == face_name).ask(client)


@pytest.mark.parametrize("face", [OPENAI, ASYNC_OPENAI, GATEWAY], ids=str)
def test_a_client_goes_to_workers_that_were_spawned(
    face: Face, gateway: LocalGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AISA_API_KEY", gateway.api_key)
    client = face.make(base_url=gateway.url)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as workers:
        assert "hello" in workers.submit(_ask_in_a_worker, face.name, client).result(timeout=60)


# ---- what can't be taken along --------------------------------------------------------------------------------------


@pytest.mark.parametrize("face", OPENAIS, ids=str)
@pytest.mark.parametrize("way", [pickle.dumps, copy.deepcopy], ids=["pickle", "deepcopy"])
def test_a_client_with_a_users_http_client_says_that_it_cannot(face: Face, way: Callable[[Any], Any]) -> None:
    http_client: Any = httpx2.Client() if face is OPENAI else httpx2.AsyncClient()
    client = face.make("sk-any", http_client=http_client)
    for one in (client, client.with_options(timeout=3)):
        with pytest.raises(TypeError, match=r"http_client=.*limits=, proxy=, verify= or event_hooks="):
            way(one)
    if face is OPENAI:
        http_client.close()
    else:
        asyncio.run(http_client.aclose())


# ---- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("again", [WAYS["pickle"], copy.deepcopy], ids=["pickle", "deepcopy"])
@pytest.mark.parametrize(("fault", "way"), [("server_error", "plain"), ("rate_limited", "plain"),
                                            ("cut_after_content", "stream")])  # fmt: skip
def test_an_error_comes_back_whole(again: Callable[[Any], Any], fault: str, way: str, gateway: LocalGateway) -> None:
    gateway.script.fail("*", fault)
    client = GATEWAY.make(gateway.api_key, base_url=gateway.url, max_retries=0)
    with pytest.raises(AisaError) as caught:
        GATEWAY.ask(client) if way == "plain" else GATEWAY.read(client)
    back = again(caught.value)
    assert type(back) is type(caught.value)
    assert str(back) == str(caught.value)
    assert vars(back) == vars(caught.value)
    assert back.attempts
    assert isinstance(back, InterruptedStreamError if way == "stream" else AisaError)
    assert not isinstance(back, GatewayError) or back.status == 500
