"""`ab_test`: the traffic split between models, with a row for each call."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final

from langchain_core.messages import convert_to_messages, get_buffer_string
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import ensure_config, merge_configs

from ..ab_testing import ABSummary, Row, Split, row_of
from ..ab_testing.log import Log
from ..intervals import CONFIDENCE
from ..stores.sqlite_file import FileTrouble
from .comparison import text_of_output
from .hearing import Hearing
from .many_models import OverModels, refuse_named_models

logger: Final = logging.getLogger("aisa_integrations")


class RunnableABTest(OverModels):
    """Deal each call to one of several models, and write down a row for it; what a model raises is raised.

    A row that can't be written is told on the logger `aisa_integrations` and counted in `unwritten`: the answer is paid
    for, and is given all the same.

    Args:
        models: by id, the models as they are asked; the others are held against the first.
        split: which call goes to which.
        log: where the rows go.
        key: the entry of `config["configurable"]` that always gets the same model.
        texts: whether prompts and answers are written down too.
    """

    def __init__(
        self, models: Mapping[str, Runnable[Any, Any]], split: Split, log: Log, *, key: str, texts: bool
    ) -> None:
        self.models = models
        self._split = split
        self._log = log
        self._key = key
        self._texts = texts
        self._numbers = itertools.count()
        self.unwritten = 0

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Ask the model that this call is dealt to."""
        trial = self._deal(input, config, kwargs, stream=False)
        with trial, trial.hearing as hearing:
            hearing.output = trial.model.invoke(input, trial.config, **kwargs)
        return hearing.output

    def stream(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[Any]:
        """Stream the answer of the model that this call is dealt to."""
        trial = self._deal(input, config, kwargs, stream=True)
        with trial:
            yield from trial.hearing.stream(trial.model.stream(input, trial.config, **kwargs))

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Ask the model that this call is dealt to."""
        trial = self._deal(input, config, kwargs, stream=False)
        async with trial:
            with trial.hearing as hearing:
                hearing.output = await trial.model.ainvoke(input, trial.config, **kwargs)
        return hearing.output

    async def astream(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> AsyncIterator[Any]:
        """Stream the answer of the model that this call is dealt to."""
        trial = self._deal(input, config, kwargs, stream=True)
        async with trial, aclosing(trial.hearing.astream(trial.model.astream(input, trial.config, **kwargs))) as live:
            async for chunk in live:
                yield chunk

    def arm(self, key: str) -> str:
        """Return the model that a key's calls are dealt to."""
        return self._split.arm(key)

    def rows(self) -> list[Row]:
        """Return what is written down, earlier runs with the same file included."""
        return self._log.rows()

    def summary(self, *, confidence: float = CONFIDENCE, seed: int = 0) -> ABSummary:
        """Return what the rows say of each model, with how sure that is, and of its difference to the first.

        Args:
            confidence: of the intervals.
            seed: of the resampling.

        Raises:
            ImportError: numpy is not installed.
        """
        return ABSummary(self.rows(), arms=self._split.arms, confidence=confidence, seed=seed)

    @staticmethod
    def read(path: str | os.PathLike[str], *, arms: Sequence[str] | None = None) -> ABSummary:
        """Return the summary of a log that was written before; see `ABSummary.read`."""
        return ABSummary.read(path, arms=arms)

    def _deal(self, input: Any, config: RunnableConfig | None, options: Mapping[str, Any], *, stream: bool) -> _Trial:
        refuse_named_models(options)
        config = ensure_config(config)
        key = config.get("configurable", {}).get(self._key)
        arm = self._split.arm(next(self._numbers) if key is None else str(key))
        named = merge_configs(config, {"metadata": {"ab_test_arm": arm}})
        return _Trial(self, arm, self.models[arm], input if self._texts else None, named, stream=stream)

    def _write(self, row: Row) -> None:
        try:
            self._log.add(row)
        except (OSError, FileTrouble) as trouble:
            self.unwritten += 1
            logger.warning("the row of a call to %s is not in the log of the A/B test: %s", row.arm, trouble)


class _Trial:
    """One call: at the end of the block, its row is written; from a loop, in a thread."""

    def __init__(
        self,
        test: RunnableABTest,
        arm: str,
        model: Runnable[Any, Any],
        said: Any,
        config: RunnableConfig,
        *,
        stream: bool,
    ) -> None:
        self.hearing = Hearing(arm)
        self.model = model
        self.config = config
        self._test = test
        self._said = said
        self._streams = stream

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exc: object) -> None:
        self._test._write(self._row())

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, *exc: object) -> None:
        await asyncio.to_thread(self._test._write, self._row())

    def _row(self) -> Row:
        hearing, texts = self.hearing, self._test._texts
        answer = text_of_output(hearing.output) if hearing.error is None else str(hearing.error)
        return row_of(
            time=hearing.began,
            arm=hearing.model,
            stream=self._streams,
            seconds=hearing.seconds,
            exchanges=hearing.exchanges,
            error=hearing.error,
            prompt=_prompt(self._said) if texts else None,
            response=answer if texts else None,
        )


def _prompt(said: Any) -> str:
    """Return what was asked as text."""
    if isinstance(said, str):
        return said
    messages = said.to_messages() if isinstance(said, PromptValue) else convert_to_messages(said)
    return get_buffer_string(messages)
