"""Chains computed from the catalogue: the cheapest models that fit, and stand-ins close in price. Deterministic."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from functools import lru_cache
from typing import Final, Literal

from ..catalogue import Model, catalogue
from .rules import Needs

Surface = Literal["chat", "gemini"]

CHAIN_LENGTH: Final = 4
LARGE_WINDOW: Final = 128_000
# A route that is called cheap must not end at a model of thirty times the price, as the Gemini surface's list would.
DEAREST_FALLBACK: Final = 10
# A prompt is mostly longer than its answer; three to one is what price tables commonly blend by.
INPUT_SHARE: Final = 3
_EXACT: Final = Context(prec=50)  # a caller's own decimal context must not change an order


def blend(model: Model) -> Decimal | None:
    """Return one price for comparing: USD per million tokens, three of the prompt to one of the answer."""
    fed, made = model.input_usd_per_1m, model.output_usd_per_1m
    if fed is None or made is None:
        return None
    with localcontext(_EXACT):
        return (INPUT_SHARE * fed + made) / (INPUT_SHARE + 1)


def cheapest(needs: Needs, surface: Surface) -> list[Model]:
    """List the served chat models of known price with tools and a large window that fit, the cheapest first.

    Those whose window may be too small for the request come last.
    """
    found = [
        model
        for model, _ in _fitting(needs, surface)
        if (model.context_tokens or 0) >= LARGE_WINDOW and _tools(model, surface)
    ]
    return sorted(found, key=lambda model: (model.context_tokens or 0) < needs.window)


def stand_ins(needs: Needs, surface: Surface, like: str) -> list[Model]:
    """List the served chat models of known price that fit, those closest in price to `like` first."""
    known = catalogue().find(like)
    goal = (blend(known) if known is not None else None) or Decimal(0)
    with localcontext(_EXACT):
        found = [
            (0 < (model.context_tokens or 0) < needs.window, abs(price - goal), model.id, model)
            for model, price in _fitting(needs, surface)
        ]
    return [model for *_, model in sorted(found, key=lambda row: row[:3])]


def cheap_chain(models: list[Model]) -> list[Model]:
    """Return as many of `cheapest` as a chain holds, of different developers first: vendors fail as a whole."""
    first: dict[str, Model] = {}
    again: list[Model] = []
    for model in models:
        if _times(model, models[0]) > DEAREST_FALLBACK:
            continue
        if first.setdefault(model.developer, model) is not model:
            again.append(model)
    return [*first.values(), *again][:CHAIN_LENGTH]


def _times(model: Model, first: Model) -> Decimal:
    with localcontext(_EXACT):
        price, least = blend(model), blend(first)
        return price / least if price is not None and least else Decimal(1)


def _fitting(needs: Needs, surface: Surface) -> list[tuple[Model, Decimal]]:
    return [
        (model, price)
        for model, price in _by_price()
        if (surface != "gemini" or model.speaks_gemini)
        and (not needs.images or model.vision)
        and (not needs.tools or _tools(model, surface))
    ]


@lru_cache(1)
def _by_price() -> tuple[tuple[Model, Decimal], ...]:
    served = catalogue().chat_models(served_only=True)
    priced = [(model, price) for model in served if (price := blend(model)) is not None]
    return tuple(sorted(priced, key=lambda pair: (pair[1], pair[0].id)))


def _tools(model: Model, surface: Surface) -> bool:
    # The catalogue says it of one model that speaks Gemini only, and unknown is not "no"; on chat enough are known to.
    return bool(model.tools) or (surface == "gemini" and model.tools is None)
