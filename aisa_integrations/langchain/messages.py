"""langchain's messages as the gateway takes them: the OpenAI shape, with every block in a form that it has. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from ..errors import ConfigurationError
from .parts import content_parts, is_text, text_of

Json = dict[str, Any]


def wire_messages(messages: Sequence[BaseMessage]) -> list[Json]:
    """Return messages as the gateway takes them.

    Raises:
        ConfigurationError: a message or a block that the chat surface has no form for.
    """
    written: list[Json] = []
    shown: list[Json] = []  # what tools showed: it goes after the last of their messages, which stand together
    for message in messages:
        if shown and not isinstance(message, ToolMessage):
            written.append({"role": "user", "content": shown})
            shown = []
        if isinstance(message, AIMessage):
            written.append(_assistant(message))
        elif isinstance(message, ToolMessage):
            text, attached = _tool_content(message)
            written.append({"role": "tool", "tool_call_id": message.tool_call_id, "content": text})
            shown += attached
        else:
            written += _plain(message)
    if shown:
        written.append({"role": "user", "content": shown})
    return written


def _plain(message: BaseMessage) -> list[Json]:
    content = message.content
    named = {"name": message.name} if message.name else {}
    if isinstance(content, str):
        return [{"role": _role(message), "content": content, **named}]
    # Anthropic's form has the results of tools among the blocks of a user's message.
    results = [block for block in content if isinstance(block, dict) and block.get("type") == "tool_result"]
    rest = [block for block in content if block not in results] if results else content
    answered = wire_messages([_tool_message(block) for block in results])
    if results and not rest:
        return answered
    return [*answered, {"role": _role(message), "content": content_parts(rest), **named}]


def _role(message: BaseMessage) -> str:
    if isinstance(message, HumanMessage):
        return "user"
    if isinstance(message, SystemMessage):
        # langchain's own mark of OpenAI's newer name for the role.
        return str(message.additional_kwargs.get("__openai_role__") or "system")
    if isinstance(message, FunctionMessage):
        return "function"
    if isinstance(message, ChatMessage):
        return message.role
    raise ConfigurationError(f"A {type(message).__name__} is nothing that a model can be sent.")


def _tool_message(result: Json) -> ToolMessage:
    content = result.get("content")
    return ToolMessage("" if content is None else content, tool_call_id=str(result.get("tool_use_id")))


def _tool_content(message: ToolMessage) -> tuple[str, list[Json]]:
    """Return a tool's text, and what else it gave: from a tool the wire takes text alone, the rest from a user."""
    content = message.content
    if isinstance(content, str):
        return content, []
    if all(is_text(block) for block in content):
        return "\n".join(text_of(block) for block in content), []
    parts = content_parts(content)
    texts = [part["text"] for part in parts if part["type"] == "text"]
    attached = [part for part in parts if part["type"] != "text"]
    about = {"type": "text", "text": f"What the tool call {message.tool_call_id} returned:"}
    return "\n".join(texts) or "See what is attached to the next message.", [about, *attached]


def _assistant(message: AIMessage) -> Json:
    calls = _tool_calls(message)
    text = message.content if isinstance(message.content, str) else _text(message.content)
    written: Json = {"role": "assistant", "content": text or None if calls else text}
    if message.name:
        written["name"] = message.name
    if calls:
        written["tool_calls"] = calls
    extra = message.additional_kwargs
    if not calls and extra.get("function_call"):
        written.update(content=text or None, function_call=extra["function_call"])
    if refusal := extra.get("refusal") or _refusal(message.content):
        written["refusal"] = refusal
    audio = extra.get("audio")
    if isinstance(audio, dict) and "id" in audio:
        written["audio"] = {"id": audio["id"]}
    return written


def _text(content: Iterable[Any]) -> str:
    """Return the text among the blocks: reasoning is not sent back, and tool calls have a field of their own."""
    return "".join(text_of(block) for block in content if is_text(block))


def _refusal(content: Any) -> str | None:
    blocks = content if isinstance(content, list) else ()
    said = (block.get("refusal") for block in blocks if isinstance(block, dict) and block.get("type") == "refusal")
    return next(said, None)


def _tool_calls(message: AIMessage) -> list[Json]:
    """Return every tool call of a message, those with arguments that were no JSON too: a result may follow them."""
    calls = [_call(call["id"], call["name"], call["args"]) for call in message.tool_calls]
    calls += [_call(call["id"], call["name"], call["args"] or "") for call in message.invalid_tool_calls]
    if not calls and isinstance(raw := message.additional_kwargs.get("tool_calls"), list):
        calls = list(raw)
    if isinstance(message.content, list):
        known = {call["id"] for call in calls}
        calls += [call for block in message.content if (call := _call_of(block)) and call["id"] not in known]
    return calls


def _call_of(block: Any) -> Json | None:
    kind = block.get("type") if isinstance(block, dict) else None
    if kind in ("tool_call", "invalid_tool_call"):
        return _call(block.get("id"), block["name"], block.get("args") or {})
    return _call(block.get("id"), block["name"], block.get("input") or {}) if kind == "tool_use" else None


def _call(identity: str | None, name: str | None, arguments: Any) -> Json:
    written = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": written}}
