"""Plain chat through our client and the stock one: the same objects, fields and settings."""

from typing import Any
from urllib.parse import parse_qs

import openai
import pytest
from openai.types.chat import ChatCompletion

from aisa_integrations import async_openai_client, openai_client
from aisa_integrations.local import LocalGateway
from tests.sdk.pair import Pair

HELLO: list[Any] = [{"role": "user", "content": "Say hello to Zoë, 你好"}]
PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGPod3YGAAJ6ARbhHdGOAA=="


def test_a_plain_completion_is_the_same_object(chats: Pair) -> None:
    reply = chats.same(lambda client: client.chat.completions.create(model="gpt-4o", messages=HELLO))
    assert type(reply) is ChatCompletion
    assert reply.choices[0].message.content == "Simulated reply from gpt-4o: you said Say hello to Zoë, 你好"


@pytest.mark.parametrize(
    "settings",
    [
        {"n": 3},
        {"stop": ["hello"]},
        {"stop": "hello"},
        {"max_tokens": 3},
        {"max_completion_tokens": 3},
        {"seed": 7, "logprobs": True, "top_logprobs": 2},
        {"temperature": 0.3, "top_p": 0.5, "frequency_penalty": 0.1, "presence_penalty": -0.1},
        {"user": "u-1", "metadata": {"a": "b"}, "store": False, "service_tier": "auto"},
        {"reasoning_effort": "low"},
        {"stop": None, "temperature": openai.NOT_GIVEN, "seed": openai.omit},
    ],
    ids=lambda settings: ",".join(settings),
)
def test_settings_reach_the_gateway_and_come_back_alike(chats: Pair, settings: dict[str, Any]) -> None:
    reply = chats.same(lambda client: client.chat.completions.create(model="gpt-4o", messages=HELLO, **settings))
    sent = chats.our_gateway.requests[-1].json
    given = {name: value for name, value in settings.items() if not isinstance(value, (openai.NotGiven, openai.Omit))}
    assert {name: sent[name] for name in given} == given
    assert len(reply.choices) == settings.get("n", 1)


def test_unknown_fields_of_a_reply_are_kept(chats: Pair) -> None:
    chats.prepare(lambda gateway: gateway.script.set_style("gpt-4o", reasoning="reasoning_content", details=True))
    reply = chats.same(lambda client: client.chat.completions.create(model="gpt-4o", messages=HELLO))
    assert reply.usage.cost == pytest.approx(float(chats.our_gateway.account.spent))
    assert reply.usage.model_extra["credits_remaining"] < 100
    assert reply.usage.completion_tokens_details.reasoning_tokens > 0
    assert reply.choices[0].message.model_extra["reasoning_content"].startswith("Simulated reasoning")


@pytest.mark.parametrize("url", [PIXEL, "https://example.com/cat.png"], ids=["data", "http"])
def test_vision_parts_go_through_unchanged(chats: Pair, url: str) -> None:
    parts = [
        {"type": "text", "text": "what is it?"},
        {"type": "image_url", "image_url": {"url": url, "detail": "low"}},
    ]
    messages = [{"role": "user", "content": parts}]
    reply = chats.same(lambda client: client.chat.completions.create(model="gpt-4o", messages=messages))
    assert reply.usage.prompt_tokens > 85
    assert chats.our_gateway.requests[-1].json["messages"] == messages


def test_extra_headers_query_and_body_arrive(chats: Pair) -> None:
    reply = chats.same(
        lambda client: client.chat.completions.create(
            model="gpt-4o",
            messages=HELLO,
            extra_headers={"X-Trace": "t-1"},
            extra_query={"tag": "a b", "more": ["1", "2"]},
            extra_body={"enable_thinking": True, "thinking_budget": 9},
        )
    )
    for gateway in (chats.our_gateway, chats.stock_gateway):
        request = gateway.requests[-1]
        assert request.header("x-trace") == "t-1"
        assert request.json["thinking_budget"] == 9
        assert parse_qs(request.query) == {"tag": ["a b"], "more[]": ["1", "2"]}
    assert reply.choices[0].finish_reason == "stop"


def test_the_headers_on_the_wire_differ_only_where_the_design_says(chats: Pair) -> None:
    chats.same(lambda client: client.chat.completions.create(model="gpt-4o", messages=HELLO))
    ours, stock = (dict(gateway.requests[-1].headers) for gateway in (chats.our_gateway, chats.stock_gateway))
    assert ours.keys() == stock.keys()
    differing = {name for name in ours if ours[name] != stock[name]}
    # identity: a transport sees bytes as they are sent; the timeout is ours; the SDK names the class of the client.
    assert differing == {"host", "accept-encoding", "user-agent", "x-stainless-read-timeout"}


def test_a_client_is_a_context_manager_that_closes(chats: Pair) -> None:
    with chats.ours as client:
        assert not client.is_closed()
        client.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert chats.ours.is_closed()


def test_clients_and_their_copies_are_the_sdk_s_own(gateway: LocalGateway) -> None:
    client = openai_client(gateway.api_key, base_url=gateway.url)
    async_client = async_openai_client(gateway.api_key, base_url=gateway.url)
    for one in (client, client.copy(), client.with_options(timeout=3).with_options(max_retries=1)):
        assert isinstance(one, openai.OpenAI)
        assert isinstance(one.chat.completions, openai.resources.chat.Completions)
    for other in (async_client, async_client.copy(), async_client.with_options(api_key="sk-aisa-other")):
        assert isinstance(other, openai.AsyncOpenAI)
    assert str(client.base_url) == f"{gateway.url}/v1/"
