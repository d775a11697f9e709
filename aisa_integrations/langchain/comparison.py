"""`compare_with`: the same input for several models at once, as a runnable."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForChainRun, CallbackManagerForChainRun
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableConfig
from pydantic import BaseModel

from ..comparison import Comparison, Result
from ..comparison.question import Question
from ..comparison.wave import in_tasks, in_threads
from ..errors import AisaError
from ..usage import Exchange
from .errors import ConfigurationError, UnfitAnswerError
from .hearing import Hearing, message_of
from .many_models import OverModels, inside, only, refuse_named_models
from .messages import wire_messages

# What went wrong with a model, or with its answer. Anything else went wrong with the program, and is raised.
_OF_A_MODEL = (AisaError, OutputParserException)


@dataclass(frozen=True, slots=True, repr=False)
class ModelResult(Result):
    """What one model made of the input, as a stream of results gives it.

    Added up, results are a comparison: what comes after `compare_with` in a chain gets the same, streamed or not.

    Args:
        output: what the model gave: its message, or with structured output what was read in it; None for an error.
        asked: the models of the comparison, in order.
        exchanges: the records of the calls.
    """

    output: Any
    asked: tuple[str, ...]
    exchanges: tuple[Exchange, ...]

    def __add__(self, other: object) -> Comparison:
        return compared([self, other]) if isinstance(other, ModelResult) else NotImplemented

    def __radd__(self, other: object) -> Comparison:
        if isinstance(other, Comparison) and all(isinstance(result, ModelResult) for result in other.values()):
            return compared([*other.values(), self])  # type: ignore[list-item]  # seen a line above
        return NotImplemented


def compared(results: Sequence[ModelResult]) -> Comparison:
    """Return results as a comparison, in the order in which they were asked."""
    in_order = sorted(results, key=lambda result: result.asked.index(result.model))
    return Comparison(in_order, [exchange for result in in_order for exchange in result.exchanges])


class RunnableComparison(OverModels):
    """Ask several models the same at once: `invoke` gives a `Comparison`, `stream` each `ModelResult` as it comes.

    In plain calls each model has a thread of its own, so that all of them go at once however many they are.

    Args:
        models: by id, the models as they are asked.
        stream: ask for streams, for the time to the first content.
    """

    def __init__(self, models: Mapping[str, Runnable[Any, Any]], *, stream: bool = False) -> None:
        if len(models) < 2:
            raise ConfigurationError("a comparison is of two models or more, each named once.")
        self.models = models
        self._options = {"stream": True} if stream else {}

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Comparison:
        """Ask all models, and return their results in the order in which they were named."""
        found: Comparison = self._call_with_config(self._compare, input, config, **self._asked_with(kwargs))
        return found

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Comparison:
        """Ask all models, in tasks; see `invoke`."""
        found: Comparison = await self._acall_with_config(self._acompare, input, config, **self._asked_with(kwargs))
        return found

    def stream(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[ModelResult]:
        """Ask all models, and give each result as it comes."""
        options = self._asked_with(kwargs)
        yield from self._transform_stream_with_config(iter([input]), self._arrive, config, **options)

    async def astream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[ModelResult]:
        """Ask all models, in tasks, and give each result as it comes."""
        options = self._asked_with(kwargs)
        async for result in self._atransform_stream_with_config(only(input), self._aarrive, config, **options):
            yield result

    def _asked_with(self, options: dict[str, Any]) -> dict[str, Any]:
        refuse_named_models(options)
        return {**self._options, **options}

    # ---- in threads -------------------------------------------------------------------------------------------------

    def _compare(
        self, input: Any, run_manager: CallbackManagerForChainRun, config: RunnableConfig, **options: Any
    ) -> Comparison:
        with contextlib.closing(in_threads(self._works(_ask, input, run_manager, config, options))) as results:
            return compared(list(results))

    def _arrive(
        self, inputs: Iterator[Any], run_manager: CallbackManagerForChainRun, config: RunnableConfig, **options: Any
    ) -> Iterator[ModelResult]:
        for input in inputs:
            with contextlib.closing(in_threads(self._works(_ask, input, run_manager, config, options))) as results:
                yield from results

    # ---- in tasks ---------------------------------------------------------------------------------------------------

    async def _acompare(
        self, input: Any, run_manager: AsyncCallbackManagerForChainRun, config: RunnableConfig, **options: Any
    ) -> Comparison:
        async with contextlib.aclosing(in_tasks(self._works(_aask, input, run_manager, config, options))) as results:
            return compared([result async for result in results])

    async def _aarrive(
        self,
        inputs: AsyncIterator[Any],
        run_manager: AsyncCallbackManagerForChainRun,
        config: RunnableConfig,
        **options: Any,
    ) -> AsyncIterator[ModelResult]:
        async for input in inputs:
            works = self._works(_aask, input, run_manager, config, options)
            async with contextlib.aclosing(in_tasks(works)) as results:
                async for result in results:
                    yield result

    # ---- both -------------------------------------------------------------------------------------------------------

    def _works(
        self,
        ask: Callable[..., Any],
        input: Any,
        run_manager: CallbackManagerForChainRun | AsyncCallbackManagerForChainRun,
        config: RunnableConfig,
        options: Mapping[str, Any],
    ) -> list[Callable[..., Any]]:
        asked = tuple(self.models)
        return [
            partial(ask, asked, name, model, input, inside(config, run_manager, f"model:{name}"), options)
            for name, model in self.models.items()
        ]


def _ask(
    asked: tuple[str, ...],
    name: str,
    model: Runnable[Any, Any],
    input: Any,
    config: RunnableConfig,
    options: Mapping[str, Any],
    tell: object,
) -> ModelResult:
    hearing = Hearing(name, taken=_OF_A_MODEL)
    with hearing:
        hearing.output = model.invoke(input, config, **options)
    return _result(hearing, asked)


async def _aask(
    asked: tuple[str, ...],
    name: str,
    model: Runnable[Any, Any],
    input: Any,
    config: RunnableConfig,
    options: Mapping[str, Any],
    tell: object,
) -> ModelResult:
    hearing = Hearing(name, taken=_OF_A_MODEL)
    with hearing:
        hearing.output = await model.ainvoke(input, config, **options)
    return _result(hearing, asked)


# ---- results ---------------------------------------------------------------------------------------------------------


def _result(hearing: Hearing, asked: tuple[str, ...]) -> ModelResult:
    question, output, error = Question(hearing.model, {}, False), hearing.output, _as_ours(hearing)
    exchanges = hearing.exchanges
    if error is not None and not (exchanges and exchanges[-1].error is None):
        failed = question.failed(error, hearing.seconds, exchanges)
        result, exchanges = failed.result, failed.exchanges
    else:
        result = question.answered(_reply(output), exchanges).result
        if message_of(output) is None:
            result = replace(result, message=None)  # what was read in it is no message
    if error is not None:
        # The model answered, and what it said was paid for; it is no answer to what was asked.
        result = replace(result, ok=False, error=error.with_traceback(None))
    told = {part.name: getattr(result, part.name) for part in fields(Result)}
    return ModelResult(**told, output=output, asked=asked, exchanges=exchanges)


def _as_ours(hearing: Hearing) -> AisaError | None:
    error = hearing.error
    if error is None or isinstance(error, AisaError):
        return error
    assert isinstance(error, OutputParserException)
    return UnfitAnswerError(str(error), llm_output=error.llm_output, model=hearing.model)


def _reply(output: Any) -> dict[str, Any]:
    """Return what a model gave in the form of a reply, as a result is made of one."""
    message = message_of(output)
    if message is None:
        return {"choices": [{"message": {"role": "assistant", "content": text_of_output(output)}}]}
    finish_reason = message.response_metadata.get("finish_reason")
    return {"choices": [{"message": _on_the_wire(message), "finish_reason": finish_reason}]}


def _on_the_wire(message: AIMessage) -> dict[str, Any]:
    (written,) = wire_messages([message])
    thought = message.additional_kwargs.get("reasoning_content")
    return {**written, "reasoning_content": thought} if thought else written


def text_of_output(output: Any) -> str | None:
    """Return what a model, or one that answers in the form of a schema, gave as text."""
    message = message_of(output)
    if message is not None:
        return str(message.text)
    if output is None or isinstance(output, str):
        return output
    return (
        output.model_dump_json()
        if isinstance(output, BaseModel)
        else json.dumps(output, ensure_ascii=False, default=str)
    )
