"""Values that fit their schemas, checked with pydantic."""

from __future__ import annotations

import datetime
import enum
import uuid
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from aisa_integrations.local.schema_fit import fit


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Inner(BaseModel):
    when: datetime.datetime
    day: datetime.date
    id: uuid.UUID
    ratio: Annotated[float, Field(gt=0, lt=1)]


class Tree(BaseModel):
    value: int
    children: list[Tree]
    parent: Tree | None = None


class Outer(BaseModel):
    colour: Colour
    inner: Inner
    kind: Literal["only"]
    maybe: str | None
    either: int | str
    short: Annotated[str, Field(max_length=4)]
    long: Annotated[str, Field(min_length=40)]
    many: Annotated[list[Inner], Field(min_length=2)]
    none: Annotated[list[int], Field(max_length=0)]
    step: Annotated[int, Field(ge=11, le=99, multiple_of=10)]
    pair: tuple[int, str]
    table: dict[str, int]
    flag: bool


@pytest.mark.parametrize("model", [Inner, Outer])
def test_pydantic_accepts_what_was_made_for_its_schema(model: type[BaseModel]) -> None:
    model.model_validate(fit(model.model_json_schema(), "the number is 42"))


def test_a_schema_that_refers_to_itself_comes_to_an_end() -> None:
    Tree.model_validate(fit(Tree.model_json_schema()))


def test_the_prompt_is_used() -> None:
    schema = {"properties": {"customer_name": {"type": "string"}, "input": {"type": "integer"}}}
    assert fit(schema, "Create '你好啦集团' with 7")["customer_name"] == "你好啦集团"
    assert fit(schema, "顧客 さくら商事 です")["customer_name"] == "さくら商事"
    assert fit(schema, "magic_function(12)")["input"] == 12
    assert fit(schema, "no number")["input"] == 3


def test_types_in_upper_case_and_merged_schemas() -> None:
    assert fit({"type": "OBJECT", "properties": {"n": {"type": "NUMBER", "nullable": True}}}) == {"n": 3.0}
    both = {"allOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"b": {"enum": ["x", "y"]}}}]}
    assert fit(both) == {"a": 1, "b": "x"}
