"""Which call goes to which model: by the weights, the same every time, and always the same for a key."""

from collections import Counter
from typing import Any

import pytest

from aisa_integrations.ab_testing import Split
from aisa_integrations.errors import ConfigurationError

ARMS = ("a", "b", "c")


def test_calls_are_dealt_by_the_weights() -> None:
    split = Split.of(ARMS, [6, 3, 1], 0)
    counts = Counter(split.arm(call) for call in range(5_000))
    for arm, share in zip(ARMS, (0.6, 0.3, 0.1), strict=True):
        assert counts[arm] / 5_000 == pytest.approx(share, abs=0.025)


def test_another_seed_deals_others_and_the_same_one_the_same() -> None:
    def dealt(seed: int) -> list[str]:
        return [Split.of(ARMS, None, seed).arm(call) for call in range(100)]

    assert dealt(1) == dealt(1) != dealt(2)


def test_what_a_seed_deals_is_the_same_in_every_version() -> None:
    """Written down: a test that runs for weeks must not move its users to another model with an update."""
    split = Split.of(ARMS, None, 7)
    assert "".join(split.arm(call) for call in range(24)) == "bacabaabcaaaabbaaabcccaa"
    assert [split.arm(key) for key in ("ann", "bob", "Zoë", "1")] == ["b", "c", "b", "a"]


def test_a_key_keeps_its_model_and_is_no_number() -> None:
    split = Split.of(("a", "b"), None, 0)
    assert {split.arm("ann") for _ in range(10)} == {split.arm("ann")}
    assert any(split.arm(str(call)) != split.arm(call) for call in range(20))


def test_a_model_without_a_share_is_never_asked() -> None:
    split = Split.of(ARMS, {"a": 0, "c": 0, "b": 2}, 0)
    assert {split.arm(call) for call in range(500)} == {"b"}


@pytest.mark.parametrize(
    ("arms", "weights", "complaint"),
    [
        (("a",), None, "two models or more"),
        (("a", "a"), None, "each once"),
        (("a", "b"), [1], "1 weights for 2 models"),
        (("a", "b"), [1, -1], "shares"),
        (("a", "b"), [0, 0], "shares"),
        (("a", "b"), [1, float("nan")], "shares"),
        (("a", "b"), {"a": 1}, "weights names a"),
    ],
)
def test_what_can_not_be_split(arms: Any, weights: Any, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        Split.of(arms, weights, 0)
