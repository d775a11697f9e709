"""The cache on every face: one entry for plain and streamed calls, each replayed in its own form, only good answers."""

import asyncio
import gc
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aisa_integrations import Budget, Cache, GatewayClient, Policy, openai_client, track
from aisa_integrations.local import LocalGateway
from aisa_integrations.pacing import RateLimits
from tests.faults.faces import CHAT_FACES, FACES, MESSAGES, Seen
from tests.faults.faces import Face as AskingFace
from tests.metering.faces import FACES as NAMES
from tests.metering.faces import MODEL, TLS, Face, body, closed, first_of, make_face, waited
from tests.metering.words import says

EVERY_FACE = pytest.mark.parametrize("face", FACES, ids=str)
WAYS = pytest.mark.parametrize(
    ("first", "second"),
    [(False, False), (False, True), (True, False), (True, True)],
    ids=["plain-plain", "plain-stream", "stream-plain", "stream-stream"],
)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache.sqlite3")


def ask(face: AskingFace, gateway: LocalGateway, cache: Cache, *, stream: bool, **more: Any) -> Seen:
    policy = more.pop("policy", None) or Policy(cache=cache, max_retries=0)
    return face.ask(gateway, TLS, stream=stream, model=more.pop("model", MODEL), policy=policy, **more)


@EVERY_FACE
@WAYS
def test_the_same_request_is_asked_once(
    gateway: LocalGateway, cache: Cache, face: AskingFace, first: bool, second: bool
) -> None:
    with track() as spend:
        asked = ask(face, gateway, cache, stream=first)
        cost = gateway.account.spent
        answered = ask(face, gateway, cache, stream=second)
    assert len(gateway.requests) == 1
    assert asked.text == answered.text == f"Simulated reply from {MODEL}: you said Say hello to Zoë"
    assert (answered.error, answered.attempts, answered.served_by) == (None, [], MODEL)
    assert [exchange.cached for exchange in spend.exchanges] == [False, True]
    assert (spend.cost, spend.saved, spend.unknown, spend.calls) == (cost, cost, 0, 2)
    assert spend.exchanges[1].usage.cost == Decimal(0)
    assert spend.exchanges[1].usage.prompt_tokens == spend.exchanges[0].usage.prompt_tokens


@WAYS
def test_faces_of_one_surface_share_entries(gateway: LocalGateway, cache: Cache, first: bool, second: bool) -> None:
    for face in CHAT_FACES:
        assert ask(face, gateway, cache, stream=first).error is None
        assert ask(face, gateway, cache, stream=second).error is None
    assert len(gateway.requests) == 1


# ---- what replies say -----------------------------------------------------------------------------------------------


def test_headers_say_hit_or_miss(gateway: LocalGateway, cache: Cache) -> None:
    with openai_client(gateway.api_key, base_url=gateway.url, verify=TLS, policy=Policy(cache=cache)) as client:
        create: Any = client.chat.completions.with_raw_response.create
        asked = {"model": MODEL, "messages": MESSAGES}
        miss, hit, stream = create(**asked), create(**asked), create(**asked, stream=True)
        assert [reply.headers["x-aisa-cache"] for reply in (miss, hit, stream)] == ["miss", "hit", "hit"]
        assert hit.headers["x-aisa-cost"] == "0;billed"
        assert hit.headers["x-aisa-served-by"] == MODEL
        assert miss.parse().choices == hit.parse().choices
        gateway.script.fail("*", "invalid_request")
        with pytest.raises(Exception, match="invalid") as caught:
            create(**asked, seed=1)
        assert caught.value.response.headers["x-aisa-cache"] == "miss"  # type: ignore[attr-defined]
    gateway.clear()
    with openai_client(gateway.api_key, base_url=gateway.url, verify=TLS) as client:
        assert "x-aisa-cache" not in client.chat.completions.with_raw_response.create(**asked).headers  # type: ignore[call-overload]


TOOLS = [
    {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {"a": {}}}}},
    {"type": "function", "function": {"name": "sub", "parameters": {"type": "object", "properties": {"a": {}}}}},
]
REQUESTS: dict[str, dict[str, Any]] = {
    "text": {},
    "tools": {"tools": TOOLS},
    "several": {"n": 3},
    "json": {"response_format": {"type": "json_object"}},
}


def told(completion: Any) -> list[Any]:
    """What a completion holds: how often a stream names the role, or an empty content, is its own affair."""
    return [
        (choice.index, choice.finish_reason, choice.message.content or None, choice.message.tool_calls)
        for choice in completion.choices
    ]


