"""Plain chunks go on to an SDK as they came: what is read of them, and what the SDK gets, is the same as ever."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from aisa_integrations.transport.effects import framed
from aisa_integrations.transport.readers import ChatReader

TEXTS = st.sampled_from(["Hi", " 你好", 'a "quote"', "line\nbreak", '"usage": 1', "\u2028", ""])
DELTAS = st.one_of(
    st.builds(lambda text: {"content": text}, TEXTS),
    st.builds(lambda text: {"content": text}, TEXTS),
    st.sampled_from(
        [
            {"role": "assistant", "content": None},
            {"reasoning_content": "Hm"},
            {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{"}}]},
            {"content": "Hi", "tool_calls": [{"index": 0}]},
            {},
            None,
        ]
    ),
)
CHOICES = st.fixed_dictionaries(
    {"delta": DELTAS, "finish_reason": st.sampled_from([None, None, None, "stop", "error"])},
    optional={"index": st.sampled_from([0, 0, 1, None])},
)
CHUNKS = st.builds(
    lambda choices, rest: {"choices": choices, **rest},
    st.lists(CHOICES, min_size=1, max_size=2) | st.lists(CHOICES, min_size=1, max_size=1),
    st.sampled_from([{}, {}, {}, {"usage": {"prompt_tokens": 1}}, {"usage": None}, {"error": {"message": "no"}}]),
)
ODD = st.sampled_from(
    [
        {"choices": [], "usage": {"prompt_tokens": 1}},
        {"error": {"message": "no"}},
        {"error": None, "choices": [{"index": 0, "delta": {"content": "x"}}]},
        {"choices": {"delta": {"content": "x"}}},
        "[DONE]",
        "not JSON",
        "[]",
        "",
    ]
)
EVENTS = st.integers(0, 9).flatmap(lambda number: ODD if number == 9 else CHUNKS)
FORMS = st.sampled_from(
    ["data: {}\n\n"] * 8 + ["data:{}\n\n", "data: {}\r\n\r\n", ": comment\n\ndata: {}\n\n", "event: x\ndata: {}\n\n"]
)


def written(event: Any, form: str) -> bytes:
    data = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)
    return form.replace("{}", data).encode()


def state(reader: ChatReader) -> tuple[Any, ...]:
    return (
        reader.partial,
        reader.has_content,
        reader.calls_tools,
        reader.ended,
        reader.done,
        reader.error,
        reader.usage,
        reader.is_amid,
    )


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(EVENTS, FORMS), max_size=8), st.booleans(), st.data())
def test_skimming_reads_the_same_and_gives_the_same(
    events: list[tuple[Any, str]], hide_usage: bool, data: st.DataObject
) -> None:
    pieces = [written(*event) for event in events]
    cuts: bool = data.draw(st.booleans(), label="cut a piece in two")
    if pieces and cuts:
        at = data.draw(st.integers(0, len(pieces) - 1))
        cut = data.draw(st.integers(0, len(pieces[at])))
        pieces[at : at + 1] = [pieces[at][:cut], pieces[at][cut:]]
    skimming, reading = ChatReader(hide_usage=hide_usage), ChatReader(hide_usage=hide_usage)
    for piece in pieces:
        whole = framed(reading.feed(piece))
        given_on = piece if skimming.skim(piece) else framed(skimming.feed(piece))
        assert given_on == whole
        assert state(skimming) == state(reading)
