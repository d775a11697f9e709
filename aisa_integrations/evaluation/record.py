"""One finished call of an evaluation as a value, and as the plain fields that a results file and a table hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from ..comparison import COLUMNS
from ..comparison.question import Answered
from ..tracking import Spend
from ..usage import CostKind
from .rows import Row

ZERO: Final = Decimal(0)
# Beside the columns that every table of answers has; those of the scores come last.
ROW_COLUMNS: Final = ("row", "id", *COLUMNS)


@dataclass(frozen=True, slots=True)
class Marks:
    """What an answer was found to be worth.

    Args:
        scores: by name.
        error: what a score raised, or None.
        stamp: of what scored it, and of the row it was scored by.
    """

    scores: Mapping[str, float] = field(default_factory=dict)
    error: str | None = None
    stamp: str | None = None

    def to_fields(self) -> dict[str, Any]:
        """Return it as plain fields."""
        return {"scores": dict(self.scores), "score_error": self.error, "scored_by": self.stamp}


NOT_SCORED: Final = Marks()


@dataclass(frozen=True, slots=True)
class Answer:
    """What one model made of one row.

    Args:
        row: the row's place in the data, from 0.
        id: the row's own id, else its place.
        model: the id that was asked.
        ok: whether it answered.
        response: the text of the answer; empty where there is none.
        message: the whole message where it holds more than a text, such as tool calls; else None.
        latency: seconds from the call to the end of the reply, or to the error.
        ttft: seconds to the first content; None for an error.
        input_tokens: of the prompt, None where not known.
        output_tokens: of the answer, likewise.
        cost: USD of the answer, None where not known.
        cost_kind: `billed`, `estimated`, or None.
        billed: USD that the gateway said for the whole call, failed attempts included.
        estimated: USD by the catalogue's price for the whole call.
        unknown: whether the call has a cost that is not known, or not in full.
        finish_reason: why the answer ended.
        served_by: the id that answered.
        error: what went wrong, with its type, or None.
        marks: what it was found to be worth.
    """

    row: int
    id: str
    model: str
    ok: bool
    response: str
    message: Mapping[str, Any] | None
    latency: float | None
    ttft: float | None
    input_tokens: int | None
    output_tokens: int | None
    cost: Decimal | None
    cost_kind: CostKind | None
    billed: Decimal
    estimated: Decimal
    unknown: bool
    finish_reason: str | None
    served_by: str | None
    error: str | None
    marks: Marks = NOT_SCORED

    @property
    def scores(self) -> Mapping[str, float]:
        """Return the scores by name."""
        return self.marks.scores

    @property
    def score(self) -> float | None:
        """Return the only score, or the first of several; None where there is none."""
        return next(iter(self.marks.scores.values()), None)

    @property
    def score_error(self) -> str | None:
        """Return what a score raised, or None."""
        return self.marks.error

    @property
    def error_type(self) -> str | None:
        """Return the name of the error's class, or None."""
        return None if self.error is None else self.error.partition(":")[0]

    def to_dict(self) -> dict[str, Any]:
        """Return a flat row of plain values: `ROW_COLUMNS`, the scores, and what a score raised."""
        values = (
            *(self.row, self.id, self.model, self.ok, self.latency, self.ttft, self.input_tokens, self.output_tokens),
            *(None if self.cost is None else float(self.cost), self.cost_kind, self.served_by, self.error),
            self.response,
        )
        named = {column_of(name): value for name, value in self.scores.items()}
        return {**dict(zip(ROW_COLUMNS, values, strict=True)), **named, "score_error": self.score_error}


def column_of(score: str) -> str:
    """Return the name of a score's column."""
    return score if score == "score" else f"score_{score}"


def to_fields(answer: Answer, key: str) -> dict[str, Any]:
    """Return what a results file holds of an answer; amounts are written to the last digit."""
    return {
        "key": key,
        **dict(zip(ROW_COLUMNS[:4], (answer.row, answer.id, answer.model, answer.ok), strict=True)),
        "latency_s": answer.latency,
        "ttft_s": answer.ttft,
        "input_tokens": answer.input_tokens,
        "output_tokens": answer.output_tokens,
        "cost_usd": _written(answer.cost),
        "cost_kind": answer.cost_kind,
        "billed_usd": _written(answer.billed),
        "estimated_usd": _written(answer.estimated),
        "cost_unknown": answer.unknown,
        "finish_reason": answer.finish_reason,
        "served_by": answer.served_by,
        "error": answer.error,
        "response": answer.response,
        **({} if answer.message is None else {"message": answer.message}),
        **answer.marks.to_fields(),
    }


def from_fields(held: Mapping[str, Any]) -> Answer:
    """Return an answer from what a results file holds of it."""
    return Answer(
        row=held["row"],
        id=held["id"],
        model=held["model"],
        ok=held["ok"],
        response=held["response"],
        message=held.get("message"),
        latency=held["latency_s"],
        ttft=held["ttft_s"],
        input_tokens=held["input_tokens"],
        output_tokens=held["output_tokens"],
        cost=_read(held["cost_usd"]),
        cost_kind=held["cost_kind"],
        billed=_read(held["billed_usd"]) or ZERO,
        estimated=_read(held["estimated_usd"]) or ZERO,
        unknown=held["cost_unknown"],
        finish_reason=held["finish_reason"],
        served_by=held["served_by"],
        error=held["error"],
        marks=Marks(held.get("scores") or {}, held.get("score_error"), held.get("scored_by")),
    )


def answer_of(row: Row, answered: Answered) -> Answer:
    """Return what a call to a model about a row came to."""
    result, spend = answered.result, Spend()
    for exchange in answered.exchanges:
        spend.record(exchange)
    message = result.message
    plain = message is None or not {*message} - {"role", "content", "refusal"} - {
        name for name, value in message.items() if not value
    }
    return Answer(
        row=row.number,
        id=row.id,
        model=result.model,
        ok=result.ok,
        response=result.response,
        message=None if plain else message,
        latency=round(result.latency, 6),
        ttft=None if result.ttft is None else round(result.ttft, 6),
        input_tokens=result.usage.prompt_tokens,
        output_tokens=result.usage.completion_tokens,
        cost=result.cost,
        cost_kind=result.usage.cost_kind,
        billed=spend.billed,
        estimated=spend.estimated,
        unknown=bool(spend.unknown),
        finish_reason=result.finish_reason,
        served_by=result.served_by,
        error=None if result.error is None else said(result.error),
    )


def unasked(row: Row, model: str, error: Exception) -> Answer:
    """Return what stands for a row about which nothing could be asked; it cost nothing."""
    return Answer(
        row=row.number, id=row.id, model=model, ok=False, response="", message=None, latency=None, ttft=None,
        input_tokens=None, output_tokens=None, cost=None, cost_kind=None, billed=ZERO, estimated=ZERO, unknown=False,
        finish_reason=None, served_by=None, error=said(error),
    )  # fmt: skip


def said(error: Exception) -> str:
    """Return an error in words, its type first."""
    return f"{type(error).__name__}: {error}"


def _written(amount: Decimal | None) -> float | str | None:
    """Return an amount as a number, or as a text where a float would round it."""
    if amount is None:
        return None
    number = float(amount)
    return number if Decimal(repr(number)) == amount else f"{amount:f}"


def _read(amount: object) -> Decimal | None:
    return None if amount is None else Decimal(str(amount))
