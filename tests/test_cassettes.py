"""The cassettes replayed through the library with no socket at all, and what they must and must not hold."""

import json
import pathlib
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from aisa_integrations import openai_client, track
from aisa_integrations.local import LocalGateway
from tests.record import live_site, main, record
from tests.tape import provenance
from tests.tape.provenance import FOLDER
from tests.tape.scenes import CHAT, GEMINI, MESSAGES, NOBODY, SCENES, Scene, Site
from tests.tape.tape import (
    ORIGIN,
    UnknownRequestError,
    UnusedRequestError,
    interactions,
    problems,
    recording,
    replaying,
)

ALL = sorted(FOLDER.glob("*.yaml"))
ANSWERED = [name for name in SCENES if name != "not-found"]


@pytest.fixture
def site(no_sockets: None, canary_key: str) -> Site:
    return Site(ORIGIN, canary_key)


# ---- replayed -------------------------------------------------------------------------------------------------------


def replay(name: str, site: Site) -> tuple[str, Any]:
    with replaying(FOLDER / f"{name}.yaml"), track() as spend:
        said = SCENES[name].play(site)
    (exchange,) = spend.exchanges
    return said, exchange


@pytest.mark.parametrize("name", ANSWERED)
def test_a_conversation_is_replayed_offline(name: str, site: Site) -> None:
    said, exchange = replay(name, site)
    recorded = interactions(FOLDER / f"{name}.yaml")
    assert said
    assert "".join(said.split()) in "".join(texts(recorded[-1]["response"]["body"]["string"]))
    assert exchange.served_by == (GEMINI if name.startswith("genai") else CHAT)
    assert [attempt.status for attempt in exchange.attempts] == [
        each["response"]["status"]["code"] for each in recorded
    ]
    assert exchange.usage.cost is None or exchange.usage.cost > 0


def texts(body: str) -> Iterator[str]:
    """Every text in a reply, plain or streamed, of either shape, without its white space."""
    lines = [line.removeprefix("data:").strip() for line in body.splitlines() if line.startswith("data:")]
    for piece in [line for line in lines if line.startswith("{")] if lines else [body]:
        for choice in json.loads(piece).get("choices") or ():
            yield "".join((choice.get("message") or choice["delta"]).get("content", "").split())
        for candidate in json.loads(piece).get("candidates") or ():
            yield "".join("".join(part.get("text", "").split()) for part in candidate["content"]["parts"])


def test_what_was_billed_is_read_to_the_last_digit(site: Site) -> None:
    _, exchange = replay("openai-stream", site)
    bill = next(
        json.loads(line.removeprefix("data: "), parse_float=Decimal)["usage"]
        for line in interactions(FOLDER / "openai-stream.yaml")[0]["response"]["body"]["string"].splitlines()
        if '"usage"' in line
    )
    assert (exchange.usage.cost, exchange.usage.cost_kind) == (bill["cost"], "billed")


def test_a_503_is_asked_again(site: Site) -> None:
    _, exchange = replay("retry-503-then-200", site)
    assert [(attempt.model, attempt.status) for attempt in exchange.attempts] == [(CHAT, 503), (CHAT, 200)]


def test_a_model_that_is_not_there_is_left_for_the_next(site: Site) -> None:
    _, exchange = replay("failover", site)
    assert [(attempt.model, attempt.cause) for attempt in exchange.attempts] == [
        (NOBODY, "model_not_found"),
        (CHAT, None),
    ]


def test_a_404_names_the_model(site: Site) -> None:
    said, exchange = replay("not-found", site)
    assert NOBODY in said
    assert exchange.error == "model_not_found"


# ---- watched over ---------------------------------------------------------------------------------------------------


def test_a_changed_request_fails_and_says_what_was_recorded(site: Site) -> None:
    client = openai_client(**site.arguments)
    with pytest.raises(UnknownRequestError) as caught, replaying(FOLDER / "openai-plain.yaml"):
        client.chat.completions.create(model=CHAT, messages=MESSAGES, temperature=0.5)
    client.close()
    message = str(caught.value)
    assert "openai-plain.yaml does not hold this request" in message
    assert '"temperature":0.5' in message
    assert '"temperature":0}' in message
    assert "make record" in message


def test_a_request_made_once_too_often_fails(site: Site) -> None:
    def play_twice() -> list[str]:
        return [SCENES["gateway-plain"].play(site) for _ in range(2)]

    with (
        pytest.raises(UnknownRequestError, match="once less than it was made"),
        replaying(FOLDER / "gateway-plain.yaml"),
    ):
        play_twice()


