"""Whom a chain is left with for one request: each model is kept or dropped, and told why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from ..catalogue import Model, catalogue, estimate_cost
from ..errors import ConfigurationError
from ..estimate import count_answers
from .caps import Fallback
from .decision import Candidate
from .filters import Sieve, checked_names, developer_of
from .pools import CHAIN_LENGTH, Surface, cheap_chain, cheapest, stand_ins
from .routes import Routes, checked_routes
from .rules import Needs, read_needs
from .worst_case import cost_of


@dataclass(frozen=True, slots=True)
class Asked:
    """One request with everything that bears on its route.

    Args:
        body: its JSON body.
        needs: what it asks of a model.
        surface: where it goes.
        routes: the user's own.
        sieve: what may be asked.
        output_tokens: the length of the answers together that costs are estimated with, or None.
    """

    body: Mapping[str, Any]
    needs: Needs
    surface: Surface
    routes: Routes
    sieve: Sieve
    output_tokens: int | None

    @classmethod
    def of(
        cls,
        body: Mapping[str, Any],
        surface: Surface,
        routes: object,
        allow: Iterable[str] | None,
        deny: Iterable[str] | None,
        assume_output_tokens: int | None,
    ) -> Asked:
        """Check what was given, and measure the body once."""
        given: object = body  # whatever a caller without a type checker gives
        if not isinstance(given, Mapping):
            kind = type(body).__name__
            raise ConfigurationError(f"a request is a JSON object such as {{'model': 'aisa/auto', …}}, not {kind}.")
        if surface not in ("chat", "gemini"):
            raise ConfigurationError(f"surface is 'chat' or 'gemini', not {surface!r}.")
        own, needs = checked_routes(routes), read_needs(body)
        sieve = Sieve(surface, checked_names(allow, "allow", own), checked_names(deny, "deny", own))
        output = needs.output_tokens
        if output is None and assume_output_tokens is not None:
            output = assume_output_tokens * count_answers(body)
        return cls(body, needs, surface, own, sieve, output)

    def cost(self, model: str) -> Decimal | None:
        """Estimate what it would cost with a model."""
        return cost_of(model, self.needs.prompt_tokens, self.output_tokens)

    def candidate(self, model: str, *, refused: str | None = None, note: str = "") -> Candidate:
        """Return what there is to say of a model: why it is refused, else a note on it."""
        return Candidate(model, *_facts(model), self.cost(model), refused is None, refused or note)


def judge_own(chain: tuple[Fallback, ...], asked: Asked) -> list[Candidate]:
    """Judge a user's chain: filters and caps only, for what a user names is sent as written."""
    found = []
    for entry in chain:
        refused = asked.sieve.refuses(entry.model) or entry.refuses(asked.cost(entry.model))
        found.append(asked.candidate(entry.model, refused=refused, note=state_of(entry.model)))
    return found


def judge_cheap(asked: Asked) -> list[Candidate]:
    """Judge all that the catalogue offers by price, as far as it takes to fill a chain."""
    left: list[Model] = []
    dropped: list[Candidate] = []
    for model in cheapest(asked.needs, asked.surface):
        refused = asked.sieve.refuses(model.id)
        if refused is None:
            left.append(model)
        elif len(cheap_chain(left)) < CHAIN_LENGTH:
            dropped.append(asked.candidate(model.id, refused=refused))
    return [asked.candidate(model.id, note=_tight(model, asked.needs)) for model in cheap_chain(left)] + dropped


def judge_task(models: tuple[str, ...], asked: Asked) -> list[Candidate]:
    """Judge a built-in chain: filters, what a model is known not to do, and then who is known to fit first."""
    kept: list[Model] = []
    dropped: list[Candidate] = []
    for model_id in models:
        model = catalogue()[model_id]
        refused = asked.sieve.refuses(model_id) or _cannot(model, asked.needs)
        if refused is None:
            kept.append(model)
        else:
            dropped.append(asked.candidate(model_id, refused=refused))
    kept.sort(key=lambda model: (bool(_unsure(model, asked.needs)), bool(_tight(model, asked.needs))))
    notes = ["; ".join(filter(None, (_unsure(m, asked.needs), _tight(m, asked.needs)))) for m in kept]
    return [asked.candidate(m.id, note=note) for m, note in zip(kept, notes, strict=True)] + dropped


def judge_stand_ins(models: tuple[str, ...], asked: Asked) -> list[Candidate]:
    """Return others that fit, where nothing of a built-in chain is left."""
    fitting = stand_ins(asked.needs, asked.surface, models[0])
    left = [model for model in fitting if model.id not in models and asked.sieve.refuses(model.id) is None]
    return [asked.candidate(model.id, note=_tight(model, asked.needs)) for model in left[:CHAIN_LENGTH]]


def _cannot(model: Model, needs: Needs) -> str | None:
    if not model.served:
        return "no longer served"
    if needs.images and model.vision is False:
        return "sees no pictures"
    return "calls no tools" if needs.tools and model.tools is False else None


def _unsure(model: Model, needs: Needs) -> str:
    if needs.images and model.vision is None:
        return "not known to see pictures"
    return "not known to call tools" if needs.tools and model.tools is None else ""


def _tight(model: Model, needs: Needs) -> str:
    # Not left out: the estimate is from above, and the gateway knows the true count.
    return "its window may be too small" if (model.context_tokens or needs.window) < needs.window else ""


@lru_cache(512)
def _facts(model: str) -> tuple[str | None, Decimal | None, Decimal | None, int | None]:
    """Look up developer, price of the prompt, price of the answer, window: those of another spelling where need be."""
    return (
        developer_of(model),
        _price(model, prompt_tokens=1_000_000),
        _price(model, completion_tokens=1_000_000),
        catalogue().window(model),
    )


def _price(model: str, *, prompt_tokens: int = 0, completion_tokens: int = 0) -> Decimal | None:
    cost = estimate_cost(model, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens)
    # As the catalogue writes it, without the zeros of the arithmetic; exactly, whatever the caller's decimal context.
    if cost is None:
        return None
    whole, _, part = f"{cost:f}".partition(".")
    return Decimal(f"{whole}.{part}".rstrip("0").rstrip("."))


def state_of(model: str) -> str:
    """Say what is unusual about an id that a user named, or nothing."""
    known = catalogue().get(model)
    if known is None:
        found = catalogue().find(model)
        return f"the catalogue knows it as {found.id}" if found is not None else "not in the catalogue"
    return "" if known.served else "the catalogue does not list it as served"
