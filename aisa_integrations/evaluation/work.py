"""What is to be done next, what has been done, and when to stop: all decisions, for threads and tasks alike."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from ..comparison.question import Answered, Question
from ..errors import AisaError, ConfigurationError, ConnectionFailedError, InsufficientCreditsError
from .calls import Asking, Call
from .journal import Journal
from .record import NOT_SCORED, Answer, Marks, answer_of, to_fields, unasked
from .rows import Row
from .scoring import Scorer
from .tally import Tally

# Causes that are the key's: whatever is asked next, the answer is the same.
_OF_THE_KEY: Final = frozenset({"auth", "quota_exceeded"})
# Calls in a row that could not reach the gateway, after which it is taken to be gone.
_UNREACHABLE: Final = 20
# Rows that are passed over in one go, so that an event loop is not held up by what is done already.
_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class Ask:
    """A call to make."""

    call: Call
    question: Question


@dataclass(frozen=True, slots=True)
class ScoreIt:
    """An answer to score, with the stamp that its marks carry."""

    call: Call
    answer: Answer
    stamp: str


Task = Ask | ScoreIt


@dataclass(frozen=True, slots=True)
class Done:
    """What a task came to: the answer to a question, or the marks of an answer."""

    task: Task
    outcome: Answered | Marks


class Work:
    """Hand tasks out and take what they come to; every answer is in the journal before it counts.

    Rows are read as they are needed, and calls are made of a few of them at a time: the model with the fewest calls
    under way is asked next, about the earliest row, and none gets further ahead of the slowest than a window of rows.

    Args:
        rows: what to ask about.
        asking: what is asked.
        journal: what is done already, and where more is kept.
        scorer: scores the answers; None is nothing to score.
        tally: counts what is done.
        window: rows that a model may be ahead of another one.
        retry_failed: ask again what failed in an earlier run.
        rescore: score again what was scored in an earlier run by the same functions.
    """

    def __init__(
        self,
        rows: Iterator[Row],
        asking: Asking,
        journal: Journal,
        scorer: Scorer | None,
        tally: Tally,
        *,
        window: int,
        retry_failed: bool = True,
        rescore: bool = False,
    ) -> None:
        self._rows, self._asking, self._journal, self._scorer, self.tally = rows, asking, journal, scorer, tally
        self._window, self._retry_failed, self._rescore = window, retry_failed, rescore
        self._queues: dict[str, deque[Call]] = {model: deque() for model in asking.models}
        self._under_way = dict.fromkeys(asking.models, 0)
        self._to_score: deque[ScoreIt] = deque()
        self._without_credits: set[str] = set()
        self._unreachable = 0
        self._held_back = False
        self.keys: list[str] = []
        self.read_all = False
        self.paused = False
        self.stopped: AisaError | None = None

    # ---- what is next -----------------------------------------------------------------------------------------------

    def next(self) -> Task | None:
        """Return what to do next; None for nothing now. With `paused` set, ask again at once: there may be more."""
        self.paused = False
        self._read_on()
        if self._to_score:
            return self._to_score.popleft()
        if self.stopped is not None or self._held_back:
            return None
        waiting = [model for model, queue in self._queues.items() if queue]
        if not waiting:
            return None
        model = min(waiting, key=lambda one: (self._under_way[one], self._queues[one][0].row.number))
        call = self._queues[model].popleft()
        self._under_way[model] += 1
        assert isinstance(call.question, Question)
        return Ask(call, call.question)

    def _read_on(self) -> None:
        passed = 0
        while not self.read_all and self._wants_rows():
            if passed == _AT_ONCE:
                self.paused = True
                return
            row = next(self._rows, None)
            if row is None:
                self.read_all = True
                return
            passed += 1
            for call in self._asking.calls(row):
                self.keys.append(call.key)
                self._plan(call)

    def _wants_rows(self) -> bool:
        waiting = [len(queue) for queue in self._queues.values()]
        stopped = self.stopped is not None or self._held_back
        return not stopped and min(waiting) == 0 and max(waiting) < self._window and len(self._to_score) < self._window

    def _plan(self, call: Call) -> None:
        known = self._journal.get(call.key)
        if known is not None and (known.row, known.id) != (call.row.number, call.row.id):
            known = replace(known, row=call.row.number, id=call.row.id)  # it stands elsewhere in the data now
            self._journal.add({"key": call.key, "row": known.row, "id": known.id})
        if isinstance(call.question, Exception):
            if known is None:
                known = unasked(call.row, call.model, call.question)
                self._journal.add(to_fields(known, call.key))
            self.tally.add(known, new=False)
        elif known is None or (not known.ok and self._retry_failed):
            self._queues[call.model].append(call)
        elif (stamp := self._unscored(call, known)) is None:
            self.tally.add(known, new=False)
        elif self._scorer is not None and self._scorer.quick:
            marks = self._scorer.marks(known, call.row.fields, stamp)
            self._journal.add({"key": call.key, **marks.to_fields()})
            self.tally.add(known, new=False)
        else:
            self.tally.add(known, new=False)
            self._to_score.append(ScoreIt(call, known, stamp))

    def _unscored(self, call: Call, known: Answer) -> str | None:
        """Return the stamp that an answer lacks; None where there is nothing to score."""
        if self._scorer is None or not known.ok:
            return None
        stamp = self._scorer.stamp(call.row.content)
        as_it_was = known.marks.stamp == stamp and known.marks.error is None and not self._rescore
        return None if as_it_was else stamp

    # ---- what was done ----------------------------------------------------------------------------------------------

    def take(self, done: Done) -> None:
        """Keep what a task came to, and draw the conclusions."""
        call = done.task.call
        if isinstance(done.outcome, Marks):
            self._journal.add({"key": call.key, **done.outcome.to_fields()})
            self.tally.scored()
            return
        self._under_way[call.model] -= 1
        self._held_back = False
        error = done.outcome.result.error
        if error is not None and error.code == "budget_exceeded":
            self._refused_by_budget(call, error)
            return
        ends = self._ends_it(call.model, error)
        if ends and error is not None:
            self.stopped = self.stopped or error
            return
        answer = answer_of(call.row, done.outcome)
        stamp = self._unscored(call, answer)
        marks = NOT_SCORED
        if stamp is not None and self._scorer is not None and self._scorer.quick:
            marks, stamp = self._scorer.marks(answer, call.row.fields, stamp), None
        # The answer first: it was paid for, and what scores it may take long, or take the process with it.
        self._journal.add({**to_fields(answer, call.key), **marks.to_fields()})
        self.tally.add(answer, new=True)
        if stamp is not None:
            self._to_score.append(ScoreIt(call, answer, stamp))

    def _refused_by_budget(self, call: Call, error: AisaError) -> None:
        """Wait where calls under way hold what it needs: they may cost less than was set aside. Else it is spent."""
        self._queues[call.model].appendleft(call)
        if any(self._under_way.values()):
            self._held_back = True
        else:
            self.stopped = self.stopped or error

    def _ends_it(self, model: str, error: AisaError | None) -> bool:
        """Say whether an error is the end of it all, and not this call's alone."""
        self._unreachable = self._unreachable + 1 if isinstance(error, ConnectionFailedError) else 0
        if not isinstance(error, InsufficientCreditsError) or error.code == "max_cost_exceeded":
            self._without_credits.discard(model)
        else:
            self._without_credits.add(model)
        if error is None:
            return False
        causes = {attempt.cause for attempt in error.attempts}
        return (
            isinstance(error, ConfigurationError)
            or bool(causes & _OF_THE_KEY)
            # A model that the balance gates looks like an empty wallet; all of them do only where it is empty.
            or self._without_credits >= set(self._asking.models)
            or self._unreachable >= _UNREACHABLE
        )
