"""Gemini's own surface: `:generateContent` and `:streamGenerateContent`, translated to chat and back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from .script import Style
from .sse import Encoding
from .surface import About, Frame, Json, Surface, WrongRequest, money

_FINISH = {"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY", "error": "OTHER"}
_MODES = {"ANY": "required", "NONE": "none", "AUTO": "auto"}
_SETTINGS = {
    "temperature": "temperature",
    "topP": "top_p",
    "maxOutputTokens": "max_tokens",
    "stopSequences": "stop",
    "candidateCount": "n",
    "seed": "seed",
    "presencePenalty": "presence_penalty",
    "frequencyPenalty": "frequency_penalty",
}


def to_chat(body: Json, model: str) -> Json:
    """A Gemini request as a chat body."""
    contents = body.get("contents")
    if isinstance(contents, (str, dict)):
        contents = [contents]
    if not contents:
        raise WrongRequest("missing_parameter", "Missing required parameter: 'contents'")
    messages: list[Json] = []
    if system := body.get("systemInstruction") or body.get("system_instruction"):
        messages.append({"role": "system", "content": _text(system)})
    for content in contents:
        messages.extend(_messages({"parts": [{"text": content}]} if isinstance(content, str) else content))
    chat: Json = {"model": model, "messages": messages}
    config = body.get("generationConfig") or body.get("generation_config") or {}
    chat.update({ours: config[theirs] for theirs, ours in _SETTINGS.items() if config.get(theirs) is not None})
    if config.get("responseMimeType") == "application/json":
        chat["response_format"] = _response_format(config)
    chat.update(_tools(body))
    return chat


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in _parts(content))


def _parts(content: Any) -> list[Json]:
    parts = content.get("parts") or []
    return [parts] if isinstance(parts, dict) else parts


def _messages(content: Json) -> Iterator[Json]:
    role = "assistant" if content.get("role") == "model" else "user"
    said: list[Json] = []
    calls: list[Json] = []
    for part in _parts(content):
        if "functionResponse" in part:
            reply = part["functionResponse"]
            text = json.dumps(reply.get("response", {}), ensure_ascii=False)
            yield {"role": "tool", "tool_call_id": reply.get("id") or reply.get("name"), "content": text}
        elif "functionCall" in part:
            call = part["functionCall"]
            function = {"name": call["name"], "arguments": json.dumps(call.get("args", {}), ensure_ascii=False)}
            calls.append({"id": call.get("id") or call["name"], "type": "function", "function": function})
        elif "inlineData" in part:
            data = part["inlineData"]
            url = f"data:{data.get('mimeType')};base64,{data.get('data')}"
            said.append({"type": "image_url", "image_url": {"url": url}})
        elif "fileData" in part:
            said.append({"type": "image_url", "image_url": {"url": part["fileData"].get("fileUri")}})
        elif "text" in part and not part.get("thought"):
            said.append({"type": "text", "text": part["text"]})
    if not said and not calls:
        return
    plain = all(part["type"] == "text" for part in said)
    message: Json = {"role": role, "content": "".join(part["text"] for part in said) if plain else said}
    yield {**message, "tool_calls": calls} if calls else message


def _response_format(config: Json) -> Json:
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    if not schema:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "reply", "schema": lower_types(schema)}}


def lower_types(schema: Any) -> Any:
    """A Gemini schema as JSON Schema, whose types are in lower case."""
    if isinstance(schema, list):
        return [lower_types(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value.lower() if key == "type" and isinstance(value, str) else lower_types(value)
        for key, value in schema.items()
    }


def _tools(body: Json) -> Json:
    declared = [
        declaration
        for tool in body.get("tools") or ()
        for declaration in tool.get("functionDeclarations") or tool.get("function_declarations") or ()
    ]
    if not declared:
        return {}
    tools = [
        {
            "type": "function",
            "function": {
                "name": tool["name"],
                "description": tool.get("description", ""),
                # google-genai writes this one name in snake case; Google's API takes either.
                "parameters": tool.get("parametersJsonSchema")
                or tool.get("parameters_json_schema")
                or lower_types(tool.get("parameters") or {}),
            },
        }
        for tool in declared
    ]
    config = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    mode = str(config.get("mode", "AUTO")).upper()
    if mode == "ANY" and config.get("allowedFunctionNames"):
        name = config["allowedFunctionNames"][0]
        return {"tools": tools, "tool_choice": {"type": "function", "function": {"name": name}}}
    return {"tools": tools, "tool_choice": _MODES.get(mode, "auto")}


def whole(completion: Json, about: About, usage: Json | None) -> Json:
    """A `GenerateContentResponse`."""
    candidates = []
    for choice in completion["choices"]:
        message = choice["message"]
        parts = _thought(message.get("reasoning_content") or message.get("reasoning"))
        if message.get("content"):
            parts.append({"text": message["content"]})
        parts += [_function_call(call["function"]) for call in message.get("tool_calls") or ()]
        candidates.append(_candidate(choice["index"], parts, choice.get("finish_reason") or "stop"))
    return {"candidates": candidates, **_usage(usage, about.style), **_shell(about)}


def _thought(text: str | None) -> list[Json]:
    return [{"text": text, "thought": True}] if text else []


def _function_call(function: Json) -> Json:
    try:
        arguments = json.loads(function["arguments"] or "{}")
    except ValueError:
        arguments = {}
    return {"functionCall": {"name": function["name"], "args": arguments}}


def _candidate(index: int, parts: list[Json], finish: str | None) -> Json:
    candidate: Json = {"content": {"parts": parts, "role": "model"}, "index": index}
    return {**candidate, "finishReason": _FINISH.get(finish, "STOP")} if finish else candidate


def _shell(about: About) -> Json:
    shell: Json = {"modelVersion": about.model, "responseId": about.reply_id}
    return {**shell, "error": None} if about.style.error_null else shell


def _usage(usage: Json | None, style: Style) -> Json:
    if usage is None:
        return {}
    metadata = {
        "promptTokenCount": usage["prompt_tokens"],
        "candidatesTokenCount": usage["completion_tokens"],
        "totalTokenCount": usage["total_tokens"],
    }
    if thoughts := (usage.get("completion_tokens_details") or {}).get("reasoning_tokens"):
        # Gemini counts thoughts beside the candidates, not among them.
        metadata["thoughtsTokenCount"] = thoughts
        metadata["candidatesTokenCount"] -= thoughts
    if cached := (usage.get("prompt_tokens_details") or {}).get("cached_tokens"):
        metadata["cachedContentTokenCount"] = cached
    paid = money(usage)
    if style.gemini_usage == "metadata":
        return {"usageMetadata": {**metadata, **paid}}
    return {"usageMetadata": metadata, "usage": paid} if paid else {"usageMetadata": metadata}


class GeminiFrames:
    """`GenerateContentResponse` events; a function call comes whole, the finish reason in an event of its own."""

    def __init__(self, about: About, encoding: Encoding) -> None:
        self._style = about.style
        self._shell = _shell(about)
        self._encoding = encoding
        self._calls: dict[tuple[int, int], Json] = {}
        self._held: Json | None = None

    def head(self) -> Iterator[Frame]:
        """Nothing: Gemini begins with content."""
        yield from ()

    def delta(self, index: int, delta: Json) -> Iterator[Frame]:
        """A piece of text or of a thought; pieces of function calls are gathered."""
        for call in delta.get("tool_calls") or ():
            gathered = self._calls.setdefault((index, call.get("index", 0)), {"name": "", "arguments": ""})
            for key in gathered:
                gathered[key] += call.get("function", {}).get(key) or ""
        parts = _thought(delta.get("reasoning_content") or delta.get("reasoning"))
        if delta.get("content"):
            parts.append({"text": delta["content"]})
        if parts:
            yield from self._content({"candidates": [_candidate(index, parts, None)]})

    def end(self, finishes: Mapping[int, str], usage: Json | None) -> Iterator[Frame]:
        """The function calls, then the finish reasons with the usage."""
        for (index, _), function in self._calls.items():
            yield from self._content({"candidates": [_candidate(index, [_function_call(function)], None)]})
        used = {} if self._style.usage_on == "never" else _usage(usage, self._style)
        left = dict(finishes) if self._style.finish else {}
        if self._held is not None:
            candidate = self._held["candidates"][0]
            if finish := left.pop(candidate["index"], None):
                candidate["finishReason"] = _FINISH.get(finish, "STOP")
            yield "content", self._event({**self._held, **used})
        for number, (index, finish) in enumerate(left.items(), 1):
            event = {"candidates": [_candidate(index, [{"text": ""}], finish)]}
            yield "finish", self._event({**event, **used} if number == len(left) else event)

    def _content(self, event: Json) -> Iterator[Frame]:
        if not self._style.finish_with_content:
            yield "content", self._event(event)
            return
        if self._held is not None:
            yield "content", self._event(self._held)
        self._held = event

    def _event(self, event: Json) -> bytes:
        return self._encoding.event({**event, **self._shell})


GEMINI = Surface("gemini", to_chat, whole, GeminiFrames)
