"""Structured output through our client and the stock one: `.parse()`, JSON schemas, JSON mode."""

import json
from typing import Any, Literal

import openai
import pytest
from pydantic import BaseModel, ValidationError

from tests.sdk.pair import Pair


class Joke(BaseModel):
    kind: Literal["pun", "riddle"]
    setup: str
    punchline: str | None
    laughs: list[int]


QUESTION: list[Any] = [{"role": "user", "content": "A joke as JSON with the keys 'setup' and 'punchline'."}]
SCHEMA: Any = {
    "type": "json_schema",
    "json_schema": {"name": "joke", "strict": True, "schema": Joke.model_json_schema()},
}


def test_parse_returns_the_model(chats: Pair) -> None:
    done = chats.same(
        lambda client: client.chat.completions.parse(model="gpt-4o", messages=QUESTION, response_format=Joke)
    )
    assert type(done.choices[0].message.parsed) is Joke
    assert done.usage.cost > 0


def test_the_stream_helper_parses_as_it_goes(chats: Pair) -> None:
    def case(client: Any) -> Any:
        with client.chat.completions.stream(model="gpt-4o", messages=QUESTION, response_format=Joke) as stream:
            partial = [event.parsed for event in stream if event.type == "content.delta"]
            return partial, stream.get_final_completion()

    partial, final = chats.same(case)
    assert len(partial) > 3
    assert type(final.choices[0].message.parsed) is Joke


@pytest.mark.parametrize(
    ("wanted", "keys"),
    [(SCHEMA, {"kind", "setup", "punchline", "laughs"}), ({"type": "json_object"}, {"setup", "punchline"})],
    ids=["json_schema", "json_object"],
)
def test_json_is_asked_for_and_comes(chats: Pair, wanted: Any, keys: set[str]) -> None:
    done = chats.same(
        lambda client: client.chat.completions.create(model="gpt-4o", messages=QUESTION, response_format=wanted)
    )
    assert set(json.loads(done.choices[0].message.content)) == keys
    assert chats.our_gateway.requests[-1].json["response_format"] == wanted


def test_parse_raises_the_sdk_s_own_error_on_a_reply_that_was_cut_short(chats: Pair) -> None:
    def case(client: Any) -> Any:
        with pytest.raises(openai.LengthFinishReasonError) as caught:
            client.chat.completions.parse(model="gpt-4o", messages=QUESTION, response_format=Joke, max_tokens=2)
        return caught.value.completion

    assert chats.same(case).choices[0].finish_reason == "length"


def test_parse_raises_pydantic_s_error_on_fenced_json(chats: Pair) -> None:
    chats.prepare(lambda gateway: gateway.script.set_style("gpt-4o", fenced=True))

    def case(client: Any) -> Any:
        with pytest.raises(ValidationError) as caught:
            client.chat.completions.parse(model="gpt-4o", messages=QUESTION, response_format=Joke)
        return str(caught.value)

    assert "Joke" in chats.same(case)


def test_responses_parse_returns_the_model(chats: Pair) -> None:
    done = chats.same(lambda client: client.responses.parse(model="gpt-4.1", input="a joke", text_format=Joke))
    assert type(done.output_parsed) is Joke
