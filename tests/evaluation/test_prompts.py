"""How a prompt is made of a row: what is in the data is put in as it is, and a slip of the pen is told."""

from typing import Any

import pytest

from aisa_integrations import ConfigurationError
from tests.evaluation.conftest import asked

ONE = ["gpt-4o"]
ROW: dict[str, Any] = {
    "q": "What is {x}? {0} {}", "n": 3.14159, "list": ["ä", 1], "in": {"deep": {"er": "found"}}, "a.b": "dotted",
    "Full name": "Zoë",
}  # fmt: skip

FORMATS = [
    ("{q}", "What is {x}? {0} {}"),
    ("{n:.2f} {{n}} {Full name!r}", "3.14 {n} 'Zoë'"),
    ("{list}", '["ä", 1]'),
    ("{in.deep.er} {a.b}", "found dotted"),
]


@pytest.mark.parametrize(("prompt", "sent"), FORMATS, ids=[case[0] for case in FORMATS])
def test_fields_are_put_in(run, gateway, prompt, sent):
    run([ROW], ONE, prompt=prompt)
    assert asked(gateway) == [("gpt-4o", sent)]


def test_messages_have_their_texts_filled_and_nothing_else(run, gateway):
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/{n:.0f}.png", "detail": "{q}"}}
    messages = [
        {"role": "system", "content": "About {Full name}"},
        {"role": "user", "name": "{q}", "content": [{"type": "text", "text": "{q}"}, picture]},
    ]
    run([ROW], ONE, prompt=messages)
    sent = gateway.requests[0].json["messages"]
    assert sent[0] == {"role": "system", "content": "About Zoë"}
    assert sent[1]["name"] == "{q}"
    assert sent[1]["content"][0]["text"] == ROW["q"]
    assert sent[1]["content"][1]["image_url"] == {"url": "https://example.com/3.png", "detail": "{q}"}


def test_a_function_writes_the_prompt(run, gateway):
    run([ROW], ONE, prompt=lambda row: [{"role": "user", "content": row["q"]}], system="Be brief")
    assert [message["content"] for message in gateway.requests[0].json["messages"]] == ["Be brief", ROW["q"]]


WRONG: list[Any] = [
    ("{question}", r"the prompt asks for \{question\}, and the row has q, n, .*doubled.*Nothing was sent"),
    ('Answer as {"a": 1}', 'asks for {"a"}, and the row has'),
    ("{", "prompt is no format: .*doubled"),
    ("{} {0}", "without a name"),
    ([], "prompt is a text such as"),
    (7, "prompt is a text such as"),
    (None, "neither a `prompt` nor `messages`, but q, n"),
    (lambda row: row["nope"], "prompt failed on the first row, and nothing was sent: KeyError: 'nope'"),
    (lambda row: None, "messages is a text or a list of messages, not NoneType"),
    (lambda row: " ", "there is no message"),
]


@pytest.mark.parametrize(("prompt", "words"), WRONG, ids=[case[1] for case in WRONG])
def test_what_can_t_be_asked_about_the_first_row_is_told_at_once(run, gateway, prompt, words):
    with pytest.raises(ConfigurationError, match=words) as caught:
        run([ROW, ROW], ONE, prompt=prompt)
    assert not hasattr(caught.value, "__notes__")
    assert gateway.requests == []


def test_what_can_t_be_asked_about_a_later_row_is_a_failure_of_that_row(run, gateway, tmp_path):
    rows: list[dict[str, Any]] = [{"q": "one"}, {"other": "two"}, {"q": "three"}]
    out = tmp_path / "out.jsonl"
    for _ in range(2):
        found = run(rows, prompt="Say {q}", out=out)
        assert [one.ok for one in found] == [True, True, False, False, True, True]
        assert found[2].error == (
            "ConfigurationError: the prompt asks for {q}, and the row has other. "
            "A brace that is meant is doubled: {{ or }}."
        )
        assert (found[2].cost, found[2].error_type, found.cost.unknown) == (None, "ConfigurationError", 0)
        assert len(gateway.requests) == 4
        assert len(out.read_bytes().splitlines()) == 1 + 6


def test_options_are_checked_before_anything_is_sent(run, gateway):
    for options, words in (
        ({"temprature": 1}, "Did you mean temperature"),
        ({"models": ["a", "a"]}, "named twice"),
        ({"row_id": ""}, "row_id is the name"),
        ({"concurrency": 0}, "concurrency is a whole number from 1"),
        ({"budget": -1}, "usd is an amount"),
        ({"out": ""}, "out is the path"),
        ({"expected": "x"}, "expected='x' is for score"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            run([ROW], prompt="{q}", **options)
    assert gateway.requests == []
    run([ROW], ONE, prompt="{q}", temperature=0, extra_body={"top_k": 3})
    assert (gateway.requests[0].json["temperature"], gateway.requests[0].json["top_k"]) == (0, 3)
