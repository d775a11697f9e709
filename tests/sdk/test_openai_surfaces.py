"""The gateway's other surfaces through our client and the stock one."""

from typing import Any

import openai
import pytest
from openai.types import CreateEmbeddingResponse, ImagesResponse, Model
from openai.types.responses import Response

from tests.sdk.pair import Pair


def test_models_are_listed(chats: Pair) -> None:
    listed = chats.same(lambda client: list(client.models.list()))
    assert {type(model) for model in listed} == {Model}
    assert "gpt-4o" in {model.id for model in listed}
    assert listed[0].model_extra["supported_endpoint_types"]


def test_the_page_of_models_is_the_sdk_s_page(chats: Pair) -> None:
    page = chats.same(lambda client: client.models.list().data)
    assert len(page) > 50


def test_one_model_is_retrieved(chats: Pair) -> None:
    model = chats.same(lambda client: client.models.retrieve("gpt-4o"))
    assert (type(model), model.id, model.owned_by) == (Model, "gpt-4o", "openai")


@pytest.mark.parametrize("settings", [{}, {"encoding_format": "float"}, {"dimensions": 8}], ids=str)
def test_embeddings(chats: Pair, settings: dict[str, Any]) -> None:
    reply = chats.same(
        lambda client: client.embeddings.create(model="text-embedding-3-small", input=["one", "two"], **settings)
    )
    assert type(reply) is CreateEmbeddingResponse
    assert [len(item.embedding) for item in reply.data] == [settings.get("dimensions", 64)] * 2
    assert reply.usage.prompt_tokens > 0


def test_responses(chats: Pair) -> None:
    reply = chats.same(lambda client: client.responses.create(model="gpt-4.1", input="hello", instructions="Be brief."))
    assert reply.output_text == "Simulated reply from gpt-4.1: you said hello"
    assert reply.usage.model_extra["cost"] > 0
    assert type(reply) is Response


def test_responses_stream(chats: Pair) -> None:
    events = chats.same(lambda client: list(client.responses.create(model="gpt-4.1", input="hello", stream=True)))
    assert [events[0].type, events[-1].type] == ["response.created", "response.completed"]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert said == events[-1].response.output_text


def test_the_responses_stream_helper(chats: Pair) -> None:
    def case(client: Any) -> Any:
        with client.responses.stream(model="gpt-4.1", input="hello") as stream:
            return [event.type for event in stream], stream.get_final_response()

    kinds, final = chats.same(case)
    assert kinds[-1] == "response.completed"
    assert final.output_text.endswith("you said hello")


def test_images(chats: Pair) -> None:
    reply = chats.same(lambda client: client.images.generate(model="gpt-image-1", prompt="a cat", n=2))
    assert len(reply.data) == 2
    assert reply.data[0].b64_json
    assert type(reply) is ImagesResponse


def test_what_the_gateway_does_not_serve_is_the_sdk_s_not_found_error(chats: Pair) -> None:
    def case(client: Any) -> Any:
        with pytest.raises(openai.NotFoundError) as caught:
            client.moderations.create(input="x")
        return caught.value.status_code

    assert chats.same(case) == 404
