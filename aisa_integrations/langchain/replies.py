"""From the wire to langchain's values: one parser for whole replies, one for the events of a stream. Pure.

Nothing that the gateway says is dropped: what is not known here is kept, of a message in `additional_kwargs`, of a
reply in `response_metadata`.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from langchain_core.messages import AIMessage, AIMessageChunk, InvalidToolCall, ToolCall
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import invalid_tool_call, tool_call, tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from ..gateway_client import Reply
from ..gateway_client.continuation import SEAM
from ..gateway_client.text import first_choice
from ..usage import Exchange
from .accounts import call_record, usage_metadata
from .content import PROVIDER
from .gathering import gather
from .thinking import ThoughtSplitter, split_thought

Json = dict[str, Any]

_OF_AN_EVENT: Final = frozenset({"choices", "usage", "object", "error", SEAM})
_OF_A_REPLY: Final = _OF_AN_EVENT | {"model"}
_OF_A_CHOICE: Final = frozenset({"index", "message", "delta", "finish_reason"})
_OF_A_MESSAGE: Final = frozenset({"role", "content", "reasoning_content", "reasoning", "tool_calls"})


# ---- a whole reply --------------------------------------------------------------------------------------------------


def chat_result(reply: Reply) -> ChatResult:
    """Return a reply as langchain's result, a generation for each choice; what it cost is told on the first."""
    told, exchanges = reply.get("usage"), (reply.exchange,)
    model = reply.get("model") or reply.exchange.served_by
    about_call = {**_rest(reply, _OF_A_REPLY), "token_usage": told, **call_record(exchanges)}
    counted = usage_metadata(exchanges, told)
    generations: list[ChatGeneration] = []
    for choice in sorted(_dicts(reply.get("choices")), key=_index_of):
        metadata = {
            "model_provider": PROVIDER,
            "model_name": model,
            "finish_reason": choice.get("finish_reason"),
            **_rest(choice, _OF_A_CHOICE),
            **about_call,
        }
        generations.append(ChatGeneration(message=_message(choice, metadata, counted)))
        about_call, counted = {}, None
    return ChatResult(generations=generations, llm_output={"token_usage": told, "model_name": model})


def _message(choice: Json, metadata: Json, counted: UsageMetadata | None) -> AIMessage:
    message = choice.get("message")
    said = message if isinstance(message, dict) else {}
    thought, content = _thought(said), said.get("content")
    if isinstance(content, str):
        within, content = split_thought(content)
        thought = (thought or "") + within
    extra = _rest(said, _OF_A_MESSAGE)
    if thought:
        extra["reasoning_content"] = thought
    calls, invalid = _tool_calls(_dicts(said.get("tool_calls")))
    return AIMessage(
        content=content if isinstance(content, str | list) else "",
        additional_kwargs=extra,
        response_metadata=metadata,
        tool_calls=calls,
        invalid_tool_calls=invalid,
        usage_metadata=counted,
    )


def _thought(said: Json) -> str | None:
    fields = (said.get("reasoning_content"), said.get("reasoning"))
    return next((field for field in fields if field and isinstance(field, str)), None)


def _tool_calls(told: Sequence[Json]) -> tuple[list[ToolCall], list[InvalidToolCall]]:
    calls, invalid = [], []
    for call in told:
        function = _function(call)
        name, arguments = function.get("name") or "", function.get("arguments") or "{}"
        identity, why = call.get("id") or _new_id(), "arguments that are no object"
        try:
            parsed = json.loads(arguments, strict=False) if isinstance(arguments, str) else arguments
        except ValueError as error:
            parsed, why = arguments, f"arguments that are no JSON: {error}"
        parsed = {} if parsed is None else parsed  # null, for a tool that takes none
        if isinstance(parsed, dict):
            calls.append(tool_call(name=name, args=parsed, id=identity))
        else:
            invalid.append(invalid_tool_call(name=name, args=str(arguments), id=identity, error=why))
    return calls, invalid


_NOTHING: Final = ("", "")


# ---- the events of a stream -----------------------------------------------------------------------------------------


