"""Which models to show: those that a word means, beside what the gateway itself lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..catalogue import Catalogue, Model

# Served there and not listed here; listed here and not served there; believed gone, and served all the same.
Disagreement = Literal["new", "gone", "back"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One id, by the catalogue and by the gateway.

    Args:
        id: as the catalogue or the gateway spells it.
        family: the catalogue's word, or who the gateway says it belongs to.
        model: what the catalogue knows of this very id, or None.
        live: whether the gateway lists it; None where it was not asked.
        told: the gateway's own record of it.
        like: the id of the same model, spelled otherwise, that the catalogue does know.
    """

    id: str
    family: str
    model: Model | None
    live: bool | None = None
    told: Mapping[str, Any] | None = None
    like: str | None = None

    @property
    def believed_served(self) -> bool:
        """Say whether the catalogue believes it to be served."""
        return self.model is not None and self.model.served

    @property
    def served(self) -> bool:
        """Say whether it is served, by the gateway's word where it was asked."""
        return self.believed_served if self.live is None else self.live

    @property
    def disagreement(self) -> Disagreement | None:
        """Say in what the catalogue and the gateway disagree."""
        if self.live is None or self.live == self.believed_served:
            return None
        if not self.live:
            return "gone"
        return "new" if self.model is None else "back"

    def means(self, text: str) -> bool:
        """Say whether a word names its family or developer, or is part of its id."""
        model = self.model
        names = (self.id, self.family, *((model.developer, *model.aliases) if model is not None else ()))
        return any(text.casefold() in name.casefold() for name in names)


def listed_here(catalogue: Catalogue) -> list[Listed]:
    """List what the catalogue knows, family by family."""
    families = catalogue.families()
    return [
        Listed(id=model.id, family=family, model=model) for family in sorted(families) for model in families[family]
    ]


def beside_the_gateway(catalogue: Catalogue, records: Iterable[Mapping[str, Any]]) -> list[Listed]:
    """List what the gateway serves and what the catalogue knows, family by family."""
    told = {str(record["id"]): record for record in records if record.get("id")}
    alias_of = {alias: model.id for model in catalogue.models for alias in model.aliases}
    listed_there = {alias_of.get(name, name) for name in told}
    both = [
        Listed(id=one.id, family=one.family, model=one.model, live=one.id in listed_there, told=told.get(one.id))
        for one in listed_here(catalogue)
    ]
    new = [_new(catalogue, name, record) for name, record in told.items() if alias_of.get(name, name) not in catalogue]
    return sorted([*both, *new], key=lambda one: one.family.casefold())


def _new(catalogue: Catalogue, name: str, record: Mapping[str, Any]) -> Listed:
    like = catalogue.find(name)
    family = like.family if like is not None else _family(catalogue, str(record.get("owned_by") or ""))
    return Listed(
        id=name, family=family, model=None, live=True, told=record, like=like.id if like is not None else None
    )


def _family(catalogue: Catalogue, owner: str) -> str:
    """Return the family of a developer that has but one, else the developer's name as the gateway writes it."""
    families = {model.family for model in catalogue.models if model.developer.casefold() == owner.casefold()}
    return families.pop() if len(families) == 1 else owner or "?"


def chosen(models: Iterable[Listed], text: str | None, *, everything: bool) -> list[Listed]:
    """Return those that a word means.

    Args:
        models: to choose from.
        text: part of an id, family or developer; None is all.
        everything: also those that are not served, and, where the gateway was not asked, those that do not chat.
    """
    return [one for one in models if (text is None or one.means(text)) and (everything or _of_use(one))]


def _of_use(one: Listed) -> bool:
    if one.live is not None:
        return one.live or one.believed_served
    return one.believed_served and one.model is not None and one.model.kind == "chat"
