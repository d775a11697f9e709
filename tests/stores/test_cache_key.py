"""Which requests are the same: everything that the answer depends on counts, and nothing else."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisa_integrations.cache import cache_key, key_fingerprint
from aisa_integrations.settings import ApiKey

ORIGIN, FINGERPRINT, PATH = "https://api.aisa.one", "fingerprint", "/v1/chat/completions"
BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}], "temperature": 1}


def key_of(body=BODY, *, origin=ORIGIN, fingerprint=FINGERPRINT, method="POST", path=PATH, query=""):
    return cache_key(origin, fingerprint, method, path, query, body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def shuffled(value, chance):
    if isinstance(value, list):
        return [shuffled(item, chance) for item in value]
    if not isinstance(value, dict):
        return value
    names = list(value)
    chance.shuffle(names)
    return {name: shuffled(value[name], chance) for name in names}


@given(st.dictionaries(st.text(), JSON), st.randoms())
def test_the_order_of_members_does_not_matter_and_json_changes_nothing(body, chance: random.Random):
    assert key_of(body) == key_of(shuffled(body, chance)) == key_of(json.loads(json.dumps(body)))


@given(st.dictionaries(st.text(min_size=8), JSON, min_size=1), st.data())
def test_any_changed_value_changes_the_key(body, data):
    name, other = data.draw(st.sampled_from(sorted(body))), data.draw(JSON)
    same = json.dumps(body[name], sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (key_of(body) == key_of({**body, name: other})) is same


def test_numbers_and_what_looks_like_them_are_told_apart():
    values = [1, 1.0, "1", True, 0, None, False, "", [], {}, [1], 10**30, 1e30, 0.1, 0.1 + 2**-56]
    assert len({key_of({**BODY, "temperature": value}) for value in values}) == len(values)
    assert key_of({**BODY, "temperature": 0.5}) == key_of({**BODY, "temperature": 5e-1})


@pytest.mark.parametrize(
    "other",
    [
        {"origin": "http://localhost:8080"},
        {"fingerprint": "another"},
        {"method": "PUT"},
        {"path": "/v1/responses"},
        {"query": "a=1"},
        {"body": {**BODY, "seed": 1}},
        {"body": {**BODY, "model": "gpt-4o-mini"}},
    ],
)
def test_what_the_answer_depends_on_counts(other):
    assert key_of(**other) != key_of()


@pytest.mark.parametrize(
    "same",
    [
        {**BODY, "stream": True},
        {**BODY, "stream": False, "stream_options": {"include_usage": True}},
        {**BODY, "models": ["gpt-4o", "glm-5"]},
        {**{k: v for k, v in BODY.items() if k != "model"}, "models": ["gpt-4o", "glm-5"]},
        {**BODY, "model": None, "models": ["gpt-4o"]},
    ],
)
def test_how_it_travels_and_what_comes_after_a_failure_does_not(same):
    assert key_of(same) == key_of()


def test_gemini_asks_for_a_stream_by_path():
    plain = key_of({"contents": []}, path="/v1/models/gemini-3-pro:generateContent")
    path = "/v1/models/gemini-3-pro:streamGenerateContent"
    assert key_of({"contents": []}, path=path, query=b"alt=sse") == plain
    assert key_of({"contents": []}, path=path, query="key=placeholder&alt=sse") == plain
    assert key_of({"contents": []}, path="/v1beta/models/gemini-3-pro:generateContent") != plain
    assert key_of({"contents": []}, path="/v1/models/gemini-3-flash:generateContent") != plain


def test_a_body_in_python_may_have_keys_of_several_kinds():
    assert key_of({**BODY, "logit_bias": {5: 1, "6": 2}}) == key_of({**BODY, "logit_bias": {"5": 1, "6": 2}})


def test_half_a_surrogate_pair_is_a_value_like_any_other():
    assert key_of({**BODY, "user": "\ud800"}) != key_of({**BODY, "user": "\ud801"})


def test_a_fingerprint_is_not_the_key(canary_key):
    fingerprint = key_fingerprint(ApiKey(canary_key))
    assert fingerprint == key_fingerprint(ApiKey(canary_key))
    assert fingerprint != key_fingerprint(ApiKey(canary_key + "x"))
    assert not any(canary_key[start : start + 6] in fingerprint for start in range(len(canary_key) - 5))
