"""The chat model on a real small model, SmolLM2 135M: what is in the form that was asked for, whatever it says.

The model is a toy: real text, often wrong. A grammar holds it to a JSON schema; forced tool calls it can't do.
"""

import asyncio
from collections.abc import Iterator

import pytest
from langchain_core.messages import AIMessageChunk
from pydantic import BaseModel, Field

from aisa_integrations import ChatAisa, track
from aisa_integrations.local import LocalGateway

from .conftest import Way

pytestmark = pytest.mark.model


class City(BaseModel):
    """A city."""

    name: str = Field(max_length=20)
    inhabitants: int = Field(ge=0, le=100_000_000)


@pytest.fixture(scope="module")
def real() -> Iterator[LocalGateway]:
    with LocalGateway("llama") as gateway:
        yield gateway


@pytest.fixture
def chat(real: LocalGateway) -> Iterator[ChatAisa]:
    chat = ChatAisa(model="gpt-4o", api_key=real.api_key, base_url=real.url, max_tokens=60, temperature=0, timeout=60)
    yield chat
    chat.close()


def test_structured_output_fits_its_schema(chat: ChatAisa, way: Way) -> None:
    with track() as spend:
        city = way.ask(chat.with_structured_output(City, method="json_schema"), "Name a large city as JSON.")
    assert isinstance(city, City)
    assert city.name
    assert spend.calls == 1
    assert spend.cost > 0


def test_a_stream_of_its_own_words(chat: ChatAisa, stream_way: Way) -> None:
    pieces = stream_way.chunks(chat, "Why is the sky blue?", max_tokens=16)
    assert len(pieces) > 4
    whole = sum(pieces[1:], pieces[0])
    assert isinstance(whole, AIMessageChunk)
    assert whole.text.strip()
    assert whole.response_metadata["system_fingerprint"] == "local-SmolLM2-135M"
    assert whole.usage_metadata is not None
    assert 0 < whole.usage_metadata["output_tokens"] <= 16


def test_several_at_once(chat: ChatAisa) -> None:
    several = chat.with_structured_output(City, method="json_schema").compare_with("gpt-4.1")
    for found in (several.invoke("Name a city as JSON."), asyncio.run(several.ainvoke("Name a city as JSON."))):
        assert [type(result.output) for result in found.values()] == [City, City]  # type: ignore[attr-defined]
