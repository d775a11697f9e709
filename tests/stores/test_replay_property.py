"""A reply becomes events and the same reply again, whatever it holds; and events are never put together wrongly."""

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aisa_integrations.transport.replay import as_events, assemble
from aisa_integrations.transport.surfaces import Surface

TEXT = st.text(max_size=8)
SCALARS = st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
JSON = st.recursive(
    st.none() | SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
# Members that nobody has heard of yet.
UNKNOWN = st.dictionaries(TEXT.map("x_{}".format), JSON, max_size=2)


def members(required: dict, optional: dict | None = None):
    """An object of known members and some unknown ones."""
    known = st.fixed_dictionaries(required, optional=optional or {})
    return st.builds(lambda known, unknown: {**unknown, **known}, known, UNKNOWN)


FUNCTION = members({"name": TEXT.filter(bool), "arguments": TEXT})
CALL = members({"id": TEXT.filter(bool), "type": st.just("function"), "function": FUNCTION})
MESSAGE = members(
    {"role": st.just("assistant"), "content": st.none() | TEXT},
    {
        "reasoning_content": st.none() | TEXT,
        "reasoning": st.none() | TEXT,
        "refusal": st.none() | TEXT,
        "audio": st.none(),
        "tool_calls": st.none() | st.lists(CALL, max_size=3),
        "function_call": st.none() | FUNCTION,
        "annotations": st.lists(JSON, max_size=2),
    },
).filter(lambda said: said["content"] != "" or not (said.keys() & {"tool_calls", "function_call", "refusal"}))
LOGPROBS = members({"content": st.none() | st.lists(JSON, max_size=3)}, {"refusal": st.none() | st.lists(JSON)})
CHOICE = members(
    {"message": MESSAGE, "finish_reason": st.sampled_from(["stop", "length", "tool_calls", "content_filter"])},
    {"logprobs": st.none() | LOGPROBS.map(lambda told: {k: v for k, v in told.items() if not k.startswith("x_")})},
)
CHAT = members(
    {
        "id": TEXT,
        "object": st.just("chat.completion"),
        "created": st.integers(0),
        "model": TEXT,
        "choices": st.lists(CHOICE, min_size=1, max_size=3).map(
            lambda choices: [{**choice, "index": index} for index, choice in enumerate(choices)]
        ),
    },
    {
        "system_fingerprint": st.none() | TEXT,
        "service_tier": st.none() | TEXT,
        "usage": members({"prompt_tokens": st.integers(0), "cost": st.floats(0, 1)}),
        "error": st.none(),
    },
)

PART = members({"text": TEXT}, {"thought": st.booleans()}) | members({"functionCall": members({"name": TEXT})})
CANDIDATE = members(
    {
        "content": members({"parts": st.lists(PART, max_size=3), "role": st.just("model")}),
        "finishReason": st.sampled_from(["STOP", "MAX_TOKENS"]),
    },
    {"safetyRatings": st.lists(JSON, max_size=2)},
)
GEMINI = members(
    {
        "candidates": st.lists(CANDIDATE, min_size=1, max_size=2).map(
            lambda found: [{**candidate, "index": index} for index, candidate in enumerate(found)]
        )
    },
    {"usageMetadata": members({"totalTokenCount": st.integers(0)}), "modelVersion": TEXT, "responseId": TEXT},
)


@given(CHAT)
def test_a_chat_reply_comes_back_as_it_was(reply):
    before = copy.deepcopy(reply)
    events = as_events(reply, Surface.CHAT, include_usage=True)
    shown = copy.deepcopy(events)
    assert assemble(events, Surface.CHAT) == before
    assert reply == before
    assert events == shown


@given(CHAT)
def test_usage_is_in_the_events_only_where_it_was_asked_for(reply):
    events = as_events(reply, Surface.CHAT, include_usage=False)
    assert all(event["choices"] and "usage" not in event for event in events)
    reply.pop("usage", None)
    assert assemble(events, Surface.CHAT) == reply


@given(GEMINI)
def test_a_gemini_reply_comes_back_as_it_was(reply):
    assert assemble(as_events(reply, Surface.GEMINI, include_usage=False), Surface.GEMINI) == reply


@given(CHAT, st.data())
def test_texts_cut_anywhere_are_the_same_text(reply, data):
    cut = []
    for event in as_events(reply, Surface.CHAT, include_usage=True):
        cut += cut_in_two(event, data)
    assert assemble(cut, Surface.CHAT) == reply


def cut_in_two(event: dict, data: st.DataObject) -> list[dict]:
    """The same event, or, where it holds one text or a call's arguments, two that hold a piece each."""
    if not event["choices"]:
        return [event]
    (choice,) = event["choices"]
    delta = choice["delta"]
    if len(delta) != 1:
        return [event]
    ((name, value),) = delta.items()
    if isinstance(value, str):
        at = data.draw(st.integers(0, len(value)))
        halves: list[dict[str, Any]] = [{name: value[:at]}, {name: value[at:]}]
    elif name == "tool_calls" and value:
        (call,) = value
        arguments = call["function"]["arguments"]
        at = data.draw(st.integers(0, len(arguments)))
        first = {**call, "function": {**call["function"], "arguments": arguments[:at]}}
        halves = [{name: [first]}, {name: [{"index": call["index"], "function": {"arguments": arguments[at:]}}]}]
    else:
        return [event]
    rest = {**choice, "logprobs": None} if "logprobs" in choice else choice
    return [
        {**event, "choices": [{**whole, "delta": half}]} for whole, half in zip((choice, rest), halves, strict=True)
    ]


@given(st.lists(st.dictionaries(st.sampled_from(["choices", "candidates", "usage", "error"]), JSON, max_size=3)))
def test_nonsense_is_none_and_no_error(events):
    for surface in Surface:
        assert assemble(events, surface) is None or surface in (Surface.CHAT, Surface.GEMINI)


@given(
    st.recursive(
        JSON,
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "choices",
                        "delta",
                        "tool_calls",
                        "function",
                        "index",
                        "logprobs",
                        "content",
                        "finish_reason",
                        "candidates",
                        "parts",
                        "finishReason",
                        "functionCall",
                        "text",
                        "promptFeedback",
                    ]
                ),
                inner,
            )
        ),
    )
)
def test_any_json_is_assembled_or_none(event):
    for surface in (Surface.CHAT, Surface.GEMINI):
        whole = assemble([event], surface)
        assert whole is None or isinstance(whole, dict)
