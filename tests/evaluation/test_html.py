"""What an evaluation and its summary show in a notebook: every figure, and nothing that a page would obey."""

from pathlib import Path

from aisa_integrations import Evaluation, evaluate
from aisa_integrations.local import LocalGateway

SCRIPT = "<script>alert(1)</script>"
ROWS = [{"q": "one", "a": "one"}, {"q": "two", "a": "never said"}]


def evaluated(gateway: LocalGateway, **options: object) -> Evaluation:
    asked = {"prompt": "{q}", "score": "contains", "expected": "a", "max_tokens": 50, "max_retries": 0, **options}
    where = {"api_key": gateway.api_key, "base_url": gateway.url}
    return evaluate(ROWS, ["gpt-4o", SCRIPT], **asked, **where)  # type: ignore[arg-type]


def test_what_others_wrote_is_escaped(gateway):
    found = evaluated(gateway)
    for shown in (found._repr_html_(), found.summary()._repr_html_()):
        assert "<script" not in shown
        assert "&lt;script&gt;alert(1)" in shown
        assert "gpt-4o" in shown


def test_an_evaluation_shows_calls_failures_and_cost(gateway, tmp_path):
    gateway.script.fail("gpt-4o", "invalid_request")
    shown = evaluated(gateway, out=tmp_path / "answers.jsonl")._repr_html_()
    assert "4 calls · 2 failed" in shown
    assert "billed" in shown
    assert "answers.jsonl" in shown
    assert str(Path(tmp_path)) not in shown


def test_an_evaluation_that_ended_early_says_why(gateway):
    gateway.script.fail("*", "wallet_empty", after=1)
    shown = evaluated(gateway, concurrency=1)._repr_html_()
    assert "stopped" in shown
    assert "InsufficientCreditsError" in shown
    assert " of 4 calls" in shown


def test_a_summary_shows_scores_with_their_intervals_and_the_pairs(gateway):
    shown = evaluated(gateway).summary()._repr_html_()
    assert "0.5 <small" in shown  # a mean, and its interval beside it
    assert "0.0945 to 0.905" in shown
    assert " against " in shown
    assert "no clear difference" in shown
    assert "intervals of 95%" in shown


def test_a_summary_says_what_was_not_scored(gateway):
    def strict(text, row):
        raise ValueError(f"no idea: {row['a']}")

    shown = evaluated(gateway, score=strict, expected=None).summary()._repr_html_()
    assert "2 answers not scored" in shown
