"""The cassette configuration that users get: no key anywhere, no header that was not allowed, and what is the same."""

import gzip
import json
import pathlib
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from importlib.metadata import PackageNotFoundError
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
import yaml  # type: ignore[import-untyped]
from vcr import VCR
from vcr.errors import CannotOverwriteExistingCassetteException
from vcr.request import Request

import aisa_integrations.testing.cassettes as cassettes
from aisa_integrations import GatewayClient, openai_client
from aisa_integrations.local import LocalGateway
from aisa_integrations.testing import cassette_leaks, cassette_options
from tests.clients.faces import FACES, GATEWAY, OPENAI, Face
from tests.tape.tape import ORIGIN, interactions

GOOGLE_KEY = "AIzaSyD-0123456789abcdefghijklmnopqrstu"


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "cassette.yaml"


@pytest.fixture
def canary(canary_key: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalGateway]:
    """A gateway whose key is the canary; the environment points at it."""
    with LocalGateway(api_key=canary_key) as gateway:
        monkeypatch.setenv("AISA_API_KEY", canary_key)
        monkeypatch.setenv("AISA_BASE_URL", gateway.url)
        yield gateway


def tape(**options: Any) -> VCR:
    return VCR(**cassette_options(), **options)


@pytest.mark.parametrize("face", FACES, ids=str)
def test_the_key_is_nowhere_in_what_a_face_records_and_it_plays_without_one(
    face: Face, canary: LocalGateway, canary_key: str, path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary.script.reply(face.model, f"hello {canary_key}")
    with tape().use_cassette(str(path)):
        client = face.make()
        assert face.ask(client, f"My key is {canary_key}.") == f"hello {canary_key}"
        assert face.read(client).strip() == f"hello {canary_key}"
        face.run(face.close, client)
        assert canary_key in str(canary.requests[0].json)  # what goes over the wire is as it was
    text = path.read_text(encoding="utf-8")
    assert canary_key not in text
    assert canary.url.partition("://")[2] not in text
    assert cassette_leaks(path) == []
    assert {each["request"]["uri"].partition("/v1/")[0] for each in interactions(path)} == {ORIGIN}

    monkeypatch.delenv("AISA_BASE_URL")
    monkeypatch.setenv("AISA_API_KEY", "not-needed-to-replay")
    with tape(record_mode="none").use_cassette(str(path)) as cassette:
        client = face.make()
        assert face.ask(client, "My key is [the key].") == "hello [the key]"
        assert face.read(client).strip() == "hello [the key]"
        face.run(face.close, client)
    assert cassette.play_count == 2


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (lambda body: dict(reversed(body.items())), True),
        (lambda body: {**body, "model": "gpt-4.1"}, False),
        (lambda body: {**body, "temperature": 0.5}, False),
        (lambda body: {**body, "messages": [{"role": "user", "content": "Goodbye"}]}, False),
    ],
    ids=["another order", "another model", "another parameter", "another prompt"],
)
def test_bodies_match_as_json(
    change: Callable[[dict[str, Any]], dict[str, Any]],
    same: bool,
    canary: LocalGateway,
    path: pathlib.Path,
) -> None:
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}], "temperature": 1}
    with GatewayClient() as client, tape().use_cassette(str(path)):
        client.chat(body)
    with GatewayClient() as client, tape(record_mode="none").use_cassette(str(path)):
        if same:
            assert "Hello" in client.chat(change(body))["choices"][0]["message"]["content"]
        else:
            with pytest.raises(CannotOverwriteExistingCassetteException):
                client.chat(change(body))


def test_the_wallet_is_nobody_elses_business(canary: LocalGateway, path: pathlib.Path) -> None:
    canary.account.balance = Decimal(4711)
    with GatewayClient() as client, tape().use_cassette(str(path)):
        GATEWAY.ask(client)
        assert str(client.balance()).count("47") >= 2
    told = [json.loads(each["response"]["body"]["string"]) for each in interactions(path)]
    assert told[0]["usage"]["credits_remaining"] == 1
    assert told[0]["usage"]["cost"] > 0
    figures = re.findall(r"'(\w+_micros_usd)': (\S+?)[,}]", str(told[1]))
    assert len(figures) >= 3
    assert {figure for _, figure in figures} == {"1"}


