"""The most that a call could cost, and of what: to keep it within a budget or a cap, and to say why it is not. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Any, Final, Literal

from ..catalogue import catalogue, estimate_cost
from ..estimate import count_answers, estimate_output_tokens, estimate_prompt_tokens, refers_elsewhere

Limit = Literal["request", "assumption", "window"]
_DOWN: Final = Context(prec=60, rounding=ROUND_FLOOR)  # a caller's own decimal context must not round our sums
_MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class WorstCase:
    """The most that one call could cost with one model, at the catalogue's price.

    Args:
        model: the id that would be asked.
        prompt_tokens: the size of the prompt, from above; None where it can't be known.
        output_tokens: the most that its answers may have together; None where nothing limits them.
        limit: what limits the answers: the request itself, an assumption, or else the model's window.
        cost: USD; None where a price or a number of tokens is unknown.
    """

    model: str
    prompt_tokens: int | None
    output_tokens: int | None
    limit: Limit
    cost: Decimal | None

    @classmethod
    def of(cls, model: str, request: Mapping[str, Any] | None, *, assume_output_tokens: int | None = None) -> WorstCase:
        """Measure a request.

        Args:
            model: the id that would be asked.
            request: the JSON body, of any surface; None where it passes unread.
            assume_output_tokens: the length of the answer where the request sets no limit; None is the whole window.
        """
        window = catalogue().window(model)
        prompt, (output, limit) = _prompt(request, window), _output(request, assume_output_tokens, window)
        return cls(model, prompt, output, limit, cost_of(model, prompt, output))

    @property
    def priced(self) -> bool:
        """Say whether the catalogue has a price for both prompts and answers of the model."""
        return cost_of(self.model, 1, 1) is not None

    def tokens_for(self, usd: Decimal) -> int:
        """Return how many tokens of answer an amount pays for beside the prompt; 0 where that can't be known."""
        prompt, price = cost_of(self.model, self.prompt_tokens, 0), cost_of(self.model, 0, _MILLION)
        if prompt is None or not price or usd <= prompt:
            return 0
        return int(_DOWN.divide(_DOWN.multiply(_DOWN.subtract(usd, prompt), Decimal(_MILLION)), price))


def cost_of(model: str, prompt_tokens: int | None, output_tokens: int | None) -> Decimal | None:
    """Return the catalogue's price of so many tokens, or None where a price or a number is unknown."""
    if prompt_tokens is None or output_tokens is None:
        return None
    return estimate_cost(model, prompt_tokens=prompt_tokens, completion_tokens=output_tokens)


def _prompt(request: Mapping[str, Any] | None, window: int | None) -> int | None:
    if request is None:
        return None
    if not refers_elsewhere(request):
        return estimate_prompt_tokens(request)
    # What is kept elsewhere is as long as the window allows.
    return None if window is None else max(window, estimate_prompt_tokens(request))


def _output(request: Mapping[str, Any] | None, assumed: int | None, window: int | None) -> tuple[int | None, Limit]:
    most = None if request is None else estimate_output_tokens(request)
    if most is not None:
        return most, "request"
    answers = 1 if request is None else count_answers(request)
    if assumed is not None:
        return assumed * answers, "assumption"
    return None if window is None else window * answers, "window"
