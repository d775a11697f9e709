"""Tools, and which of them must be called, as the gateway takes them. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from langchain_core.utils.function_calling import convert_to_openai_tool

from ..errors import ConfigurationError

Json = dict[str, Any]


def wire_tools(tools: Sequence[Any], *, strict: bool | None = None) -> list[Json]:
    """Return tools as the gateway takes them.

    Args:
        tools: functions, langchain tools, pydantic or TypedDict classes, JSON schemas, or OpenAI's own form.
        strict: whether arguments must fit their schema exactly; None leaves it to the model.
    """
    return [convert_to_openai_tool(tool, strict=strict) for tool in tools]


def name_of(tool: Json) -> str | None:
    """Return the name of a tool that is in the gateway's form, where it has one."""
    function = tool.get("function")
    name = function.get("name") if isinstance(function, dict) else tool.get("name")
    return name if isinstance(name, str) else None


def joined_tools(first: Sequence[Json], then: Sequence[Json]) -> list[Json]:
    """Return two lists as one; of two tools with one name the later one stays."""
    taken = {name for tool in then if (name := name_of(tool)) is not None}
    return [*(tool for tool in first if name_of(tool) not in taken), *then]


def wire_tool_choice(choice: object, tools: Sequence[Json]) -> str | Json | None:
    """Return which tool must be called as the gateway takes it; None for no word on it.

    Args:
        choice: the name of a tool, `any` or `required` or True for one at least, `auto`, `none`, or OpenAI's own form.
        tools: those that are offered, in the gateway's form.

    Raises:
        ConfigurationError: there is no such tool.
    """
    if choice is None or choice is False:
        return None
    if choice is True:
        return "required"
    if isinstance(choice, dict):
        # Anthropic's forms, which langchain's own code is full of, beside OpenAI's.
        if (kind := choice.get("type")) not in ("any", "auto", "none", "tool"):
            return choice
        choice = choice.get("name") if kind == "tool" else kind
    names = [name for tool in tools if (name := name_of(tool)) is not None]
    if choice in names:
        return {"type": "function", "function": {"name": choice}}
    if choice in ("any", "required"):
        return "required"
    if choice in ("auto", "none"):
        return str(choice)
    close = difflib.get_close_matches(str(choice), [*names, "any", "required", "auto", "none"], n=1)
    meant = f" Did you mean {close[0]!r}?" if close else ""
    raise ConfigurationError(f"tool_choice={choice!r} names no tool that is offered: {', '.join(names)}.{meant}")
