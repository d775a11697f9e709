"""Named routes: `model="aisa/NAME"` stands for a chain of models, chosen from the request without asking any model.

`aisa/code` and the other tasks are tables of data, `aisa/cheap` is computed from the catalogue's prices, `aisa/auto`
picks one of them by what the request holds, and `Routes` adds or replaces names. `explain` shows the choice and why.
"""

from __future__ import annotations

from .caps import Fallback
from .decision import Candidate, RouteDecision
from .filters import checked_names
from .resolve import ASSUMED_OUTPUT_TOKENS, explain, is_route, resolve_route, route_names
from .routes import Routes, checked_routes
from .worst_case import WorstCase

__all__ = [
    "ASSUMED_OUTPUT_TOKENS",
    "Candidate",
    "Fallback",
    "RouteDecision",
    "Routes",
    "WorstCase",
    "checked_names",
    "checked_routes",
    "explain",
    "is_route",
    "resolve_route",
    "route_names",
]
