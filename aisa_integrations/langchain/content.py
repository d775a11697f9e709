"""langchain's standard content blocks from what a model of the gateway said. Pure, but for `register`.

langchain-core looks the translator up by `response_metadata["model_provider"]`. Those it has would lose reasoning,
which the gateway's models give in a field of its own.
"""

from __future__ import annotations

from typing import Any, Final, cast

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages import content as types
from langchain_core.messages.block_translators import register_translator

PROVIDER: Final = "aisa"
_STANDARD: Final = frozenset({*types.KNOWN_BLOCK_TYPES, "refusal"})


def content_blocks(message: AIMessage) -> list[types.ContentBlock]:
    """Return the blocks of a whole message: reasoning, text, tool calls, a refusal."""
    calls: list[Any] = [
        {"type": "tool_call", "name": call["name"], "args": call["args"], "id": call.get("id")}
        for call in message.tool_calls
    ]
    return _blocks(message, [*calls, *({**call, "type": "invalid_tool_call"} for call in message.invalid_tool_calls)])


def chunk_blocks(chunk: AIMessageChunk) -> list[types.ContentBlock]:
    """Return the blocks of a piece of a message, or of the pieces put together."""
    if chunk.chunk_position == "last" and chunk.tool_calls:
        return content_blocks(chunk)
    calls: list[Any] = []
    for call in chunk.tool_call_chunks:
        block = {"type": "tool_call_chunk", "id": call["id"], "name": call["name"], "args": call["args"]}
        # Told apart from the blocks of text, which langchain-core counts from 0 as well.
        calls.append(block if (index := call.get("index")) is None else {**block, "index": f"lc_tc_{index}"})
    return _blocks(chunk, calls)


def _blocks(message: AIMessage, calls: list[Any]) -> list[types.ContentBlock]:
    said = message.additional_kwargs
    blocks: list[Any] = []
    if isinstance(message.content, str):
        blocks += [{"type": "text", "text": message.content}] if message.content else []
    else:
        known = {call.get("id") for call in calls}
        parts = (_block(part) for part in message.content)
        blocks += [part for part in parts if not (part["type"] in _CALLS and part.get("id") in known)]
    # langchain-core's own events put it among the blocks of the content as well.
    if (reasoning := said.get("reasoning_content")) and not any(part["type"] == "reasoning" for part in blocks):
        blocks.insert(0, {"type": "reasoning", "reasoning": reasoning})
    blocks += calls
    if refusal := said.get("refusal"):
        blocks.append({"type": "refusal", "refusal": refusal})
    return cast("list[types.ContentBlock]", blocks)


_CALLS: Final = frozenset({"tool_call", "tool_call_chunk", "invalid_tool_call"})


def _block(part: Any) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if part.get("type") == "thinking":
        thought = part.get("thinking")
        texts = [piece.get("text", "") for piece in thought] if isinstance(thought, list) else [str(thought or "")]
        return {"type": "reasoning", "reasoning": "".join(texts)}
    return part if part.get("type") in _STANDARD else {"type": "non_standard", "value": part}


def register() -> None:
    """Have langchain-core use these for messages whose provider is the gateway."""
    register_translator(PROVIDER, content_blocks, chunk_blocks)