@pytest.mark.parametrize("request_", REQUESTS)
@pytest.mark.parametrize("first", [False, True], ids=["plain", "stream"])
def test_the_sdk_reads_a_hit_as_it_reads_an_answer(
    gateway: LocalGateway, cache: Cache, request_: str, first: bool
) -> None:
    asked: dict[str, Any] = {"model": MODEL, "messages": MESSAGES, **REQUESTS[request_]}
    with openai_client(gateway.api_key, base_url=gateway.url, verify=TLS) as bare:
        true: Any = bare.chat.completions.create(**asked)
        with bare.chat.completions.stream(**asked) as stream:
            true_stream = stream.get_final_completion()
    gateway.clear()
    with openai_client(gateway.api_key, base_url=gateway.url, verify=TLS, policy=Policy(cache=cache)) as client:
        if first:
            list(client.chat.completions.create(**asked, stream=True))
        else:
            client.chat.completions.create(**asked)
        plain: Any = client.chat.completions.create(**asked)
        assert plain.choices == true.choices
        with client.chat.completions.stream(**asked) as stream:
            assert list(stream)
            final = stream.get_final_completion()
        assert told(final) == told(true_stream)
    assert len(gateway.requests) == 1


@pytest.mark.parametrize("asks", [False, True], ids=["unasked", "asked"])
def test_usage_in_a_replayed_stream_is_there_where_it_was_asked_for(
    gateway: LocalGateway, cache: Cache, asks: bool
) -> None:
    options: dict[str, Any] = {"stream_options": {"include_usage": True}} if asks else {}
    with openai_client(gateway.api_key, base_url=gateway.url, verify=TLS, policy=Policy(cache=cache)) as client:
        for _ in range(2):
            asked: dict[str, Any] = {"model": MODEL, "messages": MESSAGES, "stream": True, **options}
            chunks: list[Any] = list(client.chat.completions.create(**asked))
            told = [chunk for chunk in chunks if chunk.usage is not None]
            assert len(told) == asks
            assert all(chunk.choices for chunk in chunks if chunk not in told)
    assert len(gateway.requests) == 1


# ---- what is not kept -----------------------------------------------------------------------------------------------

BAD = [
    ("server_error", False), ("error_in_200", False), ("finish_error", False), ("html_200", False),
    ("cut_after_content", True), ("error_event_after_content", True), ("silent_end_after_content", True),
    ("hang_after_content", True), ("finish_error", True),
]  # fmt: skip


@EVERY_FACE
@pytest.mark.parametrize(("fault", "stream"), BAD)
def test_what_went_wrong_is_not_kept(
    gateway: LocalGateway, cache: Cache, face: AskingFace, fault: str, stream: bool
) -> None:
    gateway.script.fail(MODEL, fault, times=1)
    first = ask(face, gateway, cache, stream=stream, timeout=0.4)
    if first.error is None:
        return  # made for another surface
    assert ask(face, gateway, cache, stream=stream).error is None
    assert len(gateway.requests) == 2


@pytest.mark.parametrize("face", CHAT_FACES, ids=str)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_refusal_is_not_kept(gateway: LocalGateway, cache: Cache, face: AskingFace, stream: bool) -> None:
    gateway.script.reply(MODEL, "I would rather not", finish_reason="content_filter", times=1)
    assert ask(face, gateway, cache, stream=stream).text == "I would rather not"
    assert ask(face, gateway, cache, stream=stream).text.startswith("Simulated reply")
    assert len(gateway.requests) == 2


@EVERY_FACE
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_an_answer_without_anything_in_it_is_not_kept(
    gateway: LocalGateway, cache: Cache, face: AskingFace, stream: bool
) -> None:
    gateway.script.reply(MODEL, "", times=1)
    assert not ask(face, gateway, cache, stream=stream).text
    assert ask(face, gateway, cache, stream=stream).text.startswith("Simulated reply")
    assert len(gateway.requests) == 2


