"""`escalate_to`: a stronger model is asked when an answer does not satisfy.

What comes next is decided by a `_Climb`, which does no I/O: it gives what is to be asked, a sync or an async driver
does it, and what came of it is found in the hearing.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from langchain_core.callbacks import AsyncCallbackManagerForChainRun, CallbackManagerForChainRun
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessageChunk
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.utils import AddableDict

from ..tracking import Spend
from .accounts import call_record
from .errors import ConfigurationError, RefusalError
from .hearing import Hearing, message_of
from .judging import When, complaint, finding, judged_by, judges_of, unread
from .many_models import UNSATISFYING, ManyModels, OverModels, inside, only, refuse_named_models

logger: Final = logging.getLogger("aisa_integrations")


class RunnableEscalation(OverModels):
    """Ask models in turn until an answer satisfies; that of the last one is given in any case.

    The reply says in `response_metadata["escalation"]` which way it went (`path`: model, who served, what it cost, and
    the `reason` to go on), whether the answer given was found `satisfied`, and what all of it cost: USD `billed` and
    `estimated`, and how many calls are of `unknown` cost. An answer that is read by a schema has no such place, unless
    `include_raw=True`. An error of a model is raised, and is no reason to go on: name fallbacks for that.

    A stream begins once it is known whose answer is given: those before it are judged whole.

    Args:
        models: by id, in the order in which they are asked.
        judges: of each model but the last, what does not satisfy.
    """

    def __init__(self, models: Mapping[str, Runnable[Any, Any]], judges: Sequence[tuple[When, ...]]) -> None:
        self.models = models
        self._judges = judges

    def escalate_to(
        self, model: str | Runnable[Any, Any], *, when: When | Iterable[When] = UNSATISFYING
    ) -> RunnableEscalation:
        """Return it with one more model, for when the last one's answer does not do; see `ChatAisa.escalate_to`."""
        first = next(iter(self.models.values()))
        if isinstance(model, str) and isinstance(first, ManyModels):
            name, added = model, first._for_model(model, alone=False)
        elif isinstance(model, ManyModels) and isinstance(model, Runnable):
            name, added = model._asked, model
        else:
            raise ConfigurationError(f"escalate_to takes the id of a model or a ChatAisa, not {model!r}.")
        if name in self.models:
            raise ConfigurationError(f"{name} is asked already.")
        return RunnableEscalation({**self.models, name: added}, (*self._judges, judges_of(when)))

    # ---- plain ------------------------------------------------------------------------------------------------------

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Return the first answer that satisfies, or the last."""
        refuse_named_models(kwargs)
        return self._call_with_config(self._invoke, input, config, **kwargs)

    def _invoke(
        self, input: Any, run_manager: CallbackManagerForChainRun, config: RunnableConfig, **options: Any
    ) -> Any:
        climb = _Climb(self.models, self._judges, input, options)
        for ask in climb:
            with ask.hearing as hearing:
                hearing.output = ask.runnable.invoke(ask.input, ask.configured(config, run_manager), **ask.options)
        return climb.answer

    def stream(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[Any]:
        """Give the answer in pieces, once it is known which; the last model's as it comes."""
        refuse_named_models(kwargs)
        yield from self._transform_stream_with_config(iter([input]), self._stream, config, **kwargs)

    def _stream(
        self, inputs: Iterator[Any], run_manager: CallbackManagerForChainRun, config: RunnableConfig, **options: Any
    ) -> Iterator[Any]:
        climb = _Climb(self.models, self._judges, next(inputs), options)
        for ask in climb:
            here = ask.configured(config, run_manager)
            if ask.is_last:
                yield from ask.hearing.stream(ask.runnable.stream(ask.input, here, **ask.options))
                continue
            with ask.hearing as hearing:
                if ask.is_judge:
                    hearing.output = ask.runnable.invoke(ask.input, here)
                else:
                    hearing.chunks += ask.runnable.stream(ask.input, here, **ask.options)
        yield from climb.rest()

    # ---- from a loop ------------------------------------------------------------------------------------------------

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Return the first answer that satisfies, or the last."""
        refuse_named_models(kwargs)
        return await self._acall_with_config(self._ainvoke, input, config, **kwargs)

    async def _ainvoke(
        self, input: Any, run_manager: AsyncCallbackManagerForChainRun, config: RunnableConfig, **options: Any
    ) -> Any:
        climb = _Climb(self.models, self._judges, input, options)
        for ask in climb:
            here = ask.configured(config, run_manager)
            with ask.hearing as hearing:
                hearing.output = await ask.runnable.ainvoke(ask.input, here, **ask.options)
        return climb.answer

    async def astream(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> AsyncIterator[Any]:
        """Give the answer in pieces, once it is known which; the last model's as it comes."""
        refuse_named_models(kwargs)
        async for chunk in self._atransform_stream_with_config(only(input), self._astream, config, **kwargs):
            yield chunk

    async def _astream(
        self,
        inputs: AsyncIterator[Any],
        run_manager: AsyncCallbackManagerForChainRun,
        config: RunnableConfig,
        **options: Any,
    ) -> AsyncIterator[Any]:
        climb = _Climb(self.models, self._judges, await anext(inputs), options)
        for ask in climb:
            here = ask.configured(config, run_manager)
            if ask.is_last:
                async with aclosing(ask.hearing.astream(ask.runnable.astream(ask.input, here, **ask.options))) as live:
                    async for chunk in live:
                        yield chunk
                continue
            with ask.hearing as hearing:
                if ask.is_judge:
                    hearing.output = await ask.runnable.ainvoke(ask.input, here)
                else:
                    hearing.chunks += [c async for c in ask.runnable.astream(ask.input, here, **ask.options)]
        for chunk in climb.rest():
            yield chunk


