"""From a route's name and a request to the models to ask: no I/O, no clock, no model asked."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from ..catalogue import catalogue
from ..errors import ConfigurationError, ModelNotFoundError
from ..settings import UNSET, Unset
from .caps import Fallback
from .decision import Candidate, RouteDecision
from .judge import Asked, judge_cheap, judge_own, judge_stand_ins, judge_task, state_of
from .pools import DEAREST_FALLBACK, INPUT_SHARE, LARGE_WINDOW, Surface
from .routes import PREFIX, Routes, checked_routes, is_route, normal
from .rules import choose
from .tasks import TASKS

if TYPE_CHECKING:
    from ..policy import Policy

ASSUMED_OUTPUT_TOKENS: Final = 1_024

__all__ = ["ASSUMED_OUTPUT_TOKENS", "explain", "is_route", "resolve_route", "route_names"]


def resolve_route(
    model: str,
    request: Mapping[str, Any],
    *,
    surface: Surface = "chat",
    routes: Mapping[str, Any] | None = None,
    allow: Iterable[str] | None = None,
    deny: Iterable[str] | None = None,
    assume_output_tokens: int | None = ASSUMED_OUTPUT_TOKENS,
) -> RouteDecision:
    """Decide which models a request to `aisa/NAME` is for.

    Args:
        model: the route, such as `aisa/auto`.
        request: the JSON body, of the chat or the Gemini surface.
        surface: where it goes; on `gemini` only models known to speak it are left.
        routes: the user's own, `Routes` or what they are made of; they go before the built-in ones.
        allow: the only models and developers that may be asked; None is all.
        deny: models and developers that may not be asked, whatever is allowed.
        assume_output_tokens: the length of the answer in estimates where the request sets no limit; None assumes
            nothing, and then what has a cap is left out.

    Raises:
        ModelNotFoundError: there is no such route; `suggestions` holds close ones.
        ConfigurationError: nothing is left to ask, or an argument cannot work.
    """
    if not is_route(model):
        raise ConfigurationError(f"{model!r} is no route: those begin with {PREFIX!r}.")
    asked = Asked.of(request, surface, routes, allow, deny, assume_output_tokens)
    decision = _decision(model, _judge(model, asked), asked)
    if not decision.chain:
        raise ConfigurationError(_nothing_left(decision), model=model, code="no_model_left")
    return decision


def explain(
    request: Mapping[str, Any],
    *,
    surface: Surface = "chat",
    routes: Mapping[str, Any] | None = None,
    allow: Iterable[str] | None = None,
    deny: Iterable[str] | None = None,
    assume_output_tokens: int | Unset | None = UNSET,
    policy: Policy | None = None,
) -> RouteDecision:
    """Show what would be asked for a request, and why; the arguments are those of `resolve_route`.

    With a `policy`, its `routes`, `allow` and `deny` hold where they are not given here, and its `fallbacks`, its
    `max_cost_usd` and what its budget assumes of an answer as they would in a call; cooldowns and what is left of a
    budget do not. The route is the request's `model`, or `aisa/auto` where it has none (Gemini's is in the path). A
    model that is no route is asked as it was named, unfiltered. Where nothing is left, the chain is empty and the table
    says why.

    Raises:
        ModelNotFoundError: there is no such route.
        ConfigurationError: an argument cannot work.
    """
    from ..policy import Policy

    rules = Policy() if policy is None else policy
    if isinstance(assume_output_tokens, Unset):
        assumed = rules.budget.assume_output_tokens if rules.budget is not None else None
        assume_output_tokens = ASSUMED_OUTPUT_TOKENS if assumed is None else assumed
    asked = Asked.of(
        request,
        surface,
        rules.own_routes if routes is None else routes,
        rules.allow if allow is None else allow,
        rules.deny if deny is None else deny,
        assume_output_tokens,
    )
    named = request.get("model") or "aisa/auto"
    if not isinstance(named, str):
        raise ConfigurationError(f"a request's model is a string, not {named!r}.")
    entries = rules.entries(named, request.get("models") if surface == "chat" else None)
    chain = [Fallback.of(entry).capped(rules.cap) for entry in entries]
    judged = [_judge(entry.model, asked) for entry in chain]
    if (nothing := next((one for one in judged if not one.leaves_any), None)) is not None:
        # A call is refused for a route that has nothing left, wherever in its chain that stands.
        return _decision(named, nothing, asked)
    whole, *others = [_capped(one, entry) for one, entry in zip(judged, chain, strict=True)]
    for other in others:
        whole = whole.then(other)
    return _decision(named, whole, asked)


def _capped(judged: _Judged, entry: Fallback) -> _Judged:
    candidates = [
        replace(candidate, kept=False, why=refused)
        if candidate.kept and (refused := entry.refuses(candidate.estimated_cost)) is not None
        else candidate
        for candidate in judged.candidates
    ]
    return replace(judged, candidates=candidates)


def route_names(routes: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """List the names that `model=` takes, `aisa/auto` first."""
    built_in = ("auto", "cheap", *TASKS)
    return tuple(f"{PREFIX}{name}" for name in dict.fromkeys((*built_in, *checked_routes(routes))))


@dataclass(frozen=True, slots=True)
class _Judged:
    """What was looked at for one name, before each that is kept has its place."""

    rule: str
    reason: str
    candidates: list[Candidate]

    @property
    def leaves_any(self) -> bool:
        """Say whether anybody is kept."""
        return any(candidate.kept for candidate in self.candidates)

    def then(self, other: _Judged) -> _Judged:
        """Return this with what is asked after it; whoever is there already is not asked twice."""
        known = {candidate.model for candidate in self.candidates if candidate.kept}
        return replace(self, candidates=[*self.candidates, *(c for c in other.candidates if c.model not in known)])


def _judge(model: str, asked: Asked) -> _Judged:
    if not is_route(model):
        candidate = asked.candidate(model, note=state_of(model))
        return _Judged("as named", "Nothing is asked but what was named.", [candidate])
    name, rule, saw = normal(model), None, ""
    if name == "auto" and name not in asked.routes:
        picked, saw = choose(asked.needs)
        name, rule, saw = picked.route, picked.name, f"{saw}: {PREFIX}{picked.route}. "
    if name in asked.routes:
        why = f"{PREFIX}{name} is your own route, asked in your order."
        return _Judged(rule or "your route", saw + why, judge_own(asked.routes[name], asked))
    if name == "cheap":
        why = (
            f"The cheapest by ({INPUT_SHARE} x input + output) / {INPUT_SHARE + 1}, one of each developer first, with "
            f"tools and a window of {LARGE_WINDOW:,} or more, none over {DEAREST_FALLBACK} times the first."
        )
        return _Judged(rule or "cheapest first", saw + why, judge_cheap(asked))
    task = TASKS.get(name)
    if task is None:
        raise _unknown_route(model, asked.routes)
    models = (task.gemini or task.chat) if asked.surface == "gemini" else task.chat
    why, candidates = f"Models {task.why}.", judge_task(models, asked)
    if rule is not None and not any(candidate.kept for candidate in candidates):
        # Nobody named this table: who allows one developer only still wants an automatic choice among its models.
        why += " None of them is left, so others that fit stand in, closest in price to the first."
        candidates += judge_stand_ins(models, asked)
    return _Judged(rule or "task map", saw + why, candidates)


def _decision(model: str, judged: _Judged, asked: Asked) -> RouteDecision:
    """Put the chain together: who was kept in order, each told its place, then who was not."""
    kept = [candidate for candidate in judged.candidates if candidate.kept]
    placed = [
        replace(
            candidate,
            why="; ".join(filter(None, ("first choice" if not place else f"fallback {place}", candidate.why))),
        )
        for place, candidate in enumerate(kept)
    ]
    reason = judged.reason
    if asked.needs.output_tokens is None and asked.output_tokens is not None:
        reason += f" The request sets no limit on the answer: costs take {asked.output_tokens:,} tokens for it."
    dropped = [candidate for candidate in judged.candidates if not candidate.kept]
    return RouteDecision(model, judged.rule, reason, tuple(c.model for c in kept), (*placed, *dropped))


def _nothing_left(decision: RouteDecision) -> str:
    if not decision.candidates:
        return f"No model is left for {decision.route!r} ({decision.rule}): none in the catalogue fits the request."
    reasons: dict[str, list[str]] = {}
    for candidate in decision.candidates:
        reasons.setdefault(candidate.why, []).append(candidate.model)
    told = "; ".join(f"{why}: {_some(models)}" for why, models in reasons.items())
    next_step = "Loosen what leaves them out, or give the route models of your own: Routes({…})."
    return f"No model is left for {decision.route!r} ({decision.rule}): {told}. {next_step}"


def _some(models: list[str], most: int = 6) -> str:
    more = f" and {len(models) - most} more" if len(models) > most else ""
    return ", ".join(models[:most]) + more


def _unknown_route(model: str, routes: Routes) -> ModelNotFoundError:
    names = route_names(routes)
    close = [PREFIX + name for name in difflib.get_close_matches(normal(model), map(normal, names), n=3)]
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    if (known := catalogue().find(model[len(PREFIX) :])) is not None:
        close, hint = [known.id], f" A model is named without {PREFIX!r}: {known.id}."
    return ModelNotFoundError(
        f"There is no route {model!r}.{hint} The routes are: {', '.join(names)}.",
        suggestions=tuple(close),
        model=model,
        code="model_not_found",
    )
