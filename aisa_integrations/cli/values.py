"""What the options of the command mean, and what they may become; the magics of a notebook take the same."""

from __future__ import annotations

import os
import re
from decimal import Decimal
from typing import Final, Literal

from ..errors import ConfigurationError

DEFAULT_MODEL: Final = "aisa/auto"


def model_or_default(model: str | None) -> str:
    """Return the model to ask: the one named, else `AISA_MODEL`, else the route that chooses."""
    return model or os.environ.get("AISA_MODEL") or DEFAULT_MODEL


def ids(text: str) -> list[str]:
    """Split `a,b` into model ids.

    Raises:
        ConfigurationError: there is none.
    """
    found = [one.strip() for one in text.split(",") if one.strip()]
    if not found:
        raise ConfigurationError(f"Name at least one model, several as a,b: {text!r} holds none.")
    return found


def parse_budget(text: str) -> tuple[Decimal, Literal["run", "day"]]:
    """Read `0.50`, `$0.50` or `5/day` as USD and `run` or `day`.

    Raises:
        ConfigurationError: it is neither.
    """
    found = re.fullmatch(r"\$?(\d+(?:\.\d+)?|\.\d+)(?:/(day|run))?", text.strip())
    if found is None:
        raise ConfigurationError(f"--budget is an amount of USD such as 0.50, or 5/day, not {text!r}.")
    return Decimal(found[1]), "day" if found[2] == "day" else "run"


def complete_id(begun: str) -> list[str]:
    """Return the ids and routes that a word may become."""
    from ..catalogue import catalogue
    from ..routing import route_names

    served = sorted(model.id for model in catalogue().chat_models(served_only=True))
    return [name for name in (*route_names(), *served) if name.lower().startswith(begun.lower())]


def complete_ids(begun: str) -> list[str]:
    """Return what `a,b` may become: its last id is completed, by one that it does not hold yet."""
    before, comma, last = begun.rpartition(",")
    named = before.split(",")
    return [f"{before}{comma}{name}" for name in complete_id(last) if name not in named]
