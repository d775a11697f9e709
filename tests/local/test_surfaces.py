"""The other surfaces: models, embeddings, Responses, Messages, rerank, images; and what the gateway does not have."""

import base64

import httpx2
import openai
import pytest

from aisa_integrations.local import LocalGateway
from tests.local.events import events


@pytest.fixture
def sdk(gateway: LocalGateway):
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.api_key, max_retries=0) as client:
        yield client


def test_the_list_of_models(http: httpx2.Client, sdk: openai.OpenAI) -> None:
    models = http.get("/v1/models").json()["data"]
    assert len(models) >= 81
    fields = {"id", "object", "created", "owned_by", "supported_endpoint_types"}
    assert all(set(model) == fields for model in models)
    assert "gpt-4o" in {model.id for model in sdk.models.list()}
    assert http.get("/v1/models/gpt-4o").json()["id"] == "gpt-4o"
    assert http.get("/v1/models/o1-from-an-old-example").json()["error"]["code"] == "model_not_found"
    gemini = http.get("/v1beta/models").json()["models"]
    assert "models/gpt-4o" in {model["name"] for model in gemini}
    assert http.get("/v1beta/models/gpt-4o").json()["name"] == "models/gpt-4o"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/completions"),
        ("POST", "/v1/audio/speech"),
        ("GET", "/v1/files"),
        ("GET", "/"),
        ("GET", "/v1/chat/completions"),
        ("POST", "/v1/models"),
        ("DELETE", "/v1/models/gpt-4o"),
    ],
)
def test_what_the_gateway_does_not_have(http: httpx2.Client, method: str, path: str) -> None:
    reply = http.request(method, path)
    assert (reply.status_code, reply.text) == (404, "404 page not found")
    assert reply.headers["content-type"].startswith("text/plain")


def test_embeddings_are_deterministic_and_close_where_words_are_shared(sdk: openai.OpenAI, http: httpx2.Client) -> None:
    texts = ["the red house", "the red roof", "quantum physics"]
    reply = sdk.embeddings.create(model="text-embedding-v4", input=texts)
    one, two, three = (item.embedding for item in reply.data)

    def dot(a: list[float], b: list[float]) -> float:
        return sum(x * y for x, y in zip(a, b, strict=True))

    assert dot(one, one) == pytest.approx(1, abs=1e-5)
    assert dot(one, two) > dot(one, three)
    plain = http.post("/v1/embeddings", json={"model": "m", "input": texts[0], "dimensions": 8}).json()
    assert len(plain["data"][0]["embedding"]) == 8
    assert plain["usage"]["cost"] > 0


def test_responses_with_the_openai_sdk(sdk: openai.OpenAI) -> None:
    whole = sdk.responses.create(model="gpt-4.1", input="hello", instructions="be brief")
    assert whole.output_text == "Simulated reply from gpt-4.1: you said hello"
    assert whole.usage
    assert whole.usage.total_tokens
    with sdk.responses.stream(model="gpt-4.1", input="hello") as stream:
        kinds = [event.type for event in stream]
        assert stream.get_final_response().output_text == whole.output_text
    assert kinds[-1] == "response.completed"
    cut = sdk.responses.create(model="gpt-4.1", input=[{"role": "user", "content": "hello"}], max_output_tokens=2)
    assert cut.status == "incomplete"


def test_messages_plain_and_streamed(gateway: LocalGateway, http: httpx2.Client) -> None:
    body = {
        "model": "claude-haiku-4-5-20251001",
        "max_tokens": 100,
        "system": "be brief",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
    }
    whole = http.post("/v1/messages", json=body).json()
    assert whole["type"] == "message"
    assert whole["stop_reason"] == "end_turn"
    text = whole["content"][0]["text"]
    assert text.endswith("you said hello")
    got = events(http.post("/v1/messages", json={**body, "stream": True}).text)
    assert [event["type"] for event in got if event["type"] != "content_block_delta"] == [
        "message_start",
        "content_block_start",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert "".join(event["delta"]["text"] for event in got if event["type"] == "content_block_delta") == text
    assert got[-2]["usage"]["cost"] > 0
    gateway.script.fail("*", "silent_end_after_content")
    assert "message_stop" not in http.post("/v1/messages", json={**body, "stream": True}).text


def test_rerank_and_images(http: httpx2.Client) -> None:
    body = {"model": "m", "query": "red roof", "documents": ["blue sea", "a red roof", {"text": "red"}], "top_n": 2}
    results = http.post("/v1/rerank", json=body).json()["results"]
    assert [result["index"] for result in results] == [1, 2]
    image = http.post("/v1/images/generations", json={"model": "m", "prompt": "a cat"}).json()["data"][0]["b64_json"]
    assert base64.b64decode(image).startswith(b"\x89PNG")


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/responses", "/v1/messages", "/v1/rerank"])
def test_a_missing_parameter_is_named(http: httpx2.Client, path: str) -> None:
    error = http.post(path, json={"model": "m"}).json()["error"]
    assert error["code"] == "missing_parameter"


def test_strict_gateways_refuse_what_is_not_served() -> None:
    with LocalGateway(strict_models=True) as gateway:
        headers = {"authorization": f"Bearer {gateway.api_key}"}
        with httpx2.Client(base_url=gateway.url, headers=headers) as http:
            message = [{"role": "user", "content": "hi"}]
            codes = {
                model: http.post("/v1/chat/completions", json={"model": model, "messages": message}).status_code
                for model in ("gpt-4o", "claude-3-sonnet")
            }
    assert codes == {"gpt-4o": 200, "claude-3-sonnet": 404}
