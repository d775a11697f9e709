"""What rows may come in, and what is said of those that can't be read: before anything is sent."""

import itertools
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy
import pandas
import pytest

from aisa_integrations import ConfigurationError
from tests.evaluation.conftest import MODELS, asked

FIELDS = [{"id": "a", "q": "eins"}, {"id": "b", "q": "zwei {x}"}, {"id": "c", "q": "你好"}]
ONE = ["gpt-4o"]


def written(path: Path, kind: str) -> Path:
    file = path / f"rows.{kind}"
    if kind == "jsonl":
        file.write_text("\ufeff" + "\n\n".join(json.dumps(row, ensure_ascii=False) for row in FIELDS), encoding="utf-8")
    elif kind == "csv":
        file.write_text("id,q\na,eins\nb,zwei {x}\nc,你好\n", encoding="utf-8")
    else:
        pandas.DataFrame(FIELDS).to_parquet(file)
    return file


FORMS: dict[str, Any] = {
    "a list": lambda path: FIELDS,
    "a generator": lambda path: (row for row in FIELDS),
    "a data frame": lambda path: pandas.DataFrame(FIELDS),
    "JSONL": lambda path: written(path, "jsonl"),
    "CSV": lambda path: str(written(path, "csv")),
    "Parquet": lambda path: written(path, "parquet"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_rows_is_asked_in_order(run, gateway, tmp_path, form):
    found = run(FORMS[form](tmp_path), ONE, prompt="Say {q}", concurrency=1)
    assert [text for _, text in asked(gateway)] == ["Say eins", "Say zwei {x}", "Say 你好"]
    assert [(one.row, one.id) for one in found] == [(0, "a"), (1, "b"), (2, "c")]
    assert (found.total, found.complete) == (3, True)


def test_texts_are_their_own_prompts(run, gateway):
    found = run(["Hello", "Adieu {x}"], concurrency=1)
    assert [text for _, text in asked(gateway)] == ["Hello", "Hello", "Adieu {x}", "Adieu {x}"]
    assert [(one.row, one.id, one.model) for one in found] == [(n, str(n), m) for n in (0, 1) for m in MODELS]


def test_messages_of_a_row_are_sent_as_they_are(run, gateway):
    messages = [{"role": "system", "content": "Be {brief}"}, {"role": "user", "content": "Hello"}]
    run([{"messages": messages}], ONE)
    assert gateway.requests[0].json["messages"] == messages


def test_a_generator_is_read_as_it_is_needed(run, gateway):
    read: list[int] = []

    def rows() -> Any:
        for number in itertools.count():
            read.append(number)
            yield {"n": number}

    # Of so many rows only those are read that were asked about, and a few more.
    gateway.script.fail("*", "bad_key", after=40)
    found = run(rows(), prompt="Say {n}", concurrency=2)
    assert found.stopped is not None
    assert len(found) >= 40
    assert len(read) < 20 + 20
    assert (found.total, found.complete) == (None, False)


def test_a_missing_value_is_not_asked_about(run, gateway):
    frame = pandas.DataFrame({"q": ["one", None, "three"], "n": [1, 2, None]})
    found = run(frame, ONE, prompt="{q} {n:.0f}")
    assert [one.ok for one in found] == [True, False, False]
    assert found[1].error == "ConfigurationError: the field 'q', which the prompt asks for, is empty in this row."
    assert len(gateway.requests) == 1
    records = [{"q": "four"}, {"q": float("nan")}]  # what DataFrame.to_dict("records") gives
    assert [one.ok for one in run(records, ONE, prompt="{q}")] == [True, False]


WRONG: list[Any] = [
    (5, "rows is a list"),
    ({"a": 1}, "rows is a list"),
    ([["no dict"]], "row 0 is a dict of fields or a text, not list"),
    ("missing.jsonl", "missing.jsonl can't be read: No such file"),
    ("rows.xlsx", r"\.jsonl, \.ndjson, \.csv and \.parquet"),
    ("", "rows is the path"),
]


@pytest.mark.parametrize(("rows", "words"), WRONG, ids=[str(case[0]) for case in WRONG])
def test_what_is_no_rows_is_told(run, gateway, rows, words):
    with pytest.raises(ConfigurationError, match=words):
        run(rows, prompt="x")
    assert gateway.requests == []


BAD_FILES = [
    ("jsonl", b'{"q": 1}\n{"q": \n', "line 2 of rows.jsonl is no JSON"),
    ("jsonl", b'{"q": 1}\n\n[1]\n', "line 3 of rows.jsonl is a dict"),
    ("jsonl", b'{"q": "\xff"}', "not text in UTF-8"),
    ("csv", b"q\na,b\n", "line 2 of rows.csv has more cells than columns"),
    ("csv", b"q\n" + b"x" * 200_000, "field larger than field limit"),
    ("parquet", b"PAR1 it is not", "no Parquet file"),
]


@pytest.mark.parametrize(("kind", "content", "words"), BAD_FILES, ids=[case[2] for case in BAD_FILES])
def test_a_file_is_read_to_its_end_before_anything_is_sent(run, gateway, tmp_path, kind, content, words):
    (tmp_path / f"rows.{kind}").write_bytes(content)
    with pytest.raises(ConfigurationError, match=words):
        run(tmp_path / f"rows.{kind}", prompt="{q}")
    assert gateway.requests == []


def test_what_has_no_lasting_name_needs_an_id(run, gateway):
    thing = object()
    with pytest.raises(ConfigurationError, match=r"row 0 holds a object, .*give each row an id"):
        run([{"thing": thing}], prompt=lambda row: "Hello")
    run([{"thing": thing, "id": 7, "cost": Decimal(1)}], prompt=lambda row: "Hello")
    run([{"thing": thing, "name": "x"}], prompt=lambda row: "Hello", row_id="name")
    with pytest.raises(ConfigurationError, match="row 0 has no 'key' that names it: it holds thing, name"):
        run([{"thing": thing, "name": "x"}], prompt=lambda row: "Hello", row_id="key")
    assert len(gateway.requests) == 4


class Itself(dict):
    """A row that holds itself."""

    def __init__(self) -> None:
        super().__init__(q="x")
        self["it"] = self


@pytest.mark.parametrize(
    "row", [{"q": {1: "a", "b": 2}}, {"q": {(1, 2): "a"}}, Itself()], ids=["mixed", "tuple", "itself"]
)
def test_a_row_that_json_can_t_write_needs_an_id(run, gateway, row):
    with pytest.raises(ConfigurationError, match=r"row 0 holds .*give each row an id"):
        run([row], ONE, prompt="Hello")
    assert gateway.requests == []
    assert [one.ok for one in run([{**row, "id": 1}], ONE, prompt="Hello")] == [True]


@pytest.mark.parametrize("own", [numpy.int64(7), UUID(int=7), date(2026, 11, 25), Decimal("7.0")], ids=str)
def test_what_a_named_field_holds_names_a_row(run, own):
    assert [one.id for one in run([{"key": own}], ONE, prompt="Hello", row_id="key")] == [str(own)]
