"""The text of replies and events, in every form that a choice comes in."""

from typing import Any

import pytest

from aisa_integrations.gateway_client.text import event_text, first_choice, reply_text

FORMS: list[tuple[Any, str]] = [
    ({"content": "Hello"}, "Hello"),
    ({"content": ""}, ""),
    ({"content": None, "tool_calls": [{"id": "1"}]}, ""),
    ({"content": None, "refusal": "I can't."}, ""),
    ({"content": "4", "reasoning_content": "2 + 2", "reasoning": "2 + 2"}, "4"),
    ({"content": [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]}, "Hello"),
    ({"content": [{"type": "image_url", "image_url": {"url": "x"}}, "y", {"type": "text", "text": None}]}, ""),
    ({"content": {"text": "Hello"}}, ""),
    ({}, ""),
    (None, ""),
    ("Hello", ""),
]


@pytest.mark.parametrize(("message", "text"), FORMS, ids=str)
def test_content_alone_is_text(message: Any, text: str) -> None:
    assert reply_text({"choices": [{"index": 0, "message": message}]}) == text
    assert event_text({"choices": [{"delta": message}]}) == text


@pytest.mark.parametrize(
    "reply", [{}, {"choices": None}, {"choices": []}, {"choices": "x"}, {"choices": [None]}], ids=str
)
def test_a_reply_without_a_choice_has_no_text(reply: Any) -> None:
    assert first_choice(reply) == {}
    assert reply_text(reply) == event_text(reply) == ""


def test_the_first_choice_is_the_one_with_index_0() -> None:
    second = {"index": 1, "message": {"content": "no"}, "delta": {"content": "no"}}
    first = {"index": 0, "message": {"content": "yes"}, "delta": {"content": "yes"}}
    assert reply_text({"choices": [second, first]}) == event_text({"choices": [second, first]}) == "yes"
    assert reply_text({"choices": [second]}) == ""
