"""How large a request is: never under what tokenizers count, pictures and files by kind, any JSON."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisa_integrations.estimate import (
    IMAGE_TOKENS,
    TOOLS_TOKENS,
    PromptSize,
    estimate_output_tokens,
    estimate_prompt_tokens,
    estimate_text_tokens,
    measure_prompt,
)
from tests.routing.requests import TOOL, chat, gemini, gemini_seeing, seeing

# Texts, and the most tokens that any of four public tokenizers makes of each: cl100k and o200k (OpenAI), the one that
# Anthropic published, and DeepSeek's, without special tokens.
COUNTED: dict[str, tuple[str, int]] = json.loads((Path(__file__).parent / "tokens.json").read_text(encoding="utf-8"))

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(("text", "counted"), COUNTED.values(), ids=COUNTED)
def test_a_text_is_never_estimated_under_what_tokenizers_count(text, counted):
    assert counted <= estimate_text_tokens(text) <= 3.5 * counted


def test_no_text_is_no_tokens_and_a_lone_surrogate_is_no_error():
    assert estimate_text_tokens("") == 0
    assert estimate_text_tokens("\ud83d") > 0


@given(st.text(), st.text())
def test_a_longer_text_is_never_smaller(text, more):
    assert estimate_text_tokens(text + more) >= estimate_text_tokens(text)


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_a_message_more_costs_what_templates_put_around_it(texts):
    messages = [{"role": "user", "content": text} for text in texts]
    sizes = [estimate_prompt_tokens({"messages": messages[:count]}) for count in range(len(messages) + 1)]
    for text, before, after in zip(texts, sizes, sizes[1:], strict=False):
        assert after - before >= estimate_text_tokens(text) + 4


def test_both_surfaces_count_the_text_of_system_tools_and_schemas():
    long = "word " * 400
    for body in (
        {"messages": [{"role": "system", "content": long}]},
        chat(tools=[{"type": "function", "function": {"name": "f", "description": long}}]),
        chat(response_format={"type": "json_schema", "json_schema": {"schema": {"description": long}}}),
        gemini(systemInstruction={"parts": [{"text": long}]}),
        gemini(generationConfig={"responseSchema": {"description": long}}),
        {"input": long},
    ):
        assert estimate_prompt_tokens(body) >= estimate_text_tokens(long)


def test_tools_bring_a_prompt_of_their_own():
    assert estimate_prompt_tokens(chat(tools=[TOOL])) - estimate_prompt_tokens(chat()) >= TOOLS_TOKENS
    assert estimate_prompt_tokens(chat(tools=[])) < estimate_prompt_tokens(chat()) + 10


@pytest.mark.parametrize(
    "body",
    [
        seeing(),
        gemini_seeing(),
        chat("Look", picture={"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}}),
        {"messages": [{"content": [{"type": "image", "source": {"type": "base64", "data": "QUJD" * 5000}}]}]},
        {"input": [{"content": [{"type": "input_image", "image_url": "data:image/png;base64," + "QUJD" * 5000}]}]},
        {"contents": [{"parts": [{"file_data": {"mime_type": "image/png", "file_uri": "https://example.org/x"}}]}]},
    ],
)
def test_a_picture_counts_a_constant_whatever_its_bytes(body):
    size = measure_prompt(body)
    assert (size.images, size.files) == (1, 0)
    assert IMAGE_TOKENS <= size.tokens < IMAGE_TOKENS + 300


@pytest.mark.parametrize(
    ("part", "least"),
    [
        ({"type": "input_audio", "input_audio": {"data": "QUJD" * 200_000, "format": "mp3"}}, 10_000),
        ({"type": "file", "file": {"file_data": "data:application/pdf;base64," + "QUJD" * 30_000}}, 40_000),
        ({"type": "file", "file": {"file_id": "file-1"}}, IMAGE_TOKENS),
        ({"inlineData": {"mimeType": "video/mp4", "data": "QUJD" * 200_000}}, 10_000),
        ({"fileData": {"mimeType": "application/pdf", "fileUri": "https://example.org/x.pdf"}}, IMAGE_TOKENS),
    ],
)
def test_a_file_counts_by_its_length_and_at_least_as_a_picture(part, least):
    size = measure_prompt({"messages": [{"content": [part]}]})
    assert (size.images, size.files) == (0, 1)
    assert least <= size.tokens < 1.1 * least + 300


def test_a_document_of_plain_text_is_text():
    text = "word " * 4000
    part = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": text}}
    size = measure_prompt({"messages": [{"content": [part]}]})
    assert size.files == 0
    assert size.tokens >= estimate_text_tokens(text)


def test_a_schema_that_speaks_of_pictures_holds_none():
    properties = {"type": {"enum": ["image_url", "file"]}, "image_url": {"type": "string"}, "file": {"type": "string"}}
    parameters = {"type": "object", "properties": properties}
    size = measure_prompt(chat(tools=[{"type": "function", "function": {"name": "f", "parameters": parameters}}]))
    assert (size.images, size.files) == (0, 0)


def test_the_name_of_the_model_makes_no_difference():
    assert measure_prompt(chat(model="gpt-4o", models=["a", "b"])) == measure_prompt(chat())


def test_deep_nesting_is_measured_and_no_recursion():
    deep: Any = "end"
    for _ in range(100_000):
        deep = [deep]
    assert measure_prompt({"messages": deep}).tokens > 0


@given(st.dictionaries(st.text(), json_values, max_size=5))
def test_any_json_has_a_size(body):
    size = measure_prompt(body)
    assert isinstance(size, PromptSize)
    assert size.tokens > 0
    assert (estimate_output_tokens(body) or 1) > 0


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        (chat(), None),
        (chat(max_tokens=None), None),
        (chat(max_tokens=0), None),
        (chat(max_tokens=True), None),
        (chat(max_tokens="9"), None),
        (chat(max_tokens=100), 100),
        (chat(max_tokens=100.0), 100),
        (chat(max_tokens=100.5), None),
        (chat(max_tokens=float("inf")), None),
        (chat(max_completion_tokens=200), 200),
        (chat(max_tokens=100, max_completion_tokens=200), 200),
        (chat(max_tokens=100, n=3), 300),
        (chat(max_tokens=100, thinking_budget=1000), 1100),
        ({"input": "x", "max_output_tokens": 50}, 50),
        (gemini(generationConfig={"maxOutputTokens": 60}), 60),
        (gemini(generationConfig={"maxOutputTokens": 60, "candidateCount": 2}), 120),
        (gemini(generationConfig={}), None),
    ],
)
def test_the_limit_of_the_answer(body, tokens):
    assert estimate_output_tokens(body) == tokens