@pytest.mark.parametrize(
    "message", ['"refusal":"No."', '"content":"","refusal":"No."', '"content":null', '"content":[]']
)
def test_a_message_that_refuses_or_says_nothing_is_not_kept(gateway: LocalGateway, cache: Cache, message: str) -> None:
    choice = f'{{"index":0,"message":{{"role":"assistant",{message}}},"finish_reason":"stop"}}'
    gateway.script.fail("*", says(f'{{"choices":[{choice}]}}'), times=1)
    client = GatewayClient(gateway.api_key, base_url=gateway.url, policy=Policy(cache=cache))
    assert client.chat(body())["choices"][0]["message"].get("content") in (None, "", [])
    assert client.chat(body())["choices"][0]["message"]["content"].startswith("Simulated reply")
    client.close()


@pytest.fixture(params=NAMES)
async def open_face(request: pytest.FixtureRequest, gateway: LocalGateway, cache: Cache) -> AsyncIterator[Face]:
    face = make_face(request.param, gateway, policy=Policy(cache=cache))
    yield face
    await waited(face.close())


@pytest.mark.parametrize("how", ["closed", "dropped"])
async def test_a_stream_that_was_left_is_not_kept(gateway: LocalGateway, open_face: Face, how: str) -> None:
    gateway.script.set_style("*", chunk_delay=0.005)
    stream = await open_face.stream()
    await first_of(stream)
    if how == "closed":
        await closed(stream)
    del stream
    for _ in range(3):
        gc.collect()
        await asyncio.sleep(0.01)
    await open_face.ask(stream=True)
    await open_face.ask(stream=True)
    assert len(gateway.requests) == 2


# ---- what makes a request another one -------------------------------------------------------------------------------

OTHERS: dict[str, dict[str, Any]] = {
    "model": {"model": "gemini-2.5-pro"},
    "temperature": {"body": {"temperature": 0}},
    "0 is not 0.0": {"body": {"temperature": 0.0}},
    "a field of its own": {"body": {"x_unknown": [1]}},
    "tools": {"body": {"tools": TOOLS}},
    "n": {"body": {"n": 2}},
    "max_tokens": {"body": {"max_tokens": 5}},
    "messages": {"body": {"messages": [{"role": "user", "content": "hi"}]}},
}


@pytest.mark.parametrize("face", [CHAT_FACES[0], CHAT_FACES[3]], ids=str)
def test_every_field_makes_another_request(gateway: LocalGateway, cache: Cache, face: AskingFace) -> None:
    for other in ({}, *OTHERS.values()):
        for stream in (False, True):
            assert ask(face, gateway, cache, stream=stream, **other).error is None
    assert len(gateway.requests) == 1 + len(OTHERS)


@EVERY_FACE
def test_another_key_or_gateway_makes_another_request(cache: Cache, face: AskingFace) -> None:
    with LocalGateway(require_key=False) as one, LocalGateway(require_key=False) as two:
        for key in ("sk-aisa-one", "sk-aisa-two", "sk-aisa-one"):
            one.api_key = two.api_key = key
            for gateway in (one, two, one):
                assert ask(face, gateway, cache, stream=False).error is None
        assert (len(one.requests), len(two.requests)) == (2, 2)


def test_an_answer_of_a_fallback_is_kept_for_what_was_asked(gateway: LocalGateway, cache: Cache) -> None:
    gateway.script.fail("first-model", "model_gated")
    policy = Policy(cache=cache, fallbacks=["second-model"])
    for face in FACES[:3]:
        for stream in (False, True):
            seen = ask(face, gateway, cache, stream=stream, model="first-model", policy=policy)
            assert seen.served_by == "second-model"
    assert len(gateway.requests) == 2


def test_what_a_call_asks_first_counts(gateway: LocalGateway, cache: Cache) -> None:
    client = GatewayClient(gateway.api_key, base_url=gateway.url, policy=Policy(cache=cache))
    client.chat({**body(), "models": ["gpt-4o", MODEL]})
    client.chat(body())
    for fallbacks in ([MODEL, "gpt-4o"], ["gpt-4o"]):
        client.chat({**body(), "models": fallbacks})
    client.chat(body("gpt-4o"))
    client.close()
    assert [request.model for request in gateway.requests] == ["gpt-4o", MODEL]


def test_a_hit_needs_neither_budget_nor_pace(gateway: LocalGateway, cache: Cache) -> None:
    assert ask(FACES[0], gateway, cache, stream=True).error is None
    limits = RateLimits(requests_per_minute=1)
    policy = Policy(cache=cache, budget=Budget("0.0000001"), limits=limits)
    for face in CHAT_FACES:
        assert ask(face, gateway, cache, stream=False, policy=policy).error is None
    assert limits.state().started == 0
    assert len(gateway.requests) == 1