def test_an_unused_request_fails(site: Site) -> None:
    words = r"failover\.yaml holds requests that were not made:\n  POST https"
    with pytest.raises(UnusedRequestError, match=words), replaying(FOLDER / "failover.yaml"):
        pass


def test_an_error_of_the_test_itself_comes_through(site: Site) -> None:
    with pytest.raises(ZeroDivisionError), replaying(FOLDER / "failover.yaml"):
        1 / 0  # noqa: B018


# ---- what they hold -------------------------------------------------------------------------------------------------


def test_there_is_a_cassette_with_a_provenance_for_every_scene_and_no_other() -> None:
    told = {name for name in provenance.read() if "/" not in name}  # the others are of langchain's standard suites
    assert {path.stem for path in ALL} == set(SCENES) == told


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_a_cassette_holds_no_key_no_other_header_and_no_other_host(path: pathlib.Path, canary_key: str) -> None:
    assert problems(path) == []
    assert canary_key not in path.read_text(encoding="utf-8")


def test_what_a_cassette_must_not_hold_is_found(tmp_path: pathlib.Path, canary_key: str) -> None:
    text = ALL[0].read_text(encoding="utf-8")
    planted = text.replace("accept:", "x-goog-api-key:").replace(ORIGIN, "https://elsewhere.example")
    path = tmp_path / "planted.yaml"
    path.write_text(f"{planted}# {canary_key}\n", encoding="utf-8")
    found = problems(path)
    assert found[0] == f"a key: {canary_key[:7]}…"
    assert canary_key not in str(found)
    assert set(found[1:]) == {"another host: https://elsewhere.example", "a request header: x-goog-api-key"}


# ---- recorded -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["openai-async-stream", "genai-plain", "retry-503-then-200"])
def test_recording_twice_gives_the_same(name: str, tmp_path: pathlib.Path) -> None:
    first = record(SCENES[name], tmp_path, None, None)
    path = tmp_path / f"{name}.yaml"
    written = path.read_bytes()
    again = record(SCENES[name], tmp_path, None, first)
    assert path.read_bytes() == written
    assert again is first


def test_with_a_key_the_gateway_at_the_base_url_is_recorded_but_for_what_must_go_wrong(
    gateway: LocalGateway, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AISA_API_KEY", gateway.api_key)
    monkeypatch.setenv("AISA_BASE_URL", f"{gateway.url}/v1")
    live = live_site()
    assert record(SCENES["openai-plain"], tmp_path, live, None).against == gateway.url
    assert record(SCENES["retry-503-then-200"], tmp_path, live, None).against == provenance.LOCAL
    assert len(gateway.requests) == 1
    assert all(problems(path) == [] for path in tmp_path.iterdir())


def test_a_recording_keeps_neither_the_key_nor_the_balance(gateway: LocalGateway, tmp_path: pathlib.Path) -> None:
    gateway.script.reply(CHAT, f"the key is {gateway.api_key}")
    path = tmp_path / "told.yaml"
    with recording(path, gateway.url):
        said = SCENES["openai-plain"].play(Site(gateway.url, gateway.api_key))
    assert said == f"the key is {gateway.api_key}"
    text = path.read_text(encoding="utf-8")
    assert "the key is [the key]" in text
    assert '"credits_remaining":1}' in text
    assert problems(path) == []


def test_a_recording_keeps_no_key_of_somebody_else(gateway: LocalGateway, tmp_path: pathlib.Path) -> None:
    gateway.script.reply(CHAT, "the key is sk-aisa-of-somebody-else")
    path = tmp_path / "told.yaml"
    with recording(path, gateway.url):
        SCENES["openai-plain"].play(Site(gateway.url, gateway.api_key))
    assert "the key is [the key]" in path.read_text(encoding="utf-8")


def test_a_cassette_with_another_host_is_not_written(gateway: LocalGateway, tmp_path: pathlib.Path) -> None:
    scene = Scene("astray", lambda site: SCENES["openai-plain"].play(Site(gateway.url, gateway.api_key)))
    with pytest.raises(SystemExit, match=r"astray\.yaml is not written: it would hold another host: http://127"):
        record(scene, tmp_path, None, None)
    assert not list(tmp_path.iterdir())


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no-such-scene"]) == 2
    assert "openai-plain" in capsys.readouterr().err


def test_the_report_says_where_they_come_from() -> None:
    line = provenance.header()
    assert line.startswith("cassettes: ")
    assert sum(map(int, re.findall(r"(\d+) recorded 20", line))) == len(provenance.read()) >= len(SCENES)
    assert all(entry.against in line for entry in provenance.read().values())
