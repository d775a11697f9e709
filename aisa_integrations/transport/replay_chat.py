"""Chat completions: chunks to one completion, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from .merging import NotExact, append_items, append_text, index_of, items, keep_first, keep_last, keep_only, keep_same
from .merging import members as members_of

Json = dict[str, Any]
Keep = Callable[[Json, str, Any], None]

_SHELL: Final = ("id", "created", "model", "system_fingerprint", "service_tier")
_TEXTS: Final = ("reasoning_content", "reasoning", "content", "refusal")
_IN_PIECES: Final = (*_TEXTS, "tool_calls", "function_call")
_INSTEAD_OF_TEXT: Final = ("tool_calls", "function_call", "refusal")
_WITH_LOGPROBS: Final = {"content", "refusal"}
# OpenAI pads its chunks with noise of this name, so that their length tells nothing of what is in them.
_NOISE: Final = "obfuscation"


def assemble(chunks: list[Json], *, finished: bool = True) -> Json:
    """Return the completion that a complete stream of chunks amounts to.

    Args:
        chunks: its events, in order.
        finished: whether each choice must say why it ended, as one that is to be given again must.

    Raises:
        NotExact: it can't be said what they amount to.
    """
    whole: Json = {"object": "chat.completion"}
    choices: dict[int, _Choice] = {}
    for chunk in chunks:
        for name, value in members_of(chunk).items():
            if name == "choices":
                for piece in map(members_of, items(value)):
                    index = index_of(piece)
                    choices.setdefault(index, _Choice(index)).add(piece)
            elif name not in ("object", _NOISE):
                _top_level(name)(whole, name, value)
    if not choices or whole.get("error"):
        raise NotExact
    if whole.get("usage") is None:
        whole.pop("usage", None)
    whole["choices"] = [choices[index].whole(finished=finished) for index in sorted(choices)]
    return whole


def _top_level(name: str) -> Keep:
    if name in _SHELL:
        return keep_first
    return keep_last if name == "usage" else keep_same


class _Choice:
    """One choice, as it grows."""

    def __init__(self, index: int) -> None:
        self._choice: Json = {"index": index}
        self._message: Json = {}
        self._calls: dict[int, Json] = {}

    def add(self, piece: Json) -> None:
        for name, value in piece.items():
            if name == "delta":
                self._add_delta(members_of(value))
            elif name == "logprobs":
                self._add_logprobs(value)
            elif name == "message":
                raise NotExact
            elif name == "finish_reason":
                # Some send an empty one until there is one.
                keep_same(self._choice, name, value or None)
            elif name != "index":
                keep_same(self._choice, name, value)

    def whole(self, *, finished: bool) -> Json:
        if finished and self._choice.get("finish_reason") in (None, "error"):
            raise NotExact
        message = {"role": "assistant", "content": None, **self._message}
        if self._calls:
            message["tool_calls"] = [self._calls[index] for index in sorted(self._calls)]
        if message["content"] == "" and any(message.get(name) for name in _INSTEAD_OF_TEXT):
            # The empty text that most streams begin with; a plain reply with tool calls has null.
            message["content"] = None
        return {**self._choice, "message": message}

    def _add_delta(self, delta: Json) -> None:
        for name, value in delta.items():
            if name == "tool_calls":
                for call in items(value):
                    self._add_call(members_of(call))
                self._message.setdefault(name, value)
            elif name == "function_call":
                self._message[name] = _with_function(self._message.get(name), value)
            elif name == "audio" and value is not None:
                # Its pieces are base64 of their own, and can't be put together as text.
                raise NotExact
            elif name == "role":
                keep_first(self._message, name, value or None)
            else:
                (append_text if name in _TEXTS else keep_only)(self._message, name, value)

    def _add_call(self, piece: Json) -> None:
        index = piece.get("index")
        if isinstance(index, bool) or not isinstance(index, int):
            raise NotExact
        call = self._calls.setdefault(index, {})
        for name, value in piece.items():
            if name == "function":
                call[name] = _with_function(call.get(name), value)
            elif name in ("id", "type"):
                keep_same(call, name, None if value == "" else value)
            elif name != "index":
                keep_only(call, name, value)

    def _add_logprobs(self, piece: Any) -> None:
        if piece is None:
            self._choice.setdefault("logprobs", None)
            return
        whole = dict(members_of(self._choice.get("logprobs")))
        for name, value in members_of(piece).items():
            append_items(whole, name, value)
        self._choice["logprobs"] = whole


def _with_function(known: Any, piece: Any) -> Any:
    if piece is None:
        return known
    function = dict(members_of(known))
    for name, value in members_of(piece).items():
        if name == "arguments":
            append_text(function, name, value)
        else:
            # Some name the function again with every piece, some with an empty text; the name itself comes whole.
            keep_same(function, name, None if name == "name" and value == "" else value)
    return function


def as_events(reply: Json, include_usage: bool) -> list[Json]:
    """Return the chunks of a completion: role, content, finish; usage in a chunk of its own where it was asked for."""
    shell = {name: reply[name] for name in _SHELL if name in reply} | {"object": "chat.completion.chunk"}
    said_once = {name: value for name, value in reply.items() if name not in shell and name not in ("choices", "usage")}
    chunks: list[Json] = []
    for position, choice in enumerate(reply["choices"]):
        index = choice.get("index")
        pieces = _pieces(choice, position if index is None else index)
        chunks += [{**shell, "choices": [piece]} for piece in pieces]
    if chunks:
        chunks[0] = {**said_once, **chunks[0]}
    if include_usage and isinstance(reply.get("usage"), dict):
        chunks.append({**shell, "choices": [], "usage": reply["usage"]})
    return chunks


def _pieces(choice: Json, index: int) -> Iterator[Json]:
    message: Json = choice.get("message") or {}
    shell: Json = {"index": index, "finish_reason": None}
    left = {name: value for name, value in choice.items() if name not in ("index", "message")}
    if "logprobs" in choice:
        shell["logprobs"] = None
    yield {**shell, "delta": dict(_at_first(message))}
    for delta in _deltas(message):
        # All of them at once on the text they are of: which belongs to which piece is known by their number alone.
        told = {"logprobs": left.pop("logprobs")} if left.get("logprobs") and delta.keys() & _WITH_LOGPROBS else {}
        yield {**shell, "delta": delta, **told}
    yield {**shell, "delta": {}, **left}


def _at_first(message: Json) -> Iterator[tuple[str, Any]]:
    """Yield what the first chunk says of a message: all but the texts and calls that are yet to come."""
    for name, value in message.items():
        if name == "content" and value:
            yield name, ""
        elif not (value and name in _IN_PIECES):
            yield name, value


def _deltas(message: Json) -> Iterator[Json]:
    for name in _TEXTS:
        if message.get(name):
            yield {name: message[name]}
    for index, call in enumerate(message.get("tool_calls") or ()):
        yield {"tool_calls": [{**call, "index": index}]}
    if message.get("function_call"):
        yield {"function_call": message["function_call"]}
