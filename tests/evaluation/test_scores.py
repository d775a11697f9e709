"""What answers are worth: named measures, functions, several at once; what raises is told in its row."""

import asyncio
import re
from typing import Any

import numpy
import pytest

from aisa_integrations import ConfigurationError

ONE = ["gpt-4o"]
SAID = "Simulated reply from gpt-4o: you said Hello"

MEASURED: list[tuple[str, Any, float]] = [
    ("exact_match", f"  {SAID}\n", 1.0),
    ("exact_match", SAID.lower(), 0.0),
    ("exact_match", ["no", SAID], 1.0),
    ("contains", "YOU said", 1.0),
    ("contains", "Adieu", 0.0),
    ("matches", r"gpt-\d\w: you said \w+$", 1.0),
    ("matches", "^you", 0.0),
    ("contains", 4, 1.0),
    ("contains", ("Adieu", "Hello"), 1.0),
    ("contains", numpy.array(["Adieu", "Hello"]), 1.0),
]


@pytest.mark.parametrize(("name", "right", "worth"), MEASURED)
def test_named_measures(run, name, right, worth):
    found = run([{"prompt": "Hello", "answer": right, "id": 1}], ONE, score=name, expected="answer")
    assert [(one.score, one.scores, one.score_error) for one in found] == [(worth, {"score": worth}, None)]


def test_a_row_without_the_right_answer_is_told(run):
    # A text contains the empty one, as a cell of a CSV file is that is missing.
    gaps: list[Any] = ["", [], None, float("nan")]
    rows = [{"prompt": "Hello", "answer": gap} for gap in gaps]
    found = run([{"prompt": "Hello"}, *rows], ONE, score="contains", expected="answer")
    assert [one.score for one in found] == [None] * 5
    assert found[0].score_error == "ConfigurationError: the row has no 'answer' to compare with, but prompt."
    assert run(rows[:1], ONE, score="exact_match", expected="answer")[0].score == 0.0


OUTCOMES: list[tuple[Any, dict[str, float], str | None]] = [
    (lambda text, row: text == SAID, {"score": 1.0}, None),
    (lambda text, row: {"a": 0.5, "b": False}, {"a": 0.5, "b": 0.0}, None),
    (lambda text, row: None, {}, None),
    (lambda text, row: 1 / 0, {}, "ZeroDivisionError: division by zero"),
    (lambda text, row: float("nan"), {}, "a score is a finite number, not nan"),
    (lambda text, row: 10**400, {}, "a score is a finite number, not one beyond what a float holds"),
    (lambda text, row: {"error": 0.5, "n": 2}, {"n": 2.0}, "error: no score can be named error: .*"),
    (lambda text, row: "good", {}, "a score is a number, True or False, or a dict of these, not str"),
    (lambda text, row: {"a": 1, "b": "bad"}, {"a": 1.0}, "b: a score is a number, True or False, .* not str"),
    (lambda text, row, result: result.output_tokens, {"score": 11.0}, None),
    (["contains", len, lambda text, row: row["x"]], {"contains": 1.0}, r"len: TypeError: .*; <lambda>: KeyError: 'x'"),
]


@pytest.mark.parametrize(("score", "worth", "words"), OUTCOMES)
def test_functions_of_a_text_and_its_row(run, score, worth, words):
    named = isinstance(score, list)
    found = run([{"prompt": "Hello", "answer": "Hello"}], ONE, score=score, expected="answer" if named else None)
    assert found[0].scores == worth
    assert found[0].ok
    if words is None:
        assert found[0].score_error is None
    else:
        assert re.fullmatch(words, found[0].score_error)


def test_what_failed_has_no_score(run, gateway):
    gateway.script.fail("gpt-4.1", "server_error")
    calls: list[str] = []

    def counted(text: str, row: Any) -> int:
        calls.append(text)
        return 1

    found = run(["Hello"], score=counted)
    assert [(one.model, one.ok, one.score) for one in found] == [("gpt-4o", True, 1.0), ("gpt-4.1", False, None)]
    assert calls == [SAID]


def test_an_async_score_is_awaited_or_refused(run, way, gateway):
    async def judged(text: str, row: Any) -> float:
        await asyncio.sleep(0)
        if "4.1" in text:
            raise RuntimeError("no verdict")
        return 0.25

    if way == "sync":
        with pytest.raises(ConfigurationError, match=r"async function, which evaluate\(\) can't await"):
            run(["Hello"], score=judged)
        found = run(["Hello"], ONE, score=lambda text, row: judged(text, row))
        assert found[0].score_error.startswith("the score is a coroutine")
        return
    found = run(["Hello"], score=judged)
    assert [(one.score, one.score_error) for one in found] == [(0.25, None), (None, "RuntimeError: no verdict")]


WRONG: list[Any] = [
    ("exact", "one of exact_match, contains, matches, not 'exact'"),
    ("exact_match", "needs expected"),
    (7, "score is a function"),
    ([], "score is empty"),
    ([len, len], "two scores have one name"),
]


@pytest.mark.parametrize(("score", "words"), WRONG, ids=[str(case[0]) for case in WRONG])
def test_what_can_t_score_is_told(run, gateway, score, words):
    with pytest.raises(ConfigurationError, match=words):
        run(["Hello"], score=score)
    assert gateway.requests == []
