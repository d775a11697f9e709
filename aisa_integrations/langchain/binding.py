"""A chat model with arguments bound to its calls, which stays one: what is made of it keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.chat_models import _ChatModelBinding
from langchain_core.utils.function_calling import convert_to_openai_tool

from ..routing import RouteDecision
from ..routing.caps import Fallback
from .errors import ConfigurationError, joining
from .many_models import ManyModels
from .structured_output import METHODS, Method, SchemaParser, StructuredChat, structured, wire_response_format
from .tools import joined_tools, name_of, wire_tool_choice, wire_tools

if TYPE_CHECKING:
    from .chat_model import ChatAisa

Json = dict[str, Any]


class BoundChatAisa(_ChatModelBinding, ManyModels):
    """A `ChatAisa` with arguments that each of its calls is given.

    langchain-core's own binding hands `with_structured_output` and its like on to the model alone: what was bound, such
    as tools, would be dropped without a word.
    """

    @property
    def chat(self) -> ChatAisa:
        """Return the model itself."""
        return cast("ChatAisa", self.bound)

    def bind_tools(
        self,
        tools: Sequence[Any],
        *,
        tool_choice: str | bool | Json | None = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        **kwargs: Any,
    ) -> BoundChatAisa:
        """Return it with tools beside those it has; see `ChatAisa.bind_tools`."""
        with joining():
            offered = joined_tools(self.kwargs.get("tools") or [], wire_tools(tools, strict=strict))
            bound = {**kwargs, "tools": offered} if offered else kwargs  # an empty list is refused
            if parallel_tool_calls is not None:
                bound["parallel_tool_calls"] = parallel_tool_calls
            if (choice := wire_tool_choice(tool_choice, offered)) is not None:
                bound["tool_choice"] = choice
            if bound.get("response_format") is not None:
                bound["response_format"] = wire_response_format(bound["response_format"])
            return cast(BoundChatAisa, self.bind(**bound))

    def with_structured_output(
        self,
        schema: Json | type | None = None,
        *,
        method: Method | None = None,
        include_raw: bool = False,
        strict: bool | None = None,
        tools: Sequence[Any] | None = None,
        **kwargs: Any,
    ) -> StructuredChat:
        """Return it so that it answers in the form of a schema; see `ChatAisa.with_structured_output`."""
        if tools:
            return self.bind_tools(tools, strict=strict).with_structured_output(
                schema, method=method, include_raw=include_raw, strict=strict, **kwargs
            )
        offered = self.kwargs.get("tools") or []
        method = method or ("json_schema" if offered else "function_calling")
        _check(schema, method, strict, offered, self.kwargs.get("tool_choice"))
        told = {"method": method} if strict is None else {"method": method, "strict": strict}
        parser = SchemaParser(answer_schema=schema, may_call_tools=bool(offered))
        bound: Json = {"ls_structured_output_format": {"kwargs": told, "schema": schema}, **kwargs}
        if method != "function_calling":
            json_mode = method == "json_mode"
            asked = {"type": "json_object"} if json_mode else wire_response_format(schema, strict=strict)
            return structured(self.bind(response_format=asked, **bound), parser, include_raw=include_raw)
        tool = convert_to_openai_tool(cast(Any, schema), strict=strict)
        parser.tool_name = name_of(tool)
        forced = {"tool_choice": parser.tool_name, "parallel_tool_calls": False, **bound}
        return structured(self.bind_tools([tool], **forced), parser, include_raw=include_raw)

    def fallback_to(self, *models: str | Fallback | Mapping[str, Any]) -> BoundChatAisa:
        """Return it with models that are asked in turn when one fails; see `ChatAisa.fallback_to`."""
        return self.model_copy(update={"bound": self.chat.fallback_to(*models)})

    @property
    def _asked(self) -> str:
        return str(self.kwargs.get("model") or self.chat.model)

    def _for_model(self, model: str, *, alone: bool) -> BoundChatAisa:
        kept = {name: value for name, value in self.kwargs.items() if name not in ("model", "fallbacks")}
        return self.model_copy(update={"bound": self.chat._for_model(model, alone=alone), "kwargs": kept})

    def explain(self, messages: LanguageModelInput, **options: Any) -> RouteDecision:
        """Show which models these messages would be for, and why; see `ChatAisa.explain`."""
        return self.chat.explain(messages, **{**self.kwargs, **options})


def _check(schema: object, method: str, strict: bool | None, offered: Sequence[Json], choice: object) -> None:
    if method not in METHODS:
        raise ConfigurationError(f"method is one of {', '.join(METHODS)}, not {method!r}.")
    if schema is None and method != "json_mode":
        raise ConfigurationError(f"{method} needs a schema; json_mode goes without one.")
    if strict is not None and method == "json_mode":
        raise ConfigurationError("strict=… means nothing in json_mode, which holds the answer to no schema.")
    if offered and choice not in (None, "auto", "none"):
        raise ConfigurationError(
            "tool_choice=… was bound, and forces the call of a tool: a structured answer would never come."
        )
    if offered and method == "function_calling":
        names = ", ".join(filter(None, map(name_of, offered)))
        raise ConfigurationError(
            f"function_calling would force the schema's own call, and {names} would never be called: "
            "method='json_schema' goes together with tools."
        )
