"""Answers without a model: deterministic text that says it is simulated, tool calls and JSON that fit their schemas."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

from ..schema_fit import fit, free_object
from ..script import ScriptedReply, Style
from . import Json

_CHARS_PER_TOKEN = 4
_IMAGE_TOKENS = 85
_MESSAGE_TOKENS = 4
_ECHO = 120
_PIECES = re.compile(r"\s*\S{1,12}|\s+")
_THOUGHT = "Simulated reasoning: there is nothing to think about."
_NO_STYLE = Style()


def count(text: str) -> int:
    """Tokens by the local rule: one per four characters begun."""
    return -(-len(text) // _CHARS_PER_TOKEN)


def content_text(content: Any) -> str:
    """The text of a message's content, whether a string or parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(part.get("text") or "" for part in parts if isinstance(part, dict))


def prompt_tokens(body: Json) -> int:
    """What the local rule counts for the messages, images and tools of a chat body."""
    total = 0
    for message in body.get("messages") or ():
        content = message.get("content")
        total += _MESSAGE_TOKENS + count(content_text(content))
        if isinstance(content, list):
            total += _IMAGE_TOKENS * sum(part.get("type") not in ("text", None) for part in content)
    for offered in ("tools", "functions"):
        if body.get(offered):
            total += count(json.dumps(body[offered]))
    return total


class ScriptedBackend:
    """The default backend. Nothing in it is random, and nothing leaves the process."""

    label = "simulated"
    fingerprint = "local-simulated"

    async def start(self) -> None:
        """Nothing to get ready."""

    async def stop(self) -> None:
        """Nothing to let go of."""

    async def chat(self, body: Json) -> Json:
        """A whole answer."""
        return compose(body)

    async def stream(self, body: Json) -> AsyncIterator[Json]:
        """The same answer in pieces."""
        for chunk in split(compose(body)):
            yield chunk


