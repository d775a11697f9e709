"""Streams as models send them become the plain reply; what can't be said exactly becomes nothing."""

import pytest

from aisa_integrations.transport.replay import as_events, assemble
from aisa_integrations.transport.surfaces import Surface


def chat(*deltas, finish="stop", **shell):
    """A chat stream of one choice, in the loose form without an index, its finish reason in a chunk of its own."""
    chunks = [{"choices": [{"delta": delta, "finish_reason": None}]} for delta in deltas]
    return [
        {"id": "c-1", **shell, **chunk} for chunk in [*chunks, {"choices": [{"delta": {}, "finish_reason": finish}]}]
    ]


def message(*deltas):
    """The message that a chat stream amounts to."""
    whole = assemble(chat(*deltas), Surface.CHAT)
    return whole and whole["choices"][0]["message"]


def call(**members):
    return {"tool_calls": [members]}


def function(**members):
    return members


@pytest.mark.parametrize(
    ("deltas", "expected"),
    [
        ([{"role": "assistant", "content": ""}, {"content": "a"}, {"content": "b"}], {"content": "ab"}),
        ([{"role": "assistant", "content": None}, {"content": "a"}], {"content": "a"}),
        ([{"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}], {"content": "ab"}),
        ([{"content": "a"}], {"content": "a"}),
        ([{"role": "assistant"}], {"content": None}),
        (
            [{"reasoning_content": "x"}, {"reasoning_content": "y"}, {"content": "a"}],
            {"reasoning_content": "xy", "content": "a"},
        ),
        ([{"reasoning": "x"}, {"content": "a"}], {"reasoning": "x", "content": "a"}),
        ([{"refusal": "I "}, {"refusal": "can't"}], {"content": None, "refusal": "I can't"}),
        ([{"content": "a", "annotations": [1]}], {"content": "a", "annotations": [1]}),
        (
            [
                {"content": ""},
                call(index=0, id="i", type="function", function=function(name="f", arguments="")),
                call(index=0, function=function(arguments='{"a"')),
                call(index=1, id="j", type="function", function=function(name="g", arguments="{}")),
                call(index=0, id="i", function=function(name="f", arguments=":1}")),
            ],
            {
                "content": None,
                "tool_calls": [
                    {"id": "i", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
                    {"id": "j", "type": "function", "function": {"name": "g", "arguments": "{}"}},
                ],
            },
        ),
        (
            [{"function_call": {"name": "f", "arguments": "{"}}, {"function_call": {"arguments": "}"}}],
            {"content": None, "function_call": {"name": "f", "arguments": "{}"}},
        ),
    ],
)
def test_the_pieces_of_a_message_are_put_together(deltas, expected):
    assert message(*deltas) == {"role": "assistant", **expected}


@pytest.mark.parametrize(
    "deltas",
    [
        [{"audio": {"id": "a", "data": "AAAA"}}],
        [{"content": [{"type": "text", "text": "a"}]}, {"content": "b"}],
        [{"thoughts": "a"}, {"thoughts": "a"}],
        [{"thoughts": "a"}, {"thoughts": "b"}],
        [call(id="i", function=function(name="f", arguments="{}"))],
        [call(index=0, id="i", function=function(name="f")), call(index=0, id="j", function=function(name="f"))],
        [call(index=0, function=function(name="get_")), call(index=0, function=function(name="weather"))],
        ["text"],
    ],
)
def test_what_could_be_two_things_is_nothing(deltas):
    assert message(*deltas) is None


@pytest.mark.parametrize(
    "events",
    [
        [],
        [{"choices": []}],
        [{"choices": [{"delta": {"content": "cut"}}]}],
        [{"choices": [{"index": 0, "finish_reason": "stop"}, {"index": 1, "delta": {"content": "cut"}}]}],
        chat({"content": "a"}, finish="error"),
        [*chat({"content": "a"}), {"error": {"code": "server_error"}}],
        [*chat({"content": "a"}), {"service": "one"}, {"service": "another"}],
        [{"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}],
    ],
)
def test_what_is_not_whole_is_nothing(events):
    assert assemble(events, Surface.CHAT) is None


def test_choices_that_come_in_turns_are_told_apart():
    events = [
        {"choices": [{"index": index, "delta": {"content": text}, "finish_reason": finish}]}
        for index, text, finish in [(1, "b", None), (0, "a", None), (1, "B", "stop"), (0, "A", "length")]
    ]
    whole = assemble(events, Surface.CHAT)
    assert whole is not None
    said = [(c["index"], c["message"]["content"], c["finish_reason"]) for c in whole["choices"]]
    assert said == [(0, "aA", "length"), (1, "bB", "stop")]


def test_what_is_beside_the_choices_is_kept():
    events = chat({"content": "a"}, created=5, model="m", obfuscation="xyz", error=None, provider="p", usage=None)
    events[1] |= {"id": "c-2", "created": 6, "obfuscation": "z"}
    events.append({"choices": [], "usage": {"cost": 0.1}, "citations": ["u"]})
    whole = assemble(events, Surface.CHAT)
    assert whole is not None
    del whole["choices"]
    assert whole == {
        "object": "chat.completion",
        "id": "c-1",
        "created": 5,
        "model": "m",
        "error": None,
        "provider": "p",
        "usage": {"cost": 0.1},
        "citations": ["u"],
    }


def test_log_probabilities_are_strung_together():
    events = chat({"content": "a"}, {"content": "b"})
    events[0]["choices"][0]["logprobs"] = {"content": [{"token": "a"}], "refusal": None}
    events[1]["choices"][0]["logprobs"] = {"content": [{"token": "b"}], "refusal": None}
    events[2]["choices"][0]["logprobs"] = None
    whole = assemble(events, Surface.CHAT)
    assert whole is not None
    assert whole["choices"][0]["logprobs"] == {"content": [{"token": "a"}, {"token": "b"}], "refusal": None}


# ---- Gemini ---------------------------------------------------------------------------------------------------------


def gemini(*parts, finish="STOP", **shell):
    """A Gemini stream: each list of parts in an event, then an empty text with the finish reason."""
    candidates = [{"content": {"parts": each, "role": "model"}, "index": 0} for each in parts]
    last = {"content": {"parts": [{"text": ""}], "role": "model"}, "finishReason": finish, "index": 0}
    return [{"candidates": [candidate], "modelVersion": "m", **shell} for candidate in [*candidates, last]]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([[{"text": "a"}], [{"text": "b"}]], [{"text": "ab"}]),
        ([[{"text": "a"}, {"text": "b"}], [{"text": "c"}]], [{"text": "a"}, {"text": "bc"}]),
        (
            [[{"text": "x", "thought": True}], [{"text": "y", "thought": True}], [{"text": "a"}]],
            [{"text": "xy", "thought": True}, {"text": "a"}],
        ),
        (
            [[{"text": "a"}], [{"text": "", "thoughtSignature": "s"}]],
            [{"text": "a"}, {"text": "", "thoughtSignature": "s"}],
        ),
        ([[{"text": ""}], [{"functionCall": {"name": "f"}}]], [{"functionCall": {"name": "f"}}]),
        (
            [[{"text": "a"}], [{"functionCall": {"name": "f"}}], [{"functionCall": {"name": "f"}}]],
            [{"text": "a"}, {"functionCall": {"name": "f"}}, {"functionCall": {"name": "f"}}],
        ),
        ([], [{"text": ""}]),
    ],
)
def test_the_parts_of_gemini_are_put_together(parts, expected):
    whole = assemble(gemini(*parts), Surface.GEMINI)
    candidate = {"content": {"parts": expected, "role": "model"}, "finishReason": "STOP", "index": 0}
    assert whole == {"candidates": [candidate], "modelVersion": "m"}


def test_gemini_says_usage_and_ratings_anew_with_every_event():
    events = gemini([{"text": "a"}], [{"text": "b"}], usage={"cost": 0.1})
    for number, event in enumerate(events):
        event["usageMetadata"] = {"totalTokenCount": number}
        event["candidates"][0]["safetyRatings"] = [number]
    whole = assemble(events, Surface.GEMINI)
    assert whole is not None
    assert (whole["usageMetadata"], whole["usage"]) == ({"totalTokenCount": 2}, {"cost": 0.1})
    assert whole["candidates"][0]["safetyRatings"] == [2]


@pytest.mark.parametrize(
    "events",
    [
        [],
        gemini([{"text": "a"}])[:-1],
        gemini([{"functionCall": {"partialArgs": [{"jsonPath": "$.a"}], "willContinue": True}}]),
        [*gemini([{"text": "a"}]), {"error": {"code": 500}}],
        gemini(["text"]),
    ],
)
def test_what_is_not_whole_on_gemini_is_nothing(events):
    assert assemble(events, Surface.GEMINI) is None


def test_a_blocked_prompt_is_whole():
    events = [{"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 3}}]
    assert assemble(events, Surface.GEMINI) == events[0]


def test_other_surfaces_are_not_replayed():
    assert assemble(chat({"content": "a"}), Surface.RESPONSES) is None
    with pytest.raises(ValueError, match="messages"):
        as_events({}, Surface.MESSAGES, include_usage=False)