class ChunkReader:
    """Turn the events of a stream into langchain's chunks. What must be said once is said on the last one.

    Args:
        tells_usage: whether the last chunk has the tokens in `usage_metadata`.
    """

    def __init__(self, *, tells_usage: bool = True) -> None:
        self._tells_usage = tells_usage
        self._splitter = ThoughtSplitter()
        self._calls = _CallFragments()
        self._finish_reason: str | None = None
        self._usage: object = None
        self._last: Mapping[str, Any] = {}
        self._of_message: Json = {}
        self._of_reply: Json = {}

    def read(self, event: Mapping[str, Any]) -> ChatGenerationChunk | None:
        """Return what an event adds to the answer, or None where it adds nothing."""
        # What is said of the whole is said again with every event, so the last of those that are alike will do.
        if event.keys() != self._last.keys():
            self._keep(self._last)
        self._last = event
        metadata: Json = {"model_provider": PROVIDER}
        held = _NOTHING
        if SEAM in event:
            metadata[SEAM] = [event[SEAM]]
            held, self._splitter = self._splitter.finish(), ThoughtSplitter()
        self._usage = event.get("usage") or self._usage
        choice = first_choice(event)
        return self._chunk(self._delta(choice, metadata) if choice else choice, metadata, *held)

    def _keep(self, event: Mapping[str, Any]) -> None:
        self._of_reply.update(_rest(event, _OF_AN_EVENT))

    def _delta(self, choice: Json, metadata: Json) -> Json:
        if (reason := choice.get("finish_reason")) is not None:
            self._finish_reason = reason
        if not choice.keys() <= _OF_A_CHOICE:
            for name in choice.keys() - _OF_A_CHOICE:
                if name != "logprobs":
                    gather(self._of_reply, name, choice[name])
                elif choice[name] is not None:
                    metadata[name] = choice[name]
        delta = choice.get("delta")
        return delta if isinstance(delta, dict) else {}

    def _chunk(self, delta: Json, metadata: Json, thought: str, text: str) -> ChatGenerationChunk | None:
        """Return a chunk of what an event adds, after the thought and the text that were held back before it."""
        content: Any = ""
        extra: Json = {}
        fragments: list[Any] = []
        for name, value in delta.items():
            if value is None or name == "role":
                continue
            if name == "content":
                content = value
            elif name in ("reasoning_content", "reasoning") and isinstance(value, str):
                extra["reasoning_content"] = value
            elif name == "tool_calls":
                fragments = self._calls.read(_dicts(value))
            elif name == "refusal":
                extra[name] = value
            else:
                gather(self._of_message, name, value)
        if content and not self._splitter.idle and isinstance(content, str):
            more, content = self._splitter.feed(content)
            thought += more
        if thought:
            extra["reasoning_content"] = thought + extra.get("reasoning_content", "")
        if text:
            content = text + content if isinstance(content, str) else [text, *content]
        if extra or fragments or not isinstance(content, str):
            return _generation(content, extra, metadata, tool_call_chunks=fragments)
        return _text_generation(content, metadata) if content or len(metadata) > 1 else None

    def finish(self, exchanges: Sequence[Exchange], usage: object = None) -> ChatGenerationChunk:
        """Return the last chunk: what was held back, how it ended, who served it, and what it cost.

        Args:
            exchanges: of the stream, which has ended.
            usage: as the gateway told it, where no event that was read held it.
        """
        thought, content = self._splitter.finish()
        extra = {**self._of_message, "reasoning_content": thought} if thought else self._of_message
        told = self._usage or usage
        self._keep(self._last)
        model = self._of_reply.pop("model", None)
        metadata = {
            **self._of_reply,
            "model_provider": PROVIDER,
            "model_name": model or (exchanges[-1].served_by if exchanges else None),
            "finish_reason": self._finish_reason,
            "token_usage": told,
            **(call_record(exchanges) if exchanges else {}),
        }
        counted = usage_metadata(exchanges, told) if self._tells_usage and exchanges else None
        return _generation(content, extra, metadata, usage_metadata=counted, chunk_position="last")


class _CallFragments:
    """Tell the fragments of tool calls apart, whatever a model leaves out or says again with each of them."""

    def __init__(self) -> None:
        self._ids: dict[int, str] = {}
        self._told: dict[tuple[object, str | None], int] = {}  # the index on the wire and the id, of each call
        self._open: dict[object, int] = {}  # by the index on the wire, the call that goes on there
        self._named: set[int] = set()

    def read(self, fragments: Sequence[Json]) -> list[Any]:
        """Return the fragments with an index each, and the id and the name on the first alone."""
        return [self._fragment(fragment) for fragment in fragments]

    def _fragment(self, fragment: Json) -> Any:
        function, told = _function(fragment), fragment.get("id") or None
        index = self._index(fragment.get("index"), told, function)
        identity = name = None
        if index not in self._ids:
            identity = self._ids[index] = told or _new_id()
        if function.get("name") and index not in self._named:
            self._named.add(index)
            name = function["name"]
        arguments = function.get("arguments")
        if isinstance(arguments, dict):
            arguments = json.dumps(arguments, ensure_ascii=False)
        return tool_call_chunk(
            name=name, args="" if arguments in (None, "null") else arguments, id=identity, index=index
        )

    def _index(self, wire: object, told: str | None, function: Json) -> int:
        """Return which call it is a fragment of: one that goes on, or the next."""
        counts = isinstance(wire, int) and not isinstance(wire, bool)
        wire = wire if counts else None
        known = self._told.get((wire, told)) if told else None
        if known is None and (begun := self._open.get(wire)) is not None:
            if counts:
                # Of some models all calls have index 0: another id with a name of its own begins the next one.
                goes_on = not (told and function.get("name") and (wire, None) not in self._told)
            else:
                goes_on = not (told or function.get("name"))
            known = begun if goes_on else None
        if known is None:
            free = max(self._ids, default=-1) + 1
            known = wire if isinstance(wire, int) and wire not in self._ids else free
            self._told[wire, told] = known
        self._open[wire] = known
        return known


# ---- what both share ------------------------------------------------------------------------------------------------


def _generation(content: Any, extra: Json, metadata: Json, **fields: Any) -> ChatGenerationChunk:
    message = AIMessageChunk(content=content, additional_kwargs=extra, response_metadata=metadata, **fields)
    return ChatGenerationChunk(message=message)


_MESSAGE: Final = AIMessageChunk(content="")
_GENERATION: Final = ChatGenerationChunk(message=_MESSAGE)


def _text_generation(text: str, metadata: Json) -> ChatGenerationChunk:
    """Return the same of a text alone: nearly every chunk is one, and a copy takes two thirds of the time."""
    fresh: Json = {"additional_kwargs": {}, "tool_calls": [], "invalid_tool_calls": [], "tool_call_chunks": []}
    message = _MESSAGE.model_copy(update={**fresh, "content": text, "response_metadata": metadata})
    return _GENERATION.model_copy(update={"message": message, "text": text})


def _rest(told: Mapping[str, Any], known: frozenset[str]) -> Json:
    return {name: value for name, value in told.items() if name not in known and value is not None}


def _dicts(value: object) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _function(call: Json) -> Json:
    function = call.get("function")
    return function if isinstance(function, dict) else {}


def _index_of(choice: Json) -> int:
    index = choice.get("index")
    return index if isinstance(index, int) else 0


def _new_id() -> str:
    return f"call_{uuid.uuid4().hex}"
