"""The surfaces beside chat and generateContent are metered wherever their replies tell of usage."""

from collections.abc import Callable
from typing import Any

import httpx2
import openai
import pytest

from aisa_integrations import Policy, Spend, openai_client, track
from aisa_integrations.local import LocalGateway
from aisa_integrations.settings import resolve_settings
from aisa_integrations.transport import AisaTransport
from tests.metering.faces import MODEL, TLS, ZERO, messages
from tests.metering.words import says

EMBEDDER = "jina-embeddings-v3"  # the catalogue has a price of it
Sdk = Callable[[openai.OpenAI], Any]


def embed(sdk: openai.OpenAI) -> None:
    sdk.embeddings.create(model=EMBEDDER, input=["one text", "and another"])


def respond(sdk: openai.OpenAI) -> None:
    sdk.responses.create(model=MODEL, input="Say hello")


def respond_in_pieces(sdk: openai.OpenAI) -> None:
    for _ in sdk.responses.create(model=MODEL, input="Say hello", stream=True):
        pass


def _post(sdk: openai.OpenAI, path: str, body: dict[str, Any], **options: Any) -> httpx2.Response:
    return sdk.post(path, cast_to=httpx2.Response, body=body, **options)


def rerank(sdk: openai.OpenAI) -> None:
    _post(sdk, "/rerank", {"model": "jina-reranker-v3", "query": "one", "documents": ["one", "two"]})


def message(sdk: openai.OpenAI) -> None:
    _post(sdk, "/messages", {"model": MODEL, "max_tokens": 50, "messages": messages()})


CASES: list[tuple[Sdk, str]] = [
    (embed, EMBEDDER),
    (respond, MODEL),
    (respond_in_pieces, MODEL),
    (rerank, "jina-reranker-v3"),
    (message, MODEL),
]
every_case = pytest.mark.parametrize(("ask", "model"), CASES, ids=[ask.__name__ for ask, _ in CASES])


def spend_of(gateway: LocalGateway, ask: Sdk) -> Spend:
    with openai_client(gateway.api_key, base_url=gateway.url, verify=TLS) as sdk, track() as spend:
        ask(sdk)
    return spend


@every_case
def test_a_bill_is_read_on_every_surface(gateway: LocalGateway, ask: Sdk, model: str) -> None:
    spend = spend_of(gateway, ask)
    (call,) = gateway.account.calls
    assert (spend.calls, spend.unknown) == (1, 0)
    assert spend.billed == spend.cost == gateway.account.spent > 0
    assert set(spend.by_model) == {model}
    assert spend.credits_remaining == gateway.account.balance
    usage = spend.exchanges[0].usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (call.prompt_tokens, call.completion_tokens)


@every_case
def test_tokens_are_priced_on_every_surface(gateway: LocalGateway, ask: Sdk, model: str) -> None:
    gateway.script.set_style("*", usage="tokens")
    spend = spend_of(gateway, ask)
    assert (spend.billed, spend.unknown) == (ZERO, 0)
    assert spend.estimated == gateway.account.spent > 0


@every_case
def test_without_usage_it_is_unknown_on_every_surface(gateway: LocalGateway, ask: Sdk, model: str) -> None:
    gateway.script.set_style("*", usage="none")
    spend = spend_of(gateway, ask)
    assert (spend.calls, spend.cost, spend.unknown) == (1, ZERO, 1)


def test_a_stream_of_messages_is_metered_from_its_first_and_last_events(gateway: LocalGateway) -> None:
    """An Anthropic SDK would sit here on the same transport: its prompt's tokens come first, the answer's last."""
    settings = resolve_settings(gateway.api_key, gateway.url)
    body = {"model": MODEL, "max_tokens": 50, "messages": messages(), "stream": True}
    with httpx2.Client(transport=AisaTransport(settings, Policy())) as http, track() as spend:
        reply = http.post(f"{gateway.url}/v1/messages", json=body)
    assert "message_stop" in reply.text
    (call,) = gateway.account.calls
    usage = spend.exchanges[0].usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (call.prompt_tokens, call.completion_tokens)
    assert spend.billed == gateway.account.spent


def test_anthropic_counts_its_cache_beside_the_input(gateway: LocalGateway) -> None:
    usage = '{"input_tokens":10,"output_tokens":5,"cache_read_input_tokens":100,"cache_creation_input_tokens":7}'
    text = f'{{"type":"message","role":"assistant","content":[],"stop_reason":"end_turn","usage":{usage}}}'
    gateway.script.fail("*", says(text))
    spend = spend_of(gateway, message)
    told = spend.exchanges[0].usage
    assert (told.prompt_tokens, told.cached_tokens, told.completion_tokens, told.total_tokens) == (117, 100, 5, 122)


def test_an_image_whose_reply_says_nothing_of_usage_is_unknown(gateway: LocalGateway) -> None:
    gateway.script.set_style("*", usage="none")
    spend = spend_of(gateway, lambda sdk: sdk.images.generate(model="gpt-image-2", prompt="a hill"))
    assert (spend.calls, spend.cost, spend.unknown) == (1, ZERO, 1)
