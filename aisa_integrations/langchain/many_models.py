"""What is made of several models: the methods of a chat model that make it, and what all of it has in common."""

from __future__ import annotations

import copy
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Self, cast

from langchain_core.runnables import Runnable, RunnableConfig

from .errors import ConfigurationError

if TYPE_CHECKING:
    from .ab_test import RunnableABTest
    from .comparison import RunnableComparison
    from .escalation import RunnableEscalation
    from .judging import When

# What an answer is not to be, unless `escalate_to` is told what.
UNSATISFYING: Final = ("empty", "refusal", "length", "invalid")

# A call's own word on who is asked would put one model in the place of each.
_WHO_IS_ASKED: Final = frozenset({"model", "models", "fallbacks"})


class ManyModels:
    """The ways from one chat model to several: of the model, with what is bound to it, in whatever form it answers."""

    @property
    def _asked(self) -> str:
        """Return the id of the model that is asked."""
        raise NotImplementedError

    def _for_model(self, model: str, *, alone: bool) -> Runnable[Any, Any]:
        """Return the same for another model; `alone` is without fallbacks."""
        raise NotImplementedError

    def compare_with(self, *models: str, stream: bool = False) -> RunnableComparison:
        """Return a runnable that asks this model and others the same, all at once; errors are values in what it gives.

        Each is asked alone, without fallbacks, so that no other model's answer stands under its name.

        Args:
            models: ids of the others, each once.
            stream: ask for streams, for the time to the first content; the answers come whole all the same.

        Raises:
            ConfigurationError: no other model, or one that is named twice.
        """
        from .comparison import RunnableComparison

        names = (self._asked, *_names(models))
        return RunnableComparison({name: self._for_model(name, alone=True) for name in names}, stream=stream)

    def escalate_to(
        self, model: str | Runnable[Any, Any], *, when: When | Iterable[When] = UNSATISFYING
    ) -> RunnableEscalation:
        """Return a runnable that asks a stronger model when the answer does not satisfy.

        Args:
            model: its id, for a model with the settings of this one; or a `ChatAisa` of its own.
            when: what does not satisfy, or several such: `empty`, `refusal`, `length`, `invalid` (these four unless
                given); a function of the answer that returns True for it, or raises; a parser or another runnable
                that raises; a pydantic class that the text does not fit.

        Raises:
            ConfigurationError: a `when` that is none of these, or no other model.
        """
        from .escalation import RunnableEscalation

        return RunnableEscalation({self._asked: cast(Runnable[Any, Any], self)}, ()).escalate_to(model, when=when)

    def ab_test(
        self,
        *models: str,
        weights: Sequence[float] | Mapping[str, float] | None = None,
        seed: int = 0,
        key: str = "ab_key",
        log: str | os.PathLike[str] | None = None,
        texts: bool = False,
    ) -> RunnableABTest:
        """Return a runnable that splits its calls between this model and others, and writes down a row for each.

        Args:
            models: ids of the others, each once.
            weights: shares of the traffic, of this model first, or by model; equal ones unless given.
            seed: deals each call the same model again; another seed deals others.
            key: the entry of `config["configurable"]` that stands for who calls, and always gets the same model;
                calls without it are dealt by their number.
            log: a file of JSON lines (`.jsonl`) or a SQLite file (`.sqlite`), which may be there already and shared by
                processes; None keeps the rows in memory.
            texts: write down prompts and answers too.

        Raises:
            ConfigurationError: a model that is named twice, weights that don't fit, or a file that can't be written.
        """
        from ..ab_testing import Split
        from ..ab_testing.log import log_at
        from .ab_test import RunnableABTest

        split = Split.of((self._asked, *_names(models)), weights, seed)
        arms = {name: self._for_model(name, alone=False) for name in split.arms}
        return RunnableABTest(arms, split, log_at(log), key=key, texts=texts)


class OverModels(Runnable[Any, Any]):
    """What a runnable over several models has in common: what is bound to it is bound to each of them."""

    models: Mapping[str, Runnable[Any, Any]]

    def bind_tools(self, tools: Sequence[Any], **options: Any) -> Self:
        """Return it with tools that each model may call; see `ChatAisa.bind_tools`."""
        return self._each(lambda model: model.bind_tools(tools, **options))

    def with_structured_output(self, schema: Any = None, **options: Any) -> Self:
        """Return it so that each model answers in the form of a schema; see `ChatAisa.with_structured_output`."""
        return self._each(lambda model: model.with_structured_output(schema, **options))

    def _each(self, change: Callable[[Any], Any]) -> Self:
        changed = copy.copy(self)
        changed.models = {name: change(model) for name, model in self.models.items()}
        return changed

    @property
    def InputType(self) -> Any:
        """Return what a chat model takes."""
        return next(iter(self.models.values())).InputType

    @property
    def OutputType(self) -> Any:
        """Return what it gives."""
        return Any

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self.models)})"


def refuse_named_models(options: Mapping[str, Any]) -> None:
    """Refuse a call's option that names a model.

    Raises:
        ConfigurationError: there is one.
    """
    if named := sorted(_WHO_IS_ASKED & options.keys()):
        raise ConfigurationError(f"{named[0]}=… names a model for a call whose models are named already.")


def inside(config: RunnableConfig, run_manager: Any, tag: str, *, hidden: bool = False) -> RunnableConfig:
    """Return the configuration of a run inside this one.

    Args:
        config: of this one.
        run_manager: of this one.
        tag: of the run inside.
        hidden: whether LangGraph is to leave its tokens out of what it streams, by the tag that it knows for that.
    """
    made: RunnableConfig = {**config, "callbacks": run_manager.get_child(tag)}
    return {**made, "tags": [*(config.get("tags") or ()), "nostream"]} if hidden else made


async def only(input: Any) -> AsyncIterator[Any]:
    """Give the one input of a stream that is asked for from a loop."""
    yield input


def _names(models: Sequence[str]) -> Sequence[str]:
    for name in models:
        if not isinstance(name, str) or not name.strip():
            raise ConfigurationError(f"a model is named by its id, such as 'gpt-4o', not {name!r}.")
    if not models:
        raise ConfigurationError("name at least one other model.")
    return models
