"""A policy's own fields: a wrong one is an error at once, and says what is right."""

import math
from typing import Any

import pytest

from aisa_integrations import ConfigurationError, GatewayClient, Policy
from aisa_integrations.local import LocalGateway

WRONG: list[tuple[str, Any, str]] = [
    *(("deadline", value, "deadline is a number") for value in (0, -1, None, "5", True, math.inf, math.nan, 1e7)),
    ("max_retries", 1.0, "max_retries is a whole number"),
    ("budget", 5, r"budget is a Budget\(…\)"),
    ("cache", True, r"cache is a Cache\(…\)"),
    ("cooldown", 30, r"cooldown is a Cooldown\(…\)"),
    ("cooldown", None, r"cooldown is a Cooldown\(…\)"),
    ("limits", 60, r"limits is a RateLimits\(…\)"),
    ("limits", "gold", "free, starter, growth"),
    ("max_cost_usd", 0, "max_cost_usd is an amount"),
    ("on_event", "print", "on_event is a function"),
    ("on_break", None, 'on_break is "raise" or "continue"'),
    ("allow", "OpenAI", "allow is a list"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value", "words"), WRONG)
def test_a_field_that_cannot_work_is_said_at_once(field: str, value: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Policy(**{field: value})


@pytest.mark.parametrize("timeout", [math.inf, 1e7, 0])
def test_a_timeout_that_cannot_work_is_said_at_once(timeout: float) -> None:
    with pytest.raises(ConfigurationError, match="timeout is a number of seconds above 0, up to 1,000,000"):
        GatewayClient("sk-aisa-test", timeout=timeout)


@pytest.mark.parametrize("timeout", [None, 1_000_000])
def test_the_longest_waits_work(gateway: LocalGateway, timeout: float | None) -> None:
    policy = Policy(deadline=1_000_000)
    with GatewayClient(gateway.api_key, base_url=gateway.url, timeout=timeout, policy=policy) as client:
        body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}
        assert client.chat(body)["choices"]
        assert list(client.stream(body))
