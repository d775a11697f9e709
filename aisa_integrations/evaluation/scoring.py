"""What an answer is worth: functions of the text and its row, or named measures. What raises is told, never lost."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..errors import ConfigurationError
from .digests import digest, digest_of_function
from .record import Answer, Marks

Score = str | Callable[..., Any]
Measure = Callable[[str, str], bool]

# The name of a score that is the only one.
ONLY: Final = "score"
# The one name that a score can't have: its column is taken.
_ERROR: Final = "error"
_NO_NAME: Final = "no score can be named error: its column, score_error, holds what a score raised; take another name"


def _exact_match(text: str, expected: str) -> bool:
    return text.strip() == expected.strip()


def _contains(text: str, expected: str) -> bool:
    return expected.strip().casefold() in text.casefold()


def _matches(text: str, expected: str) -> bool:
    return re.search(expected, text) is not None


MEASURES: Final[dict[str, Measure]] = {"exact_match": _exact_match, "contains": _contains, "matches": _matches}


@dataclass(frozen=True, slots=True)
class Scorer:
    """Score answers.

    Args:
        parts: functions of an answer and its row's fields, by name; a name of None is for one that gives several.
        code: changes when the scoring does.
        quick: whether it takes no time and calls nothing of the user's.
    """

    parts: tuple[tuple[str, Callable[[Answer, Mapping[str, Any]], Any]], ...]
    code: str
    quick: bool

    def stamp(self, content: str) -> str:
        """Return what an answer to a row of this content was scored by."""
        return digest([self.code, content])

    def marks(self, answer: Answer, fields: Mapping[str, Any], stamp: str) -> Marks:
        """Score one answer in this thread."""
        return _gathered([(name, _tried(part, answer, fields)) for name, part in self.parts], stamp)

    async def marks_async(self, answer: Answer, fields: Mapping[str, Any], stamp: str) -> Marks:
        """Score one answer; the functions may be async."""
        found = [(name, _tried(part, answer, fields)) for name, part in self.parts]
        return _gathered([(name, await _awaited(outcome)) for name, outcome in found], stamp)


def scorer_of(score: Score | Sequence[Score] | None, expected: str | None, *, may_await: bool) -> Scorer | None:
    """Return what scores, or None where nothing does.

    Args:
        score: a function, the name of a measure, or several of them.
        expected: the field that holds the right answer, or a list of right answers, for the measures.
        may_await: whether a function may be async.

    Raises:
        ConfigurationError: it is none of these.
    """
    if score is None:
        if expected is not None:
            raise ConfigurationError(f"expected={expected!r} is for score=…: {', '.join(MEASURES)}.")
        return None
    several = isinstance(score, Iterable) and not isinstance(score, str)
    scores: list[Any] = list(score) if several else [score]  # type: ignore[arg-type]
    if not scores:
        raise ConfigurationError("score is empty: name a measure, give a function, or leave it out.")
    parts = []
    for one in scores:
        if inspect.iscoroutinefunction(one) and not may_await:
            raise ConfigurationError("score is an async function, which evaluate() can't await; aevaluate() can.")
        name = (one if isinstance(one, str) else getattr(one, "__name__", type(one).__name__)) if several else ONLY
        parts.append((name, _measured(one, expected) if isinstance(one, str) else _called(one)))
    names = [name for name, _ in parts]
    if _ERROR in names:
        raise ConfigurationError(_NO_NAME)
    if len(set(names)) < len(names):
        raise ConfigurationError(f"two scores have one name: {', '.join(names)}.")
    code = digest(
        [
            [name, one if isinstance(one, str) else digest_of_function(one)]
            for name, one in zip(names, scores, strict=True)
        ]
        + [expected]
    )
    return Scorer(tuple(parts), code, all(isinstance(one, str) for one in scores))


def described(score: Score | Sequence[Score] | None) -> Any:
    """Return the score as a results file tells it."""
    if score is None or isinstance(score, str):
        return score
    if isinstance(score, Iterable):
        return [described(one) for one in score]
    return {"function": getattr(score, "__qualname__", repr(type(score))), "code": digest_of_function(score)}


def _measured(name: str, expected: str | None) -> Callable[[Answer, Mapping[str, Any]], Any]:
    if name not in MEASURES:
        raise ConfigurationError(f"score is a function or one of {', '.join(MEASURES)}, not {name!r}.")
    if expected is None:
        raise ConfigurationError(f"score={name!r} needs expected=…: the field of a row that holds the right answer.")
    measure = MEASURES[name]

    def measured(answer: Answer, fields: Mapping[str, Any]) -> bool:
        right = _right(fields.get(expected), always_in=name != "exact_match")
        if not right:
            raise ConfigurationError(f"the row has no {expected!r} to compare with, but {', '.join(fields)}.")
        return any(measure(answer.response, str(one)) for one in right)

    return measured


def _right(value: Any, *, always_in: bool) -> list[Any]:
    """Return the right answers; `always_in` leaves the empty text out, which every answer contains."""
    if callable(listed := getattr(value, "tolist", None)):  # numpy's, as data frames hold them
        value = listed()
    several = list(value) if isinstance(value, (list, tuple, set, frozenset)) else [value]
    known = [one for one in several if one is not None and one == one]  # not a number: a gap
    return [one for one in known if str(one).strip()] if always_in else known


def _called(function: object) -> Callable[[Answer, Mapping[str, Any]], Any]:
    if not callable(function):
        raise ConfigurationError(f"score is a function of a text and its row, or a name, not {function!r}.")
    called: Callable[..., Any] = function
    try:
        whole = "result" in inspect.signature(called).parameters
    except (TypeError, ValueError):  # a built-in one that does not tell
        whole = False
    if whole:
        return lambda answer, fields: called(answer.response, fields, result=answer)
    return lambda answer, fields: called(answer.response, fields)


def _tried(part: Callable[[Answer, Mapping[str, Any]], Any], answer: Answer, fields: Mapping[str, Any]) -> Any:
    try:
        return part(answer, fields)
    except Exception as error:
        return error


async def _awaited(outcome: Any) -> Any:
    if not isinstance(outcome, Awaitable):
        return outcome
    try:
        return await outcome
    except Exception as error:
        return error


def _gathered(found: Iterable[tuple[str, Any]], stamp: str) -> Marks:
    scores: dict[str, float] = {}
    errors: list[str] = []
    for name, outcome in found:
        for key, value in outcome.items() if isinstance(outcome, Mapping) else [(name, outcome)]:
            number = _number(value) if key != _ERROR else _NO_NAME
            if isinstance(number, float):
                scores[str(key)] = number
            elif number is not None:
                errors.append(number if key == ONLY else f"{key}: {number}")
    return Marks(scores, "; ".join(errors) or None, stamp)


def _number(value: Any) -> float | str | None:
    """Return a score as a number, None where there is none, or what is wrong with it."""
    if value is None:
        return None
    if isinstance(value, Exception):
        return f"{type(value).__name__}: {value}"
    if inspect.iscoroutine(value):
        value.close()
        return "the score is a coroutine, which evaluate() can't await; aevaluate() can"
    try:
        number = float(value)
    except OverflowError:
        return "a score is a finite number, not one beyond what a float holds"
    except (TypeError, ValueError):
        return f"a score is a number, True or False, or a dict of these, not {type(value).__name__}"
    return number if math.isfinite(number) else f"a score is a finite number, not {number}"
