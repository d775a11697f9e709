"""The key is in nothing that a client shows, logs or leaves behind: reprs, attributes at any depth, logs, pickles."""

import copy
import logging
import os
import pathlib
import pickle
import pprint
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import aisa_integrations
from aisa_integrations import Policy, track
from aisa_integrations.local import LocalGateway
from tests.clients.faces import ASYNC_FACES, FACES, GATEWAY, OPENAI, SYNC_FACES, Face
from tests.safety.search import paths_to
from tests.safety.test_environment import HOSTILE

ROOT = pathlib.Path(aisa_integrations.__file__).parents[1]


@pytest.fixture
def keyed(canary_key: str) -> Iterator[LocalGateway]:
    with LocalGateway(api_key=canary_key) as running:
        yield running


def _used(face: Face, client: Any) -> Any:
    face.ask(client)
    face.read(client)
    return client


FORMS: dict[str, Callable[[Any], str]] = {
    "repr": repr,
    "str": str,
    "pprint of vars": lambda client: pprint.pformat(vars(client)),
    "vars of vars": lambda client: repr([getattr(value, "__dict__", value) for value in vars(client).values()]),
    "deepcopy": lambda client: repr(vars(copy.deepcopy(client))),
    "pickle": lambda client: repr(pickle.dumps(client)),
    "pickle, protocol 2": lambda client: repr(pickle.dumps(client, protocol=2)),
}


@pytest.mark.parametrize("face", FACES, ids=str)
@pytest.mark.parametrize("form", FORMS)
def test_no_form_of_a_client_shows_the_key(face: Face, form: str, keyed: LocalGateway, canary_key: str) -> None:
    client = _used(face, face.make(canary_key, base_url=keyed.url))
    assert canary_key not in FORMS[form](client)


@pytest.mark.parametrize("face", FACES, ids=str)
def test_no_path_of_attributes_leads_to_the_key(face: Face, keyed: LocalGateway, canary_key: str) -> None:
    client = face.make(canary_key, base_url=keyed.url)
    assert paths_to(canary_key, client) == []
    assert paths_to(canary_key, _used(face, client)) == []


@pytest.mark.parametrize("face", SYNC_FACES, ids=str)
def test_no_path_leads_from_a_reply_to_the_key(face: Face, keyed: LocalGateway, canary_key: str) -> None:
    client = face.make(canary_key, base_url=keyed.url)
    with track() as spend:
        reply, stream = face.call(client), face.open(client)
        list(stream)
    assert paths_to(canary_key, [reply, stream, spend]) == []
    assert canary_key not in repr([reply, spend, spend.exchanges])


@pytest.mark.parametrize("face", [OPENAI], ids=str)
def test_a_copys_key_is_as_hidden(face: Face, keyed: LocalGateway, canary_key: str) -> None:
    client = face.make("sk-first", base_url=keyed.url).with_options(api_key=canary_key)
    client.api_key = canary_key
    assert canary_key not in repr([client, vars(client), client.api_key, client.auth_headers])
    assert paths_to(canary_key, _used(face, client)) == []
    assert canary_key.encode() not in pickle.dumps(client)


# ---- logs -----------------------------------------------------------------------------------------------------------


class Everything(logging.Handler):
    """Keep every record, with its arguments and its rendered text."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.kept: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.kept.append(f"{record.name}: {record.getMessage()} {vars(record)!r}")


@pytest.fixture
def everything() -> Iterator[Everything]:
    """All that any logger says at DEBUG."""
    handler, root = Everything(), logging.getLogger()
    names = ["", "httpx2", "httpcore2", "openai", "google_genai", "google_genai._api_client", "aisa_integrations"]
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.parametrize("face", FACES, ids=str)
@pytest.mark.parametrize("fault", [None, "server_error", "bad_key", "connection_reset", "cut_after_content"])
def test_no_record_at_debug_holds_the_key(
    face: Face, fault: str | None, keyed: LocalGateway, canary_key: str, everything: Everything
) -> None:
    if fault is not None:
        keyed.script.fail("*", fault)
    client = face.make(canary_key, base_url=keyed.url, max_retries=0, fallbacks=["second"])
    for act in (face.ask, face.read):
        try:
            act(client)
        except Exception:
            logging.getLogger("the.application").exception("a call failed")
    loggers = {line.partition(":")[0] for line in everything.kept}
    assert {"httpx2", "httpcore2.http11"} & loggers
    assert canary_key not in "\n".join(everything.kept)


_DEBUGGING = """
import logging, os, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
from aisa_integrations import async_openai_client, genai_client, openai_client
from tests.clients.faces import FACES
for face in FACES:
    client = face.make()
    print(face.ask(client), face.read(client), repr(client), vars(client))
"""


def test_a_process_that_debugs_in_a_hostile_environment(keyed: LocalGateway, canary_key: str) -> None:
    environment = {**os.environ, **HOSTILE, "AISA_API_KEY": canary_key, "AISA_BASE_URL": keyed.url,
                   "PYTHONPATH": str(ROOT), "HTTPX_LOG_LEVEL": "trace"}  # fmt: skip
    run = subprocess.run(
        [sys.executable, "-c", _DEBUGGING], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    output = run.stdout + run.stderr
    assert run.returncode == 0, output
    assert "DEBUG:openai" in output
    assert "DEBUG:httpcore2" in output
    assert canary_key not in output
    assert {request.header("authorization") for request in keyed.requests} == {f"Bearer {canary_key}"}


# ---- pickles of other things ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("face", [GATEWAY, *ASYNC_FACES], ids=str)
def test_exchanges_and_policies_pickle_without_the_key(face: Face, keyed: LocalGateway, canary_key: str) -> None:
    policy = Policy(fallbacks=("second",), max_retries=0)
    keyed.script.fail(face.model, "server_error")
    with track() as spend:
        face.ask(face.make(canary_key, base_url=keyed.url, policy=policy))
    data = pickle.dumps([spend.exchanges, spend.exchanges[0].usage, policy])
    assert canary_key.encode() not in data
    exchanges, usage, back = pickle.loads(data)
    assert (exchanges, usage) == (spend.exchanges, spend.exchanges[0].usage)
    assert repr(back) == repr(policy)
    assert copy.deepcopy(spend.exchanges) == spend.exchanges
