"""Routes that users name themselves, in code or in a TOML file."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from ..errors import ConfigurationError
from .caps import Fallback

PREFIX: Final = "aisa/"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.]*\Z")


class Routes(Mapping[str, tuple[Fallback, ...]]):
    """Map names to chains of models: `Routes({"support": ["gpt-4o", "claude-sonnet-5"]})`; immutable.

    A chain is a list of model ids or of `Fallback`, or a mapping with `models` and a `max_cost_usd` that holds for each
    of them. `model="aisa/support"` asks them in the order given. A built-in name (`cheap`, `code`, `auto`, …) is
    replaced, for `aisa/auto` too where it would have picked it. Case and `-` or `_` make no difference in names.

    Raises:
        ConfigurationError: for a name or a chain that cannot work.
    """

    __slots__ = ("_chains",)
    _chains: dict[str, tuple[Fallback, ...]]

    def __init__(self, routes: Mapping[str, Any] | None = None) -> None:
        if routes is not None and not isinstance(routes, Mapping):
            raise ConfigurationError(
                f"routes map a name to a list of model ids, not {routes!r}; Routes.from_toml(path) reads a file."
            )
        chains: dict[str, tuple[Fallback, ...]] = {}
        for name, chain in (routes or {}).items():
            key = _checked_name(name)
            if key in chains:
                raise ConfigurationError(f"the route {name!r} is there twice: case, - and _ make no difference.")
            chains[key] = _checked_chain(name, chain)
        object.__setattr__(self, "_chains", chains)

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str]) -> Routes:
        """Read the table `[routes]` of a TOML file; other tables of it are not ours and not read.

            [routes]
            support = ["gpt-4o", "claude-sonnet-5"]
            bulk = { models = ["qwen-flash", "gpt-5-nano"], max_cost_usd = 0.01 }

        Raises:
            ConfigurationError: for a file that can't be read, or holds something that cannot work.
        """
        import tomllib  # only who has a file pays for it
        from decimal import Decimal

        try:
            with open(path, "rb") as file:
                data = tomllib.load(file, parse_float=Decimal)
        except OSError as error:
            raise ConfigurationError(f"the routes file {os.fspath(path)!r} can't be read: {error.strerror}.") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"the routes file {os.fspath(path)!r} is not TOML: {error}") from error
        if not isinstance(data.get("routes"), dict):
            raise ConfigurationError(f"the routes file {os.fspath(path)!r} has no table [routes].")
        try:
            return cls(data["routes"])
        except ConfigurationError as error:
            raise ConfigurationError(f"in the routes file {os.fspath(path)!r}: {error}") from error

    def __getitem__(self, name: str) -> tuple[Fallback, ...]:
        return self._chains[normal(name) if isinstance(name, str) else name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._chains)

    def __len__(self) -> int:
        return len(self._chains)

    def __eq__(self, other: object) -> bool:
        return self._chains == other._chains if isinstance(other, Routes) else NotImplemented

    def __hash__(self) -> int:
        return hash(frozenset(self._chains.items()))

    def __repr__(self) -> str:
        return f"Routes({ {name: [_shown(entry) for entry in chain] for name, chain in self._chains.items()} })"

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("Routes can't be changed; make new ones")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("Routes can't be changed; make new ones")

    def __reduce__(self) -> tuple[Callable[..., Routes], tuple[Any, ...]]:
        return Routes, (dict(self._chains),)


def is_route(model: object) -> bool:
    """Say whether a model id names a route, known or not: `aisa/…`."""
    return isinstance(model, str) and model[: len(PREFIX)].lower() == PREFIX


def normal(name: str) -> str:
    """Return a route's name as it is compared, with or without the prefix before it."""
    bare = name[len(PREFIX) :] if is_route(name) else name
    return bare.strip().lower().replace("-", "_")


def checked_routes(routes: object) -> Routes:
    """Return `Routes` from what a user gave: None, `Routes`, or the mapping to make them of."""
    return routes if isinstance(routes, Routes) else Routes(routes)  # type: ignore[arg-type]  # checked there


def _checked_name(name: object) -> str:
    key = normal(name) if isinstance(name, str) and not is_route(name) else ""
    if not _NAME.match(key):
        raise ConfigurationError(
            f"a route's name is letters, digits, '-', '_' and '.', without the {PREFIX!r} before it, not {name!r}."
        )
    return key


def _checked_chain(name: str, chain: object) -> tuple[Fallback, ...]:
    models, cap = chain, None
    if isinstance(chain, Mapping):
        if unknown := sorted(str(key) for key in chain if key not in ("models", "max_cost_usd")):
            raise ConfigurationError(f"the route {name!r} has `models` and `max_cost_usd`, not {', '.join(unknown)}.")
        models, cap = chain.get("models"), chain.get("max_cost_usd")
    if not isinstance(models, list | tuple) or not models:
        raise ConfigurationError(f"the route {name!r} is a list of one or more model ids, not {models!r}.")
    try:
        entries = tuple(Fallback.of(entry).capped(cap) for entry in models)
    except ConfigurationError as error:
        raise ConfigurationError(f"the route {name!r}: {error}") from error
    ids = [entry.model for entry in entries]
    if nested := [model for model in ids if is_route(model)]:
        raise ConfigurationError(f"the route {name!r} holds {nested[0]!r}: a route holds models, not other routes.")
    if twice := [model for model in ids if ids.count(model) > 1]:
        raise ConfigurationError(f"the route {name!r} holds {twice[0]!r} twice.")
    return entries


def _shown(entry: Fallback) -> str | Fallback:
    return entry.model if entry.max_cost_usd is None else entry
