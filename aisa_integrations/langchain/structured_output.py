"""Structured output: how a schema is asked for, and how an answer is read that may come in another form than asked.

An answer is taken from the call of the schema's tool, else from the text, fenced JSON included: some models answer in
prose where a tool was forced, and in a code block where JSON was asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final, Literal, cast

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, BaseMessage, BaseMessageChunk
from langchain_core.output_parsers import BaseTransformOutputParser
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, Generation, GenerationChunk
from langchain_core.runnables import AddableDict, Runnable, RunnableConfig, RunnableGenerator, RunnableSequence
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_core.utils.json import parse_json_markdown
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel

from ..errors import ConfigurationError
from .errors import RefusalError
from .many_models import ManyModels

Json = dict[str, Any]
Method = Literal["function_calling", "json_schema", "json_mode"]
METHODS: Final = ("function_calling", "json_schema", "json_mode")


def wire_response_format(schema: Any, *, strict: bool | None = None) -> Json:
    """Return a schema as the `response_format` that the gateway takes; one that is in that form already stays.

    Args:
        schema: a pydantic or TypedDict class, a JSON schema, or an OpenAI tool.
        strict: whether the answer must fit it exactly; None leaves it to the model.
    """
    if isinstance(schema, dict) and schema.get("type") in ("json_schema", "json_object", "text"):
        return schema
    function = convert_to_openai_tool(schema, strict=strict)["function"]
    described = {"name": function["name"], "schema": function["parameters"]}
    if function.get("description"):
        described["description"] = function["description"]
    return {"type": "json_schema", "json_schema": described if strict is None else {**described, "strict": strict}}


class SchemaParser(BaseTransformOutputParser[Any]):
    """Read an answer as what a schema describes; while it streams, as what is there of it so far.

    Args:
        answer_schema: a pydantic class, of which instances are given; anything else gives dicts.
        tool_name: of the tool that stands for the schema, where it was offered as one.
        may_call_tools: whether other tools are offered, whose call is an answer too, and no structured one.
    """

    answer_schema: Any = None
    tool_name: str | None = None
    may_call_tools: bool = False

    @property
    def OutputType(self) -> Any:
        """Return what is given: instances of a pydantic class, else dicts."""
        schema = self.answer_schema
        return schema if isinstance(schema, type) and is_basemodel_subclass(schema) else dict[str, Any]

    @property
    def _type(self) -> str:
        return "aisa-structured-output"

    def parse(self, text: str) -> Any:
        """Read a text."""
        return self._fitted(self._from_text(text, partial=False), text, partial=False)

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """Read an answer.

        Raises:
            RefusalError: the model declined.
            OutputParserException: there is nothing in it that fits.
        """
        generation = result[0]
        if not isinstance(generation, ChatGeneration):
            return self._fitted(self._from_text(generation.text, partial=partial), generation.text, partial=partial)
        message = generation.message
        _raise_if_refused(message)
        calls = message.tool_calls if isinstance(message, AIMessage) else []
        called = [call for call in calls if call["name"] == self.tool_name]
        if called:
            return self._fitted(called[0]["args"], json.dumps(called[0]["args"]), partial=partial)
        text = str(message.text)
        if not text.strip():
            return None if partial else self._nothing(message)
        return self._fitted(self._from_text(text, partial=partial), text, partial=partial)

    def _from_text(self, text: str, *, partial: bool) -> Any:
        try:
            return parse_json_markdown(text) if partial else _strictly(text)
        except ValueError as error:
            if partial:
                return None
            raise OutputParserException(f"The answer is no JSON ({error}): {text}", llm_output=text) from error

    def _fitted(self, found: Any, text: str, *, partial: bool) -> Any:
        schema = self.answer_schema
        if partial and found is None:
            return None
        try:
            return _instance(schema, found)
        except ValueError as error:
            if partial:
                return None
            raise OutputParserException(
                f"The answer does not fit {_title(schema)}: {error}\nIt was: {text}", llm_output=text
            ) from error

    def _nothing(self, message: BaseMessage) -> Any:
        calls = getattr(message, "tool_calls", [])
        invalid = getattr(message, "invalid_tool_calls", [])
        if calls:
            names = ", ".join(sorted({call["name"] for call in calls}))
            hint = " include_raw=True gives its message beside it." if self.may_call_tools else ""
            raise OutputParserException(f"The model called {names} in place of a structured answer.{hint}")
        if invalid:
            raise OutputParserException(
                f"The model called {invalid[0]['name']} with {invalid[0]['error']}", llm_output=invalid[0]["args"] or ""
            )
        reason = message.response_metadata.get("finish_reason")
        raise OutputParserException(f"The answer is empty (finish_reason {reason!r}).", llm_output="")

    # In langchain-core's own parsers the last word is partial too: a stream with no answer in it would pass for read.

    def _transform(self, input: Iterator[str | BaseMessage]) -> Iterator[Any]:
        reading = _Reading(self)
        for piece in input:
            yield from reading.add(piece)
        yield from reading.finish()

    async def _atransform(self, input: AsyncIterator[str | BaseMessage]) -> AsyncIterator[Any]:
        reading = _Reading(self)
        async for piece in input:
            for found in reading.add(piece):
                yield found
        for found in reading.finish():
            yield found

    def transform(self, input: Iterator[Any], config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[Any]:
        """Read a stream; where that is left, the answer is too."""
        yield from _closing(input, super().transform(input, config, **kwargs))

    # The message beside what is read in it. What is no answer is a value then, at a stream's end too.

    def beside_raw(self, input: Iterator[BaseMessage]) -> Iterator[RawAndParsed]:
        """Give each piece as `raw`, what is found in them as `parsed`, and how it ended as `parsing_error`."""
        reading = _Reading(self)
        for piece in input:
            yield from reading.beside(piece)
        yield reading.ending()

    async def abeside_raw(self, input: AsyncIterator[BaseMessage]) -> AsyncIterator[RawAndParsed]:
        """Do the same from asyncio."""
        reading = _Reading(self)
        async for piece in input:
            for told in reading.beside(piece):
                yield told
        yield reading.ending()


class _BesideRaw(RunnableGenerator[Any, Any]):
    """Give the message and what is read in it; where that is left, the answer is too."""

    def transform(self, input: Iterator[Any], config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[Any]:
        yield from _closing(input, super().transform(input, config, **kwargs))


def _closing(answer: Any, found: Iterator[Any]) -> Iterator[Any]:
    for piece in found:
        try:
            yield piece
        except GeneratorExit:
            # langchain-core would read the rest of the answer first, to its end, for tracing.
            if isinstance(answer, Generator):
                answer.close()
            raise


class RawAndParsed(AddableDict):
    """A message and what was read in it, or what is new of the two: messages add up, what is read is read anew."""

    def __add__(self, other: AddableDict) -> RawAndParsed:
        raw = super().__add__(AddableDict(raw=other["raw"])) if "raw" in other else self
        return RawAndParsed({**raw, **{name: value for name, value in other.items() if name != "raw"}})


class _Reading:
    """What a stream amounts to so far, and what was read in it."""

    def __init__(self, parser: SchemaParser) -> None:
        self._parser = parser
        self._whole: Any = None
        self._found: Any = None

    def add(self, piece: str | BaseMessage) -> Iterator[Any]:
        """Give what is found once this piece is there, where it is something new."""
        added = _generation(piece)
        self._whole = added if self._whole is None else self._whole + added
        yield from self._news(partial=True)

    def finish(self) -> Iterator[Any]:
        """Give what is found in the whole, where it is something new."""
        if self._whole is not None:
            yield from self._news(partial=False)

    def beside(self, piece: BaseMessage) -> Iterator[RawAndParsed]:
        """Give a piece as `raw`, and what is found once it is there."""
        yield RawAndParsed(raw=piece)
        # Of a whole message there is nothing to be had before its end.
        if isinstance(piece, BaseMessageChunk):
            with suppress(OutputParserException, RefusalError):  # told at the end
                yield from (RawAndParsed(parsed=found) for found in self.add(piece))
        else:
            self._whole = _generation(piece)

    def ending(self) -> RawAndParsed:
        """Return what is found in the whole, or why nothing is."""
        try:
            found = self._parser.parse_result([self._whole])
        except (OutputParserException, RefusalError) as error:
            return RawAndParsed(parsed=None, parsing_error=error)
        return RawAndParsed(parsed=found, parsing_error=None)

    def _news(self, *, partial: bool) -> Iterator[Any]:
        found = self._parser.parse_result([self._whole], partial=partial)
        if found is not None and found != self._found:
            self._found = found
            yield found


def _generation(piece: str | BaseMessage) -> Generation:
    if isinstance(piece, BaseMessageChunk):
        return ChatGenerationChunk(message=piece)
    if isinstance(piece, BaseMessage):
        return ChatGeneration(message=piece)
    return GenerationChunk(text=piece)


def _instance(schema: Any, found: Any) -> Any:
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        # A class of pydantic.v1 reads by another name.
        read = schema.model_validate if issubclass(schema, BaseModel) else cast(Any, schema).parse_obj
        return read(found)
    if schema is not None and not isinstance(found, dict):
        raise ValueError(f"it is no object, but {json.dumps(found, ensure_ascii=False)}")
    return found


def _title(schema: Any) -> str:
    return schema.__name__ if isinstance(schema, type) else "the schema"


_FENCE: Final = re.compile(r"```(?:json)?", re.IGNORECASE)
_JSON: Final = json.JSONDecoder(strict=False)


def _strictly(text: str) -> Any:
    """Return what a text says as JSON, or the fence in it that stands among prose."""
    text = text.strip().lstrip("\ufeff")
    try:
        return _JSON.decode(text)
    except ValueError as error:
        for fence in _FENCE.finditer(text):
            with suppress(ValueError):
                fenced = text[fence.end() :].lstrip()
                found, end = _JSON.raw_decode(fenced)
                after = fenced[end:].lstrip()
                if not after or after.startswith("```"):  # what stands between would be part of the answer
                    return found
        raise error


def _raise_if_refused(message: BaseMessage) -> None:
    if refusal := refusal_of(message):
        raise RefusalError(
            f"The model declined: {refusal}", raw_message=message, model=message.response_metadata.get("model_name")
        )


def refusal_of(message: BaseMessage) -> str | None:
    """Return what a model said in declining, in either form that a message has for it; None where it did not."""
    refusal = message.additional_kwargs.get("refusal")
    if not refusal and isinstance(message.content, list):
        blocks = (block for block in message.content if isinstance(block, dict) and block.get("type") == "refusal")
        refusal = next((block.get("refusal") for block in blocks), None)
    return refusal or None


class StructuredChat(RunnableSequence[Any, Any], ManyModels):
    """A chat model that answers in the form of a schema."""

    def bind_tools(self, tools: Sequence[Any], **options: Any) -> Runnable[Any, Any]:
        """Refuse: the tools' calls would end in the parser.

        Raises:
            ConfigurationError: always.
        """
        raise ConfigurationError(
            "bind_tools() comes before with_structured_output(): chat.bind_tools([…]).with_structured_output(schema), "
            "which may be answered by a call of a tool too."
        )

    def fallback_to(self, *models: Any) -> StructuredChat:
        """Return it with models that are asked in turn when one fails; see `ChatAisa.fallback_to`."""
        other: Any = cast(Any, self.first).fallback_to(*models)
        return StructuredChat(first=other, middle=self.middle, last=self.last)

    @property
    def _asked(self) -> str:
        return cast(ManyModels, self.first)._asked

    def _for_model(self, model: str, *, alone: bool) -> StructuredChat:
        other: Any = cast(ManyModels, self.first)._for_model(model, alone=alone)
        return StructuredChat(first=other, middle=self.middle, last=self.last)


def structured(llm: Runnable[Any, Any], parser: SchemaParser, *, include_raw: bool) -> StructuredChat:
    """Return a model and its parser as one runnable; with `include_raw`, a dict of `raw`, `parsed`, `parsing_error`."""
    if not include_raw:
        return StructuredChat(first=llm, last=parser)
    return StructuredChat(first=llm, last=_BesideRaw(parser.beside_raw, parser.abeside_raw))
