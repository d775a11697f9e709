"""Why a call was not sent for its cost, in words: what was counted, what would fit, what to do about it. Pure."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Context, Decimal
from typing import TYPE_CHECKING, Final

from .surfaces import Surface

if TYPE_CHECKING:
    from ..budget import Refused
    from ..routing import WorstCase

_DOWN: Final = Context(prec=60, rounding=ROUND_FLOOR)
# Amounts are rounded up to the last digit that a ledger keeps.
_HARDLY_DEARER: Final = Decimal("1.0001")
# What each surface calls the limit on an answer.
_LIMIT_NAMES: Final = {Surface.GEMINI: "max_output_tokens", Surface.RESPONSES: "max_output_tokens"}


def over_budget(case: WorstCase, refused: Refused, surface: Surface) -> str:
    """Say why a call does not fit into a budget."""
    left = _DOWN.subtract(_DOWN.subtract(refused.limit, refused.spent), refused.reserved)
    if refused.needed is None:
        return refused.message if left <= 0 else f"{refused.message} {_why_unknown(case, surface)}"
    words = refused.message
    if case.cost and (times := _DOWN.divide(refused.needed, case.cost)) > _HARDLY_DEARER:
        # What is left pays for so much less.
        left = _DOWN.divide(left, times)
        words += f" Its price counts as {times:.3g} times the catalogue's, as it was last billed."
    if refused.may_pass:
        words += " It would fit without what is reserved: ask again when the calls under way have ended."
    return f"{words} {_what_fits(case, left, surface, 'budget')}"


def over_cap(case: WorstCase, cap: Decimal, surface: Surface) -> str:
    """Say why a call is over a cap on its cost."""
    if case.cost is None:
        known = f"What the call to {case.model} would cost is not known, so its cap of ${cap:f} can't be kept."
        return f"{known} {_why_unknown(case, surface)}"
    known = f"The call to {case.model} is estimated at ${case.cost.normalize(_DOWN):f}, and its cap is ${cap:f}."
    return f"{known} {_what_fits(case, cap, surface, 'cap')}"


def _why_unknown(case: WorstCase, surface: Surface) -> str:
    if not case.priced:
        return "The catalogue has no price for this model."
    if case.prompt_tokens is None:
        return "A part of its prompt is not in the request, or the request passes unread."
    name = _LIMIT_NAMES.get(surface, "max_tokens")
    return (
        f"It sets no {name}, and the catalogue does not say how much this model's window holds. Set {name}, or "
        "Budget(assume_output_tokens=…)."
    )


def _what_fits(case: WorstCase, usd: Decimal, surface: Surface, limit: str) -> str:
    name, fitting = _LIMIT_NAMES.get(surface, "max_tokens"), case.tokens_for(usd)
    if not fitting:
        return (
            f"Its prompt alone counts as {case.prompt_tokens:,} tokens. Raise the {limit}, or name a cheaper fallback."
        )
    if case.limit == "window":
        return (
            f"It sets no {name}, so its answer counts as all that the model's window holds, {case.output_tokens:,} "
            f"tokens; {fitting:,} would fit. Set {name}, or Budget(assume_output_tokens=…)."
        )
    if case.limit == "assumption":
        sets = f"It sets no {name}, and its answer counts as {case.output_tokens:,} tokens; {fitting:,} would fit."
        return f"{sets} Set {name}, raise the {limit}, or name a cheaper fallback."
    sets = f"Its answer may have {case.output_tokens:,} tokens; {fitting:,} would fit."
    return f"{sets} Set a lower {name}, raise the {limit}, or name a cheaper fallback."