def compose(body: Json, said: ScriptedReply | None = None, style: Style = _NO_STYLE) -> Json:
    """The answer to a chat body: its choices, and the tokens by the local rule."""
    choices = [_choice(body, index, said, style) for index in range(_count_of_choices(body))]
    prompt = prompt_tokens(body)
    completion = sum(_tokens_of(choice["message"]) for choice in choices)
    usage: Json = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    if style.details:
        reasoning = sum(count(choice["message"].get("reasoning_content") or "") for choice in choices)
        audio = _IMAGE_TOKENS * _count_of_sounds(body)
        usage["prompt_tokens_details"] = {"cached_tokens": (prompt - audio) // 2, "audio_tokens": audio}
        usage["completion_tokens_details"] = {"reasoning_tokens": reasoning}
    for choice in choices:
        _place_reasoning(choice["message"], style)
    return {"choices": choices, "usage": usage}


def split(completion: Json) -> Iterator[Json]:
    """A whole answer as chunks: word by word, the finish reasons after all content, the usage last."""
    for choice in completion["choices"]:
        for delta in _deltas(choice["message"]):
            yield {"choices": [{"index": choice["index"], "delta": delta, "finish_reason": None}]}
    for choice in completion["choices"]:
        yield {"choices": [{"index": choice["index"], "delta": {}, "finish_reason": choice["finish_reason"]}]}
    yield {"choices": [], "usage": completion["usage"]}


def _count_of_choices(body: Json) -> int:
    wanted = body.get("n")
    return wanted if isinstance(wanted, int) and 1 <= wanted <= 128 else 1


def _count_of_sounds(body: Json) -> int:
    contents = [message.get("content") for message in body.get("messages") or ()]
    parts = [part for content in contents if isinstance(content, list) for part in content]
    return sum(part.get("type") == "input_audio" for part in parts if isinstance(part, dict))


def _choice(body: Json, index: int, said: ScriptedReply | None, style: Style) -> Json:
    message: Json = {"role": "assistant", "content": None}
    finish = "stop"
    calls = list(said.tool_calls) if said else []
    asked = _asked_tool(body) if said is None else None
    if asked:
        calls = [{"name": asked["name"], "arguments": fit(asked.get("parameters") or {}, _last_user(body))}]
    if calls and style.tool_prose:
        # "tool calls that come back as prose" is one of the things that the gateway's users run into.
        message["content"] = "\n".join(f"I would call {call['name']}({_arguments(call)})." for call in calls)
    elif calls and "functions" in body:
        message["function_call"] = {"name": calls[0]["name"], "arguments": _arguments(calls[0])}
        finish = "function_call"
    elif calls:
        message["tool_calls"] = [
            {
                "id": call.get("id") or f"call_local_{index}_{number}",
                "type": "function",
                "function": {"name": call["name"], "arguments": _arguments(call)},
            }
            for number, call in enumerate(calls)
        ]
        finish = "tool_calls"
        message["content"] = said.text if said else None
    else:
        text = said.text if said and said.text is not None else _own_words(body, index)
        if style.fenced and body.get("response_format"):
            text = f"```json\n{text}\n```"
        message["content"], finish = _shortened(text, body)
    reasoning = said.reasoning if said else None
    if reasoning or style.reasoning:
        message["reasoning_content"] = reasoning or _THOUGHT
    return {"index": index, "message": message, "finish_reason": (said and said.finish_reason) or finish}


def _arguments(call: Any) -> str:
    arguments = call.get("arguments") or {}
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def _place_reasoning(message: Json, style: Style) -> None:
    if style.reasoning == "reasoning" and "reasoning_content" in message:
        message["reasoning"] = message.pop("reasoning_content")
    elif style.reasoning == "think" and "reasoning_content" in message:
        message["content"] = f"<think>{message.pop('reasoning_content')}</think>{message['content'] or ''}"


def _asked_tool(body: Json) -> Json | None:
    """The one tool to call now, if any: the named or the first one."""
    if body.get("functions"):
        tools, choice = body["functions"], body.get("function_call")
    else:
        tools = [tool.get("function", tool) for tool in body.get("tools") or ()]
        choice = body.get("tool_choice")
    if not tools or choice == "none":
        return None
    if isinstance(choice, dict):
        wanted = (choice.get("function") or choice).get("name")
        return dict(next((tool for tool in tools if tool.get("name") == wanted), tools[0]))
    if choice in ("required", "any"):
        return dict(tools[0])
    # Free to choose, the backend calls once for each thing the user says: an agent's loop comes to an end.
    for message in reversed(body.get("messages") or ()):
        if message.get("role") in ("tool", "function"):
            return None
        if message.get("role") == "user":
            break
    return dict(tools[0])


def _last_user(body: Json) -> str:
    messages = body.get("messages") or ()
    return next((content_text(m.get("content")) for m in reversed(messages) if m.get("role") == "user"), "")


def _own_words(body: Json, index: int) -> str:
    prompt = _last_user(body)
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        schema = (wanted.get("json_schema") or {}).get("schema") or {}
        return json.dumps(fit(schema, prompt), ensure_ascii=False)
    if wanted.get("type") == "json_object":
        return json.dumps(free_object(prompt), ensure_ascii=False)
    last = (body.get("messages") or [{}])[-1]
    if last.get("role") in ("tool", "function"):
        heard = f"the tool said {_echo(content_text(last.get('content')))}"
    else:
        heard = f"you said {_echo(prompt)}"
    number = f" (choice {index + 1})" if index else ""
    return f"Simulated reply from {body.get('model')}{number}: {heard}"


def _echo(text: str) -> str:
    return text if len(text) <= _ECHO else f"{text[:_ECHO]}…"


def _shortened(text: str, body: Json) -> tuple[str, str]:
    stops = body.get("stop") or ()
    for stop in [stops] if isinstance(stops, str) else stops:
        if stop:
            text = text.partition(stop)[0]
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    if isinstance(limit, int) and limit > 0 and count(text) > limit:
        return text[: limit * _CHARS_PER_TOKEN], "length"
    return text, "stop"


def _tokens_of(message: Json) -> int:
    calls = [call["function"] for call in message.get("tool_calls") or ()]
    calls += [message["function_call"]] if message.get("function_call") else []
    said = sum(count(call["name"] + call["arguments"]) for call in calls)
    return said + count(message["content"] or "") + count(message.get("reasoning_content") or "")


def _deltas(message: Json) -> Iterator[Json]:
    for key in ("reasoning_content", "reasoning", "content"):
        for piece in _PIECES.findall(message.get(key) or ""):
            yield {key: piece}
    for number, call in enumerate(message.get("tool_calls") or ()):
        function = call["function"]
        opened = {"name": function["name"], "arguments": ""}
        yield {"tool_calls": [{"index": number, "id": call["id"], "type": "function", "function": opened}]}
        for piece in _PIECES.findall(function["arguments"]):
            yield {"tool_calls": [{"index": number, "function": {"arguments": piece}}]}
    if called := message.get("function_call"):
        yield {"function_call": {"name": called["name"], "arguments": ""}}
        for piece in _PIECES.findall(called["arguments"]):
            yield {"function_call": {"arguments": piece}}
