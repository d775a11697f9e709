"""langchain's messages as they go out: every kind and block in a form that the chat surface has, or an error."""

import warnings
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from aisa_integrations import ChatAisa, ConfigurationError
from aisa_integrations.local import LocalGateway

CALL: Any = {"name": "add", "args": {"a": 1}, "id": "c1", "type": "tool_call"}
TEXT: Any = {"type": "text", "text": "Well"}
WIRE_CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
ASKED = HumanMessage("Hello")
WIRE_ASKED = {"role": "user", "content": "Hello"}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def sent(chat: ChatAisa, gateway: LocalGateway, messages: list[Any]) -> list[dict[str, Any]]:
    chat.invoke(messages)
    found: list[dict[str, Any]] = gateway.requests[-1].json["messages"]
    return found


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (SystemMessage("Be brief."), {"role": "system", "content": "Be brief."}),
        (
            SystemMessage("Be brief.", additional_kwargs={"__openai_role__": "developer"}),
            {"role": "developer", "content": "Be brief."},
        ),
        (HumanMessage("Hi", name="ann"), {"role": "user", "content": "Hi", "name": "ann"}),
        (HumanMessage(["Hi", {"type": "text", "text": "there"}]), {
            "role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "there"}],
        }),
        (ChatMessage(content="Hi", role="user"), {"role": "user", "content": "Hi"}),
        (FunctionMessage(content="3", name="add"), {"role": "function", "content": "3", "name": "add"}),
        (AIMessage("Hi"), {"role": "assistant", "content": "Hi"}),
        (AIMessage(""), {"role": "assistant", "content": ""}),
        (AIMessage("", tool_calls=[CALL]), {"role": "assistant", "content": None, "tool_calls": [WIRE_CALL]}),
        (AIMessage("Well", tool_calls=[CALL]), {"role": "assistant", "content": "Well", "tool_calls": [WIRE_CALL]}),
        # Reasoning and tool calls among the blocks: the first is not told again, the second has a field of its own.
        (
            AIMessage(content_blocks=[{"type": "reasoning", "reasoning": "Hm"}, TEXT, CALL]),
            {"role": "assistant", "content": "Well", "tool_calls": [WIRE_CALL]},
        ),
        (
            AIMessage([{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "A"}, "B"]),
            {"role": "assistant", "content": "AB"},
        ),
        (
            AIMessage([{"type": "tool_use", "id": "c1", "name": "add", "input": {"a": 1}}]),
            {"role": "assistant", "content": None, "tool_calls": [WIRE_CALL]},
        ),
        # Dropped, it would leave the tool's message after it an orphan.
        (
            AIMessage("", invalid_tool_calls=[{"name": "add", "args": "{a", "id": "c1", "error": "no JSON"}]),
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{**WIRE_CALL, "function": {"name": "add", "arguments": "{a"}}],
            },
        ),
        (
            AIMessage("", additional_kwargs={"function_call": {"name": "add", "arguments": "{}"}}),
            {"role": "assistant", "content": None, "function_call": {"name": "add", "arguments": "{}"}},
        ),
        (
            AIMessage("", additional_kwargs={"refusal": "No."}),
            {"role": "assistant", "content": "", "refusal": "No."},
        ),
        (
            AIMessage([{"type": "refusal", "refusal": "No."}]),
            {"role": "assistant", "content": "", "refusal": "No."},
        ),
        (
            AIMessage("", additional_kwargs={"audio": {"id": "a1", "data": "AAAA"}}),
            {"role": "assistant", "content": "", "audio": {"id": "a1"}},
        ),
    ],
)  # fmt: skip
def test_a_message(chat: ChatAisa, gateway: LocalGateway, message: Any, expected: dict[str, Any]) -> None:
    assert sent(chat, gateway, [message, ASKED]) == [expected, WIRE_ASKED]


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "image_url", "image_url": {"url": "https://x.example/a.png", "detail": "low"}},
         {"type": "image_url", "image_url": {"url": "https://x.example/a.png", "detail": "low"}}),
        ({"type": "image_url", "image_url": "https://x.example/a.png"},
         {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}),
        ({"type": "image", "url": "https://x.example/a.png"},
         {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}),
        ({"type": "image", "base64": "AAAA", "mime_type": "image/png"}, IMAGE),
        ({"type": "image", "source_type": "base64", "data": "AAAA", "mime_type": "image/png"}, IMAGE),
        ({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}, IMAGE),
        ({"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}},
         {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}),
        ({"type": "file", "base64": "AAAA", "mime_type": "application/pdf"},
         {"type": "file", "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,AAAA"}}),
        ({"type": "file", "base64": "AAAA", "mime_type": "application/pdf", "extras": {"filename": "a.pdf"}},
         {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}}),
        ({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}},
         {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}}),
        ({"type": "file", "file_id": "f1"}, {"type": "file", "file": {"file_id": "f1"}}),
        ({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}},
         {"type": "file", "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,AAAA"}}),
        ({"type": "audio", "base64": "AAAA", "mime_type": "audio/mpeg"},
         {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}}),
        ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
         {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}),
        ({"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}},
         {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}),
        ({"type": "text-plain", "text": "Hi", "mime_type": "text/plain"}, {"type": "text", "text": "Hi"}),
        ({"type": "non_standard", "value": {"type": "video_url", "video_url": {"url": "https://x.example/v"}}},
         {"type": "video_url", "video_url": {"url": "https://x.example/v"}}),
    ],
)  # fmt: skip
def test_a_block(chat: ChatAisa, gateway: LocalGateway, block: dict[str, Any], part: dict[str, Any]) -> None:
    (message,) = sent(chat, gateway, [HumanMessage([{"type": "text", "text": "See:"}, block])])
    assert message == {"role": "user", "content": [{"type": "text", "text": "See:"}, part]}


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"type": "video", "url": "https://x.example/v.mp4"}, "type 'video' has no form on the chat surface"),
        ({"type": "file", "url": "https://x.example/a.pdf"}, "takes no URL of a file: fetch it"),
        ({"type": "audio", "url": "https://x.example/a.wav"}, "takes audio as base64 alone"),
        ({"type": "file", "base64": "AAAA"}, "needs base64 with its mime_type"),
        ({"type": "hologram"}, "type 'hologram' has no form"),
    ],
)
def test_a_block_that_the_wire_has_no_form_for(
    chat: ChatAisa, gateway: LocalGateway, block: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        chat.invoke([HumanMessage([block])])
    assert not gateway.requests


def test_no_message_at_all(chat: ChatAisa, gateway: LocalGateway) -> None:
    with pytest.raises(ConfigurationError, match="there is no message"):
        chat.invoke([])
    assert not gateway.requests


def test_a_message_that_says_nothing_to_a_model(chat: ChatAisa) -> None:
    with pytest.raises(ConfigurationError, match="A RemoveMessage is nothing"):
        chat.invoke([RemoveMessage("1"), ASKED])


def test_a_tools_answer_goes_without_its_name(chat: ChatAisa, gateway: LocalGateway) -> None:
    said = [ASKED, AIMessage("", tool_calls=[CALL]), ToolMessage("2", tool_call_id="c1", name="add")]
    assert sent(chat, gateway, said)[-1] == {"role": "tool", "tool_call_id": "c1", "content": "2"}


def test_what_tools_show_goes_after_the_last_of_them(chat: ChatAisa, gateway: LocalGateway) -> None:
    shown = ToolMessage([{"type": "text", "text": "a map"}, IMAGE], tool_call_id="c1")
    said = [ASKED, AIMessage("", tool_calls=[CALL, {**CALL, "id": "c2"}]), shown, ToolMessage("2", tool_call_id="c2")]
    *_, first, second, user = sent(chat, gateway, said)
    assert first == {"role": "tool", "tool_call_id": "c1", "content": "a map"}
    assert second == {"role": "tool", "tool_call_id": "c2", "content": "2"}
    assert user["role"] == "user"
    assert user["content"][0]["text"] == "What the tool call c1 returned:"
    assert user["content"][1] == IMAGE


def test_results_in_anthropics_form_become_messages_of_tools(chat: ChatAisa, gateway: LocalGateway) -> None:
    result = {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "2"}]}
    said = [ASKED, AIMessage("", tool_calls=[CALL]), HumanMessage([result, {"type": "text", "text": "And?"}])]
    *_, tool, user = sent(chat, gateway, said)
    assert tool == {"role": "tool", "tool_call_id": "c1", "content": "2"}
    assert user == {"role": "user", "content": [{"type": "text", "text": "And?"}]}


def test_an_answer_in_blocks_can_be_said_again(make_chat: Any, gateway: LocalGateway) -> None:
    chat = make_chat(output_version="v1")
    gateway.script.set_style("*", reasoning="reasoning_content")
    answer = chat.invoke("Hello")
    assert [block["type"] for block in answer.content] == ["reasoning", "text"]
    with warnings.catch_warnings(record=True) as warned:
        again = sent(chat, gateway, [ASKED, answer, HumanMessage("And?")])
    assert again[1] == {"role": "assistant", "content": answer.text}
    assert not warned
