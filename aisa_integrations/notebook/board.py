"""What a cell has of its answers so far: the state behind the display, and the values that are left of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from ..comparison import Comparison, Result
from ..comparison.asking import compared
from ..comparison.question import Answered, Piece, Question
from ..errors import InterruptedStreamError
from ..tracking import Spend
from ..usage import Attempt

State = Literal["asked", "answering", "answered", "failed", "interrupted"]
INTERRUPTED = "interrupted"


class Answer:
    """One model's answer as it comes.

    Attributes:
        question: what it is asked.
        ttft: seconds to the first piece; None before it.
        answered: the result with its records, once there is one.
    """

    def __init__(self, question: Question) -> None:
        self.question = question
        self.ttft: float | None = None
        self.answered: Answered | None = None
        self._pieces: list[str] = []
        self._began = time.monotonic()

    @property
    def state(self) -> State:
        """Return how far it is."""
        if self.answered is None:
            return "answering" if self._pieces else "asked"
        error = self.answered.result.error
        if error is None:
            return "answered"
        return "interrupted" if error.code == INTERRUPTED else "failed"

    @property
    def text(self) -> str:
        """Return what has come; of an answer that broke off, what had come before."""
        result = self.answered.result if self.answered is not None else None
        return result.response if result is not None and result.response else "".join(self._pieces)

    def last(self, characters: int) -> str:
        """Return the end of what has come, without putting a long answer together for it."""
        end: list[str] = []
        for piece in reversed(self._pieces):
            end.append(piece)
            characters -= len(piece)
            if characters <= 0:
                break
        return "".join(reversed(end))

    @property
    def waited(self) -> float:
        """Return the seconds since it was asked."""
        return time.monotonic() - self._began

    def hear(self, text: str) -> None:
        """Take a piece."""
        if self.ttft is None:
            self.ttft = self.waited
        self._pieces.append(text)

    def interrupt(self) -> None:
        """Make what has come the result, unless there is one."""
        if self.answered is not None:
            return
        seconds, partial = self.waited, "".join(self._pieces)
        model = self.question.model
        error = InterruptedStreamError(
            f"{model} was interrupted after {len(partial):,} characters; what it cost is not known.",
            partial=partial, model=model, code=INTERRUPTED, attempts=(Attempt(model, None, INTERRUPTED, seconds),),
        )  # fmt: skip
        answered = self.question.failed(error, seconds)
        self.answered = replace(answered, result=replace(answered.result, response=partial, ttft=self.ttft))


class Board:
    """The answers of one cell, in the order in which the models were named.

    Attributes:
        notes: what the library logged meanwhile.
    """

    def __init__(self, questions: Sequence[Question]) -> None:
        self.questions = list(questions)
        self.notes: list[str] = []
        self.answers = {question.model: Answer(question) for question in questions}

    def take(self, arrival: Answered | Piece) -> Answer:
        """Take what has come, and return whose it is."""
        if isinstance(arrival, Piece):
            answer = self.answers[arrival.model]
            answer.hear(arrival.text)
        else:
            answer = self.answers[arrival.result.model]
            answer.answered = arrival
        return answer

    def interrupt(self) -> None:
        """Make results of what has come."""
        for answer in self.answers.values():
            answer.interrupt()

    @property
    def spend(self) -> Spend:
        """Return what the answers so far cost."""
        spend = Spend()
        for answer in self.answers.values():
            for exchange in answer.answered.exchanges if answer.answered is not None else ():
                spend.record(exchange)
        return spend

    @property
    def results(self) -> list[Result]:
        """Return the results so far."""
        return [answer.answered.result for answer in self.answers.values() if answer.answered is not None]

    def comparison(self) -> Comparison:
        """Return all of it as a value, once every model has a result."""
        found = {model: answer.answered for model, answer in self.answers.items() if answer.answered is not None}
        return compared(self.questions, found)
