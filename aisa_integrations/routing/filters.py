"""What may be asked under `aisa/…`: the models that the user allows, and those that the surface can reach."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from ..catalogue import catalogue
from ..errors import ConfigurationError
from .pools import Surface
from .routes import Routes

_REMEMBERED: Final = 128  # a process has a few policies; the sets of each are made once


@dataclass(frozen=True, slots=True)
class Sieve:
    """Say of a model why it may not be asked.

    Args:
        surface: `chat` or `gemini`.
        allow: the only models and developers that may be asked, or None for all.
        deny: those that may not, whatever is allowed.
    """

    surface: Surface
    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] | None = None

    def refuses(self, model: str) -> str | None:
        """Return what speaks against a model, or None."""
        known = catalogue().find(model)
        if self.surface == "gemini" and not (known is not None and known.speaks_gemini):
            return "not known to speak native Gemini"
        names = _names_of(model)
        if self.deny is not None and (entry := _entry(self.deny, names)) is not None:
            return f"denied by {entry!r}"
        if self.allow is not None and _entry(self.allow, names) is None:
            return "not among what is allowed"
        return None


def checked_names(names: object, field: str, routes: Routes | None = None) -> tuple[str, ...] | None:
    """Return `allow` or `deny` as a tuple, None as None; a name that means nothing is an error.

    A misspelt name would allow or deny nothing and nobody would notice.

    Args:
        names: model ids and developers; letter case does not matter, and every spelling of a model is meant.
        field: `allow` or `deny`, for the message.
        routes: the user's own routes, whose ids are known too.

    Raises:
        ConfigurationError: for anything else.
    """
    if names is None:
        return None
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise ConfigurationError(f"{field} is a list of model ids and developers, such as ['OpenAI'], not {names!r}.")
    listed = tuple(names)
    own = frozenset(entry.model for chain in (routes or {}).values() for entry in chain)
    for name in listed:
        if not isinstance(name, str) or not name.strip():
            raise ConfigurationError(f"{field} holds model ids and developers, not {name!r}.")
        if not _means_something(name, own):
            close = _close_to(name)
            hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
            raise ConfigurationError(f"{field} holds {name!r}, which is no known model or developer.{hint}")
    return listed


def developer_of(model: str) -> str | None:
    """Tell who made a model; of one that the catalogue lacks, what is before the `/` in its id, if anything."""
    known = catalogue().find(model)
    return known.developer if known is not None else model.rpartition("/")[0] or None


@lru_cache(_REMEMBERED)
def _means_something(name: str, own: frozenset[str]) -> bool:
    lowered = name.strip().lower()
    if catalogue().find(name.strip()) is not None or lowered in {model.lower() for model in own}:
        return True
    return lowered in _developers() or lowered in {(developer_of(model) or "").lower() for model in own}


def _close_to(name: str) -> tuple[str, ...]:
    developers = _developers()
    # A family's name is the likeliest slip: Claude for Anthropic, Qwen for Alibaba.
    families = {model.family.lower(): model.developer for model in catalogue().models}
    close = difflib.get_close_matches(name.strip().lower(), [*developers, *families], n=1)
    found = [developers.get(word) or families[word] for word in close]
    return tuple(dict.fromkeys([*found, *catalogue().suggest(name, 2)]))[:2]


@lru_cache(1)
def _developers() -> Mapping[str, str]:
    return MappingProxyType({model.developer.lower(): model.developer for model in catalogue().models})


@lru_cache(_REMEMBERED)
def _covered(names: tuple[str, ...]) -> Mapping[str, str]:
    """Map each id, spelling and developer that the names mean to the name it is meant by."""
    covered: dict[str, str] = {}
    for name in names:
        for meant in (name.strip(), *catalogue().spellings(name.strip())):
            covered.setdefault(meant.lower(), name)
    return MappingProxyType(covered)


@lru_cache(_REMEMBERED * 4)
def _names_of(model: str) -> tuple[str, ...]:
    names = (model, *catalogue().spellings(model), developer_of(model) or "")
    return tuple(name.strip().lower() for name in names if name)


def _entry(entries: tuple[str, ...], names: tuple[str, ...]) -> str | None:
    covered = _covered(entries)
    return next((covered[name] for name in names if name in covered), None)
