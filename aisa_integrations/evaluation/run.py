"""One run of an evaluation, from its arguments to what came of it; what threads and tasks have in common."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from .. import __version__
from ..chat_body import chat_options
from ..errors import ConfigurationError
from ..gateway_client import AsyncGatewayClient, GatewayClient
from ..stores.folders import resolve_path
from . import prompts, scoring
from .calls import Asking
from .journal import FileJournal, Journal, MemoryJournal
from .progress import Progress
from .result import Evaluation
from .rows import identified, rows_of
from .tally import Tally
from .work import Work

# What a key of the free tier may have at once, which is the least.
_AT_ONCE: Final = 5
_MOST_AT_ONCE: Final = 1_000
# Rows that a model may be ahead of the slowest, by calls at once.
_AHEAD: Final = 4


class Plan:
    """What an evaluation is asked for, checked before anything is opened.

    Raises:
        ConfigurationError: an argument that cannot work.
    """

    def __init__(
        self,
        rows: Any,
        models: Iterable[str],
        *,
        prompt: prompts.Prompt | None,
        system: str | None,
        score: Any,
        expected: str | None,
        out: str | PathLike[str] | None,
        row_id: str | None,
        retry_failed: bool,
        rescore: bool,
        progress: bool | None,
        stream: bool,
        fallbacks: Iterable[Any] | None,
        options: Mapping[str, Any],
        may_await: bool,
    ) -> None:
        if row_id is not None and (not isinstance(row_id, str) or not row_id):
            raise ConfigurationError(f"row_id is the name of a field, not {row_id!r}.")
        fallbacks = None if fallbacks is None else list(fallbacks)
        self.asking = Asking(models, prompts.compiled(prompt), system, fallbacks, options, streams=stream)
        self.scorer = scoring.scorer_of(score, expected, may_await=may_await)
        self.out: Path | None = None if out is None else resolve_path(out, "out")
        self.progress = Progress(progress)
        self.retry_failed, self.rescore = retry_failed, rescore
        self.rows = rows_of(rows)
        self.row_id = row_id
        self.provenance = {
            "package": f"aisa-integrations {__version__}",
            "python": platform.python_version(),
            "models": list(self.asking.models),
            "prompt": prompts.described(prompt),
            "system": system,
            "score": scoring.described(score),
            "expected": expected,
            "fallbacks": fallbacks if fallbacks is None else [str(one) for one in fallbacks],
            "options": chat_options(options),
            "stream": stream,
        }


class Run:
    """A plan under way, as a context: at its end the file is closed, and `evaluation` is there.

    Args:
        plan: what to do.
        client: who asks.
        concurrency: calls at once, or None.

    Raises:
        ConfigurationError: a number of calls, or a file, that cannot work.
    """

    def __init__(self, plan: Plan, client: GatewayClient | AsyncGatewayClient, concurrency: int | None) -> None:
        pace = client._policy.pace
        allowed = pace.at_once if pace is not None else None
        self.concurrency = _checked_concurrency(concurrency if concurrency is not None else allowed or _AT_ONCE)
        self._plan = plan
        self._provenance = {**plan.provenance, "gateway": str(client._settings.origin)}
        self._journal: Journal = MemoryJournal() if plan.out is None else FileJournal(plan.out, self._provenance)
        self.tally = Tally(plan.asking.models, plan.rows.count, plan.progress.show)
        rows, asking = identified(plan.rows.fields, plan.row_id), plan.asking.of(client._settings.origin)
        self.work = Work(
            rows, asking, self._journal, plan.scorer, self.tally,
            window=_AHEAD * self.concurrency, retry_failed=plan.retry_failed, rescore=plan.rescore,
        )  # fmt: skip
        self.evaluation: Evaluation

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._plan.progress.__exit__(kind, error, trace)
        self._journal.close()
        if error is not None:
            if self._plan.out is not None and self.tally.whole.calls:
                error.add_note(f"{self.tally.told} calls are in {self._plan.out}: the same again goes on from there.")
            return
        if self.work.read_all and self.tally.rows is None:
            self.tally.rows = len(self.work.keys) // len(self._plan.asking.models)
        kept = [key for key in self.work.keys if self._journal.has(key)]
        self.evaluation = Evaluation(
            self._journal, kept, self.tally, stopped=self.work.stopped, provenance=self._provenance
        )


def _checked_concurrency(concurrency: object) -> int:
    if isinstance(concurrency, bool) or not isinstance(concurrency, int) or not 1 <= concurrency <= _MOST_AT_ONCE:
        raise ConfigurationError(f"concurrency is a whole number from 1 to {_MOST_AT_ONCE:,}, not {concurrency!r}.")
    return concurrency
