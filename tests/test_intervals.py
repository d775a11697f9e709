"""Bootstrap and Wilson intervals: against known figures, against the truth they should cover, and at the edges."""

import random
import statistics
import subprocess
import sys

import pytest

from aisa_integrations.errors import ConfigurationError
from aisa_integrations.intervals import Interval, bootstrap, bootstrap_difference, proportion, proportion_difference


def sample(count: int, mean: float, seed: int) -> list[float]:
    draw = random.Random(seed)
    return [draw.expovariate(1 / mean) for _ in range(count)]


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [("mean", 3.2), ("median", 2.0), ("sum", 16.0), ("p90", 7.0), (lambda drawn, axis: drawn.max(axis=axis), 9.0)],
)
def test_the_estimate_is_the_sample_s_own(statistic, expected):
    found = bootstrap([0, 1, 2, 4, 9], statistic)
    assert found is not None
    assert found.estimate == pytest.approx(expected)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.estimate <= found.high
    assert (found.count, found.confidence) == (5, 0.95)


def test_the_same_seed_draws_the_same_and_another_one_does_not():
    values = sample(40, 1.0, seed=1)
    assert bootstrap(values, seed=3) == bootstrap(values, seed=3) != bootstrap(values, seed=4)


def test_it_holds_the_truth_about_as_often_as_it_says():
    """100 samples of 60 from a skewed distribution: a 90 % interval misses some of them, and not many."""
    held = sum(1.0 in bootstrap(sample(60, 1.0, seed), confidence=0.9, resamples=400) for seed in range(100))  # type: ignore[operator]
    assert 78 <= held <= 97


def test_it_narrows_with_more_values_and_with_less_confidence():
    def width(found: Interval | None) -> float:
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        return found.high - found.low

    few, many = sample(30, 1.0, seed=5), sample(3_000, 1.0, seed=5)
    assert width(bootstrap(many)) < width(bootstrap(few)) / 5
    assert width(bootstrap(few, confidence=0.5)) < width(bootstrap(few, confidence=0.99)) / 2


def test_a_large_sample_is_drawn_in_several_goes(monkeypatch):
    values = sample(50, 1.0, seed=2)
    whole = bootstrap(values, resamples=100)
    monkeypatch.setattr("aisa_integrations.intervals._DRAWN_AT_ONCE", 50 * 7)
    assert bootstrap(values, resamples=100) == whole


def test_a_difference_of_two_samples_and_of_pairs():
    slow = sample(200, 2.0, seed=7)
    slower = [value + 0.3 for value in slow]
    paired = bootstrap_difference(slower, slow, paired=True)
    assert paired is not None
    assert (paired.estimate, paired.low, paired.high) == pytest.approx((0.3, 0.3, 0.3))
    apart = bootstrap_difference(slower, slow)
    assert apart is not None
    assert apart.estimate == pytest.approx(0.3)
    # The same figures as two unrelated samples say far less.
    assert 0 in apart
    assert 0 not in paired
    clear = bootstrap_difference(sample(200, 6.0, seed=8), slow, "median")
    assert clear is not None
    assert 0 not in clear
    assert clear.estimate == pytest.approx(statistics.median(sample(200, 6.0, seed=8)) - statistics.median(slow))


def test_of_one_value_the_spread_is_unknown_and_of_none_everything():
    assert bootstrap([2.5]) == Interval(2.5, None, None, 0.95, 1)
    assert 7 in Interval(2.5, None, None, 0.95, 1)
    assert bootstrap([]) is None
    assert bootstrap_difference([1.0, 2.0], []) is None
    assert proportion(0, 0) is None
    assert proportion_difference(1, 2, 0, 0) is None


def test_wilson_s_figures():
    """From E. B. Wilson's formula as Newcombe (1998) tabulates it: 81 of 263, 15 of 148, 0 of 20, 29 of 29."""
    for hits, count, low, high in [
        (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (29, 29, 0.8830, 1.0)
    ]:  # fmt: skip
        found = proportion(hits, count)
        assert found is not None
        assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
        assert found.estimate == hits / count


def test_newcombe_s_figures():
    """Method 10 of Newcombe (1998b): 56/70 − 48/80 and 0/10 − 0/20."""
    for hits, count, others, of, low, high in [(56, 70, 48, 80, 0.0524, 0.3339), (0, 10, 0, 20, -0.1611, 0.2775)]:
        found = proportion_difference(hits, count, others, of)
        assert found is not None
        assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (lambda: bootstrap([1.0, None]), "leave out what is unknown"),  # type: ignore[list-item]
        (lambda: bootstrap([1.0, float("nan")]), "leave out what is unknown"),
        (lambda: bootstrap([1.0], "mode"), "not 'mode'"),  # type: ignore[arg-type]
        (lambda: bootstrap([1.0], confidence=95), "not 95"),
        (lambda: bootstrap([1.0], resamples=0), "not 0"),
        (lambda: bootstrap_difference([1.0, 2.0], [1.0], paired=True), "2 and 1 values"),
        (lambda: proportion(3, 2), "3 hits of 2 tries"),
    ],
)
def test_what_cannot_work_is_said(wrong, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        wrong()


def test_in_words():
    assert str(Interval(1.23456, 1.1, 1.4, 0.95, 9)) == "1.235 [1.1, 1.4]"
    assert str(Interval(2.5, None, None, 0.95, 1)) == "2.5"


def test_numpy_is_asked_for_only_where_it_is_needed():
    script = (
        "import sys; sys.modules['numpy'] = None\n"
        "from aisa_integrations.intervals import bootstrap, proportion\n"
        "print(proportion(1, 4))\n"
        "try: bootstrap([1.0])\n"
        "except ImportError as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == [
        "0.25 [0.04559, 0.6994]",
        'bootstrap intervals need numpy: pip install "aisa-integrations[eval]"',
    ]