def request_of(uri: str, body: bytes = b"", **headers: str) -> Request:
    kept: Request = cassette_options()["before_record_request"](Request("POST", uri, body, headers))
    return kept


def response_of(body: bytes, **headers: list[str]) -> dict[str, Any]:
    kept: dict[str, Any] = cassette_options()["before_record_response"](
        {"status": {"code": 200, "message": "OK"}, "headers": headers, "body": {"string": body}}
    )
    return kept


@pytest.mark.parametrize("name", ["key", "api_key", "access_token"])
def test_parameters_that_hold_a_key_are_left_out_of_a_url(name: str) -> None:
    # Not ours, which never send one: a request beside them, in the same cassette.
    assert request_of(f"https://a.example/b?{name}=short&alt=sse").uri == "https://a.example/b?alt=sse"


def test_a_key_is_found_however_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    odd = 'odd/"+key+"\\with=signs'
    monkeypatch.setenv("AISA_API_KEY", odd)
    kept = request_of(
        f"https://a.example/{quote(odd, safe='')}/b", json.dumps({"plain": odd, "in": f"a{odd}b"}).encode(), Accept=odd
    )
    assert kept.uri == "https://a.example/[the key]/b"
    assert json.loads(kept.body) == {"plain": "[the key]", "in": "a[the key]b"}
    assert kept.headers == {"accept": "[the key]"}


@pytest.mark.parametrize("key", ["sk-aisa-of-somebody-else", "sk-proj-0123456789abcdef_-", GOOGLE_KEY])
def test_what_looks_like_a_key_is_one(key: str) -> None:
    kept = response_of(f'é "{key}", ü{key}.'.encode(), **{"x-request-id": [f"id {key}"]})
    assert kept["body"]["string"].decode() == 'é "[the key]", ü[the key].'
    assert kept["headers"] == {"x-request-id": ["id [the key]"]}


@pytest.mark.parametrize("text", ["sk-SK", "disk-usage-of-this-machine", "a risk-averse-approach-to-it", "sk-прив" * 9])
def test_what_looks_like_none_is_none(text: str) -> None:
    assert response_of(text.encode())["body"]["string"].decode() == text


def test_a_url_in_the_place_of_the_key_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AISA_API_KEY", ORIGIN)
    assert request_of(f"{ORIGIN}/v1/models").uri == f"{ORIGIN}/v1/models"


def test_bytes_that_are_no_text_come_out_as_they_were() -> None:
    every = bytes(range(256))
    assert response_of(every)["body"]["string"] == every
    assert request_of("https://a.example/", every).body == every


def test_only_what_is_allowed_is_kept_of_headers() -> None:
    sent = {"Content-Type": "application/json", "Authorization": "Bearer x", "X-Of-Tomorrow": "1", "Cookie": "c"}
    assert request_of("https://a.example/", b"", **sent).headers == {"content-type": "application/json"}
    told = response_of(b"", **{"Set-Cookie": ["c"], "Retry-After": ["1"], "X-RateLimit-Limit-Requests": ["60"]})
    assert told["headers"] == {"retry-after": ["1"], "x-ratelimit-limit-requests": ["60"]}


def test_requests_of_others_in_the_same_cassette_are_as_careful(
    canary: LocalGateway, canary_key: str, path: pathlib.Path
) -> None:
    with tape().use_cassette(str(path)), httpx2.Client() as other:
        reply = other.get(
            f"{canary.url}/v1/models?key={canary_key}", headers={"x-goog-api-key": canary_key, "cookie": canary_key}
        )
        assert reply.status_code in (401, 402)
    assert canary_key not in path.read_text(encoding="utf-8")
    assert cassette_leaks(path) == []


def test_a_compressed_reply_can_be_read(canary_key: str, path: pathlib.Path) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        body = gzip.compress(json.dumps({"choices": [{"index": 0, "message": {"content": "Zoë"}}]}).encode())
        return httpx2.Response(200, headers={"content-encoding": "gzip"}, content=body)

    for mode in ("once", "none"):
        http_client = httpx2.Client(transport=httpx2.MockTransport(answer))
        with (
            tape(record_mode=mode).use_cassette(str(path)),
            openai_client(canary_key, http_client=http_client) as client,
        ):
            assert OPENAI.ask(client) == "Zoë"
    assert json.loads(interactions(path)[0]["response"]["body"]["string"])["choices"]


