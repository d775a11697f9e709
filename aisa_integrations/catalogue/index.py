"""Lookups over all models, and the catalogue that is shipped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ..display.text import in_a_line
from .model import Model
from .spelling import alike, key_and_date

if TYPE_CHECKING:
    import pandas

_T = TypeVar("_T")
_EXACT: Final = Context(prec=100)  # a caller's own decimal context must not round our sums


@dataclass(frozen=True, slots=True)
class _Name:
    """One id or alias as the lookups see it."""

    text: str
    key: str
    date: str
    model: Model


class Catalogue(Mapping[str, Model]):
    """Look models up by id, by other spellings of it, or by likeness; immutable.

    Iterating, `in`, `[]` and `.get` go by exact id; `find` is the forgiving one.
    """

    __slots__ = ("_as_of", "_by_id", "_by_key", "_by_text", "_vendors")

    def __init__(
        self, models: Iterable[Model], *, vendors: Mapping[str, Iterable[str]] | None = None, as_of: str | None = None
    ) -> None:
        """Take models, `vendors` (developer → the prefixes that other routers put before its ids) and a date."""
        self._as_of = as_of
        self._vendors = {p.lower(): developer for developer, prefixes in (vendors or {}).items() for p in prefixes}
        self._by_id: dict[str, Model] = {}
        self._by_text: dict[str, _Name] = {}
        self._by_key: dict[str, list[_Name]] = {}
        for model in models:
            self._by_id[model.id] = model
            for text in (model.id, *model.aliases):
                if text in self._by_text:
                    raise ValueError(f"{text!r} is in the catalogue twice")
                developer, bare = self._without_vendor(text)
                name = _Name(text, *key_and_date(bare if developer == model.developer else text), model)
                self._by_text[text] = name
                self._by_key.setdefault(name.key, []).append(name)

    @classmethod
    def from_json(cls, text: str) -> Catalogue:
        """Read a catalogue in the format of `models.json`; prices become exact `Decimal`."""
        data = json.loads(text, parse_float=Decimal)
        models = [Model.from_record(record) for record in data["models"]]
        return cls(models, vendors=data.get("vendors"), as_of=data.get("as_of"))

    def __getitem__(self, model_id: str) -> Model:
        return self._by_id[model_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_id)

    def __len__(self) -> int:
        return len(self._by_id)

    def __repr__(self) -> str:
        return f"<Catalogue of {len(self)} models as of {in_a_line(str(self.as_of))}>"

    def _repr_html_(self) -> str:
        from .html import catalogue_html

        return catalogue_html(self)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    def to_pandas(self) -> pandas.DataFrame:
        """Return a data frame with a row for each model; what is unknown is missing.

        Raises:
            ImportError: pandas is not installed.
        """
        from ..display.frames import frame
        from .html import COLUMNS, KINDS, model_row

        return frame(map(model_row, self.models), COLUMNS, KINDS)

    def __reduce__(self) -> tuple[Callable[..., Catalogue], tuple[Any, ...]]:
        # The shipped one is found again rather than copied, so that what holds it stays small in a pickle.
        if _shipped.get("catalogue") is self:
            return catalogue, ()
        vendors: dict[str, list[str]] = {}
        for prefix, developer in self._vendors.items():
            vendors.setdefault(developer, []).append(prefix)
        return _rebuilt, (self.models, vendors, self.as_of)

    @property
    def as_of(self) -> str | None:
        """Tell the date of the snapshot, `YYYY-MM-DD`."""
        return self._as_of

    @property
    def models(self) -> tuple[Model, ...]:
        """List every model in the order of the data."""
        return tuple(self._by_id.values())

    def chat_models(self, *, served_only: bool = False) -> tuple[Model, ...]:
        """List the chat models, all or only those believed to be served."""
        return tuple(m for m in self.models if m.kind == "chat" and (m.served or not served_only))

    def families(self) -> dict[str, list[Model]]:
        """Group every model by its family."""
        groups: dict[str, list[Model]] = {}
        for model in self.models:
            groups.setdefault(model.family, []).append(model)
        return groups

    def find(self, model_id: str) -> Model | None:
        """Find the model behind an id: exact, else spelled otherwise, else the same model of another date."""
        return next(self._candidates(model_id), None)

    def spellings(self, model_id: str) -> tuple[str, ...]:
        """List the other ids known for the same model, best first, whether or not `model_id` itself is known.

        Served ones come first; then those of the date asked for, those listed last, the newest date.
        """
        _, date, names = self._same_model(model_id)
        return tuple(name.text for name in sorted(names, key=lambda name: _rank(name, date)) if name.text != model_id)

    def suggest(self, model_id: str, n: int = 3) -> tuple[str, ...]:
        """Name up to `n` models that the writer of an unknown or dead id may have meant; none for gibberish."""
        key, _, _ = self._same_model(model_id)
        found = self.find(model_id)
        same = [text for text in self.spellings(model_id) if self._by_text[text].model.served]
        # Likely ones before those that only share a word with it; within each, chat models first, dead ids last.
        tiers: list[list[str]] = [[*same, *(found.instead if found else ())], [], [], [], []]
        names = list(self._by_text.values())
        rated = zip(alike(key, (name.key for name in names)), names, strict=True)
        for (close, likeness), name in sorted(rated, key=lambda pair: (-pair[0][1], _rank(pair[1], ""))):
            if not likeness:
                continue
            first = 0 if close else 2
            if name.model.served:
                tiers[first if name.model.kind == "chat" else first + 1].append(name.model.id)
            elif name.model is not found:
                tiers[first].extend(name.model.instead)  # a dead id is no help, what took its place is
                if name.model.unavailable_as_of is None:
                    tiers[4].append(name.model.id)
        unique = dict.fromkeys(text for tier in tiers for text in tier)
        unique.pop(model_id, None)
        return tuple(unique)[: max(n, 0)]

    def window(self, model_id: str) -> int | None:
        """Tell the context window in tokens (prompt and answer together), or `None` when unknown."""
        return self._first(model_id, lambda model: model.context_tokens)

    def refused_parameters(self, model_id: str, body: Mapping[str, Any]) -> tuple[str, ...]:
        """Name the top-level parameters of a chat `body` that this model is known to refuse with these values."""
        model = self.find(model_id)
        if model is None or not model.refuses:
            return ()
        return tuple(name for name in model.refuses if name in body and model.refuses_value(name, body[name]))

    def estimate_cost(
        self, model_id: str, *, prompt_tokens: int, completion_tokens: int, cached_tokens: int = 0
    ) -> Decimal | None:
        """Estimate a call's price in USD, exactly, from token counts; `None` when a price that it needs is unknown.

        `cached_tokens` are the part of `prompt_tokens` read from the provider's cache. Prices are those of the exact
        id, else of another spelling of the same model.
        """
        # `approx_usd_per_1k` is never used: one figure for input and output, out of an example and without a date,
        # can be off several times over. No figure is better than one that only looks like a price.
        if min(prompt_tokens, completion_tokens, cached_tokens) < 0:
            return None  # a broken count; a negative cost would lower somebody's total
        # More cached tokens than prompt tokens: this provider counts them beside the prompt, not within.
        fresh = prompt_tokens - cached_tokens if cached_tokens <= prompt_tokens else prompt_tokens

        def cost(model: Model) -> Decimal | None:
            fed, made, read = model.input_usd_per_1m, model.output_usd_per_1m, model.cache_read_usd_per_1m
            read = fed if read is None else read
            total = Decimal(0)
            for tokens, price in ((fresh, fed), (cached_tokens, read), (completion_tokens, made)):
                if tokens and price is not None:
                    total += price * tokens
                elif tokens or fed is None:  # a call of no tokens at an unknown price is not known to be free either
                    return None
            return total.scaleb(-6)

        with localcontext(_EXACT):
            return self._first(model_id, cost)

    def _first(self, model_id: str, fact: Callable[[Model], _T | None]) -> _T | None:
        """Ask the model, then its other spellings, for a fact."""
        return next((value for model in self._candidates(model_id) if (value := fact(model)) is not None), None)

    def _candidates(self, model_id: str) -> Iterator[Model]:
        """Yield the entries of the model that an id means, the one meant first; lazily, as the first mostly does."""
        exact = self._by_id.get(model_id)
        if exact is not None:
            yield exact
        _, date, names = self._same_model(model_id)
        # The very same name in other letters says more of this id than a served name of another date.
        for name in sorted(names, key=lambda name: (name.date != date, _rank(name, date))):
            if name.model is not exact:
                yield name.model

    def _same_model(self, model_id: str) -> tuple[str, str, list[_Name]]:
        """Return the key, the date, and every name of the model that an id means."""
        if known := self._by_text.get(model_id):
            key, date, developer = known.key, known.date, known.model.developer
        else:
            vendor, bare = self._without_vendor(model_id)
            (key, date), developer = key_and_date(bare), vendor or ""
        names = self._by_key.get(key, [])
        if developer:
            return key, date, [name for name in names if name.model.developer == developer]
        # One bare name that two developers use says nothing.
        return key, date, names if len({name.model.developer for name in names}) == 1 else []

    def _without_vendor(self, model_id: str) -> tuple[str | None, str]:
        """Split `openai/gpt-4o`; an unknown prefix stays, for `someone/gpt-4o` may be a tune of their own."""
        prefix, _, bare = model_id.strip().rpartition("/")
        developer = self._vendors.get(prefix.lower())
        return (developer, bare) if developer else (None, model_id)


def catalogue() -> Catalogue:
    """Return the catalogue shipped with the package, read on first use."""
    if "catalogue" not in _shipped:
        from importlib import resources  # not needed where no model is looked up

        text = resources.files("aisa_integrations").joinpath("models.json").read_text(encoding="utf-8")
        # Not a lock: one held while another thread forks would never open in the child. Threads that race here may
        # each read, but `setdefault` is atomic, so all of them get the same object.
        _shipped.setdefault("catalogue", Catalogue.from_json(text))
    return _shipped["catalogue"]


_shipped: Final[dict[str, Catalogue]] = {}


def _rebuilt(models: Iterable[Model], vendors: Mapping[str, Iterable[str]], as_of: str | None) -> Catalogue:
    return Catalogue(models, vendors=vendors, as_of=as_of)


def _rank(name: _Name, asked_date: str) -> tuple[bool, bool, int, int, str]:
    """Order the names of one model, best first; numbers are negated, for the newest come first."""
    listed = int(name.model.last_listed.replace("-", "") or 0)
    return not name.model.served, name.date != asked_date, -listed, -int(name.date or 0), name.text
