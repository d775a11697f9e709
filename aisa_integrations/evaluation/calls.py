"""What is asked about each row, and the key by which a later run knows that it was. Pure."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..chat_body import Messages
from ..comparison.question import Question, questions
from ..errors import ConfigurationError
from ..routing.caps import Fallback
from ..settings import Origin, is_loopback
from .digests import digest
from .rows import Row


@dataclass(frozen=True, slots=True)
class Call:
    """A model to be asked about a row.

    Args:
        key: the same in every run that would ask the same.
        row: what it is about.
        model: the id.
        question: what is asked, or why nothing can be.
    """

    key: str
    row: Row
    model: str
    question: Question | Exception


class Asking:
    """Say what each model is asked about a row.

    Args:
        models: model ids, each once.
        written: writes the prompt of a row's fields.
        system: what each model is told first.
        fallbacks: asked in turn, for each of the models, when it fails.
        options: fields of the chat call.
        streams: whether answers are asked for as streams.

    Raises:
        ConfigurationError: for models, fallbacks or options that can't be asked.
    """

    def __init__(
        self,
        models: Iterable[str],
        written: Callable[[Mapping[str, Any]], str | Messages],
        system: str | None,
        fallbacks: Iterable[str | Fallback] | None,
        options: Mapping[str, Any],
        *,
        streams: bool,
    ) -> None:
        self._settings = (system, None if fallbacks is None else list(fallbacks), options)
        self._written, self._streams = written, streams
        self._gateway = ""
        self.models = tuple(question.model for question in questions(models, "?", *self._settings, streams=streams))

    def of(self, origin: Origin) -> Asking:
        """Return the same for a gateway: what one on this machine answered stands for no other's answers."""
        asking = copy.copy(self)
        asking._gateway = "local" if is_loopback(origin.host) else str(origin)
        return asking

    def calls(self, row: Row) -> list[Call]:
        """Return the calls about one row, in the order of the models.

        Raises:
            ConfigurationError: nothing can be asked about the first row, which is no accident of the data.
        """
        try:
            asked = questions(self.models, self._written(row.fields), *self._settings, streams=self._streams)
        except Exception as error:
            if row.number == 0:
                raise _first(error) from error
            name = digest([self._gateway, "nothing to ask", row.identity])
            return [Call(digest([name, model]), row, model, error.with_traceback(None)) for model in self.models]
        # How it is asked is no part of the name: the answer to a stream is as good.
        own = ("model", "models")
        shared = {field: value for field, value in asked[0].body.items() if field not in own}
        name = digest([self._gateway, shared, asked[0].body["models"][1:], row.identity])
        return [Call(digest([name, question.model]), row, question.model, question) for question in asked]


def _first(error: Exception) -> ConfigurationError:
    if isinstance(error, ConfigurationError):
        return ConfigurationError(f"{error} Nothing was sent.")
    return ConfigurationError(f"prompt failed on the first row, and nothing was sent: {type(error).__name__}: {error}")