# ---- what comes next -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Ask:
    """What is to be asked next.

    Args:
        hearing: who hears it, and is told what came of it.
        runnable: a model, or a judge that is a runnable.
        input: what it is asked.
        options: of the call.
        tag: of its run.
        is_judge: whether it is a judge.
        is_last: whether it is the last model.
    """

    hearing: Hearing
    runnable: Runnable[Any, Any]
    input: Any
    options: Mapping[str, Any]
    tag: str
    is_judge: bool = False
    is_last: bool = False

    def configured(self, config: RunnableConfig, run_manager: Any) -> RunnableConfig:
        """Return the configuration of its run; the tokens of an answer that may not be given are not for showing."""
        return inside(config, run_manager, self.tag, hidden=not self.is_last)


class _Climb:
    """The way through the models: iterate over what is to be asked, then take the answer."""

    def __init__(
        self,
        models: Mapping[str, Runnable[Any, Any]],
        judges: Sequence[tuple[When, ...]],
        input: Any,
        options: Mapping[str, Any],
    ) -> None:
        self._models = models
        self._judges = judges
        self._input = input
        self._options = options
        self._heard: list[Hearing] = []
        self._path: list[dict[str, Any]] = []
        self._given: Hearing | None = None
        self._was_live = False

    def __iter__(self) -> Iterator[_Ask]:
        names = list(self._models)
        for number, (name, model) in enumerate(self._models.items()):
            is_last = number == len(names) - 1
            # The last answer is given in any case, and judged like the one before it, so that the report can say so.
            judges = self._judges[min(number, len(names) - 2)]
            hearing = self._hearing(name, () if is_last else (OutputParserException, RefusalError))
            yield _Ask(hearing, model, self._input, self._options, f"model:{name}", is_last=is_last)
            self._was_live = is_last
            if hearing.error is not None:
                reason: str | None = unread(hearing.error, judges)
            else:
                reason = yield from self._judged(hearing.output, judges)
            self._path.append({"model": name, **_told(hearing), "reason": reason})
            if reason is None or is_last:
                self._given = hearing
                return
            # Without what a judge said: it may quote the answer.
            logger.info(
                "the answer of %s does not satisfy (%s); asking %s", name, reason.partition(":")[0], names[number + 1]
            )

    def _judged(self, output: Any, judges: Iterable[When]) -> Generator[_Ask, None, str | None]:
        for judge in judges:
            if isinstance(judge, Runnable):
                hearing = self._hearing(judge.get_name(), (Exception,))
                yield _Ask(hearing, judge, judged_by(judge, output), {}, "judge", is_judge=True)
                reason = complaint(hearing.error) if hearing.error is not None else None
            else:
                with self._hearing("judge", ()):  # it may ask a model by itself
                    reason = finding(judge, output)
            if reason is not None:
                return reason
        return None

    def _hearing(self, name: str, taken: tuple[type[Exception], ...]) -> Hearing:
        self._heard.append(Hearing(name, taken=taken))
        return self._heard[-1]

    @property
    def answer(self) -> Any:
        """Return the answer that is given, with the report."""
        assert self._given is not None
        output = self._given.output
        message = message_of(output)
        if message is None:
            return output
        # A copy: langchain's cache may hold the message itself.
        told = {**message.response_metadata, "escalation": self._report()}
        reporting = message.model_copy(update={"response_metadata": told})
        return {**output, "raw": reporting} if isinstance(output, dict) else reporting

    def rest(self) -> Iterator[Any]:
        """Give what of the answer was not given as it came, and the report."""
        assert self._given is not None
        given = self._given
        if not self._was_live:
            yield from given.chunks
        message = message_of(given.output)
        if message is not None:
            content: Any = [] if isinstance(message.content, list) else ""
            chunk = AIMessageChunk(content=content, id=message.id, response_metadata={"escalation": self._report()})
            yield AddableDict(raw=chunk) if isinstance(given.output, dict) else chunk

    def _report(self) -> dict[str, Any]:
        spend = Spend()
        for hearing in self._heard:
            for exchange in hearing.exchanges:
                spend.record(exchange)
        return {
            "path": self._path,
            "satisfied": self._path[-1]["reason"] is None,
            "billed": float(spend.billed),
            "estimated": float(spend.estimated),
            "unknown": spend.unknown,
        }


def _told(hearing: Hearing) -> dict[str, Any]:
    record = call_record(hearing.exchanges)
    return {**{name: record[name] for name in ("served_by", "cost", "cost_kind")}, "seconds": hearing.seconds}