def events(*told: Any, ending: str = "\n\n") -> bytes:
    return "".join(f"data: {json.dumps(event)}{ending}" for event in told).encode() + f"data: [DONE]{ending}".encode()


def chunk(text: str, index: int = 0) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": {"content": text}}]}


def arguments(text: str, index: int) -> dict[str, Any]:
    call = {"index": index, "function": {"arguments": text}}
    return {"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}


@pytest.mark.parametrize("ending", ["\n\n", "\r\n\r\n"])
def test_a_key_that_a_stream_tells_in_pieces_is_taken_out(ending: str) -> None:
    told = events(
        chunk("Your key is sk-aisa-"), chunk("two", 1), arguments('{"a": "sk-aisa-of-', 0), arguments("{}", 1),
        chunk("of-somebody"), chunk(" choices", 1), arguments('somebody-else"}', 0), chunk("-else. ü"), ending=ending,
    )  # fmt: skip
    clean = events(
        chunk("Your key is [the key]. ü"), chunk("two", 1), arguments('{"a": "[the key]"}', 0), arguments("{}", 1),
        chunk(""), chunk(" choices", 1), arguments("", 0), chunk(""), ending=ending,
    )  # fmt: skip
    kept = response_of(told)["body"]["string"]
    assert kept.decode() == clean.decode().replace("\\u00fc", "ü")


def test_a_stream_without_a_key_stays_as_it_is_to_the_byte() -> None:
    told = b': hi\n\ndata:{"choices":[{"delta":{"content":"sk-"}}],"cost":0.0000100}\n\ndata: no json\n\ndata: [DONE]'
    assert response_of(told)["body"]["string"] == told


# ---- what is found in cassettes of another making -------------------------------------------------------------------


def cassette(body: Any, **headers: list[str]) -> str:
    request: dict[str, Any] = {"method": "GET", "uri": ORIGIN, "body": None, "headers": {}}
    response = {"status": {"code": 200, "message": "OK"}, "headers": headers, "body": {"string": body}}
    return str(yaml.dump({"version": 1, "interactions": [{"request": request, "response": response}]}))


def test_what_a_cassette_should_not_hold_is_found(path: pathlib.Path, canary_key: str) -> None:
    text = cassette(f"{canary_key} {GOOGLE_KEY}", **{"set-cookie": ["1"], "content-type": ["text/plain"]})
    path.write_text(text.replace("headers: {}", "headers: {x-goog-api-key: [1]}"), encoding="utf-8")
    found = cassette_leaks(path)
    assert found[:2] == ["a key: sk-aisa…", "a key: AIzaSyD…"]
    assert found[2:] == ["a request header: x-goog-api-key", "a response header: set-cookie"]
    assert canary_key not in str(found)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("Hello", []),
        (b"\xff sk-aisa-of-somebody-else", ["a key: sk-aisa…"]),
        (events(chunk("sk-aisa-of-"), chunk("somebody-else")).decode(), ["a key, told in pieces by a stream"]),
        (None, []),
    ],
    ids=["none", "in what is no text", "in pieces", "no body"],
)
def test_a_key_is_found_where_no_search_would(body: Any, found: list[str], path: pathlib.Path) -> None:
    path.write_text(cassette(body), encoding="utf-8")
    assert cassette_leaks(path) == found


# ---- what it needs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("found", "good"), [("8.1.1", False), ("8.2.0", False), ("8.2.1", True), ("9.4.2", True)])
def test_an_older_vcrpy_is_refused(found: str, good: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cassettes, "version", lambda name: found)
    if good:
        assert cassette_options()
    else:
        with pytest.raises(ImportError, match=rf"vcrpy {found} records nothing .*pip install"):
            cassette_options()


def test_without_vcrpy_a_hint_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(cassettes, "version", missing)
    with pytest.raises(ImportError, match='cassettes need vcrpy: pip install "vcrpy'):
        cassette_options()
