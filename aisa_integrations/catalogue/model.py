"""One model: the facts of one entry of `models.json`, typed and read-only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Model:
    """Hold what the catalogue knows of one id; `None` means unknown.

    Prices are USD per million tokens; `context_tokens` counts prompt and answer together. Source: `models.json`, which
    tells of each field where it comes from.
    """

    id: str
    developer: str
    family: str
    kind: str
    input_usd_per_1m: Decimal | None = None
    output_usd_per_1m: Decimal | None = None
    cache_read_usd_per_1m: Decimal | None = None
    cache_write_usd_per_1m: Decimal | None = None
    price_as_of: str | None = None
    context_tokens: int | None = None
    vision: bool | None = None
    tools: bool | None = None
    seen_in: tuple[str, ...] = ()
    quirk: str | None = None
    approx_usd_per_1k: Decimal | None = None
    aliases: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()
    speaks: tuple[str, ...] = ()
    unavailable_as_of: str | None = None
    # Read-only views have no hash; the id is told apart without them.
    refuses: Mapping[str, Any] = field(default_factory=lambda: _NOTHING, hash=False)
    extra: Mapping[str, Any] = field(default_factory=lambda: _NOTHING, hash=False)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Model:
        """Build a model from one JSON object; what has no field here is kept in `extra`."""
        if lacking := [name for name in ("id", "developer", "family", "kind") if not isinstance(record.get(name), str)]:
            raise ValueError(f"model {record.get('id')!r} lacks {', '.join(lacking)}")
        values = {name: _frozen(value) for name, value in record.items() if name in _KNOWN and value is not None}
        for name in _PRICES & values.keys():
            values[name] = Decimal(str(values[name]))  # from an int in the JSON, or a float given in Python
        return cls(**values, extra=_frozen({name: value for name, value in record.items() if name not in _KNOWN}))

    @property
    def served(self) -> bool:
        """Tell whether the gateway's docs or catalogue list it and it was not found without channels."""
        return self.unavailable_as_of is None and bool(self.last_listed)

    @property
    def last_listed(self) -> str:
        """Name the newest month (`YYYY-MM`) in which docs or catalogue listed it, or `""`."""
        # The skill's text names ids long gone, so it is no evidence.
        pages = (source.partition("-") for source in self.seen_in)
        return max((month for page, _, month in pages if page in ("docs", "catalogue")), default="")

    @property
    def speaks_gemini(self) -> bool:
        """Tell whether it is known to answer on the Gemini native surface."""
        return "gemini" in self.speaks

    def refuses_value(self, parameter: str, value: Any) -> bool:
        """Tell whether it is known to refuse a top-level request parameter with this value."""
        rule = self.refuses.get(parameter)
        if rule is None or value is None:  # null means "not set" on the wire, which no model refuses
            return False
        if "allowed" in rule:
            return not any(_contains(value, allowed) for allowed in rule["allowed"])
        if "refused" in rule:
            return any(_contains(value, pattern) for pattern in rule["refused"])
        return True  # a rule without values: refused altogether

    def _repr_html_(self) -> str:
        from .html import model_html

        return model_html(self)

    def __reduce__(self) -> tuple[Callable[..., Model], tuple[dict[str, Any]]]:
        # Read-only views can't be pickled or deep-copied; what they were made of can.
        record = {name: _thawed(getattr(self, name)) for name in _KNOWN}
        return Model.from_record, ({**record, **_thawed(self.extra)},)


_KNOWN: Final = frozenset(f.name for f in fields(Model)) - {"extra"}
_PRICES: Final = frozenset(name for name in _KNOWN if "_usd_per_" in name)


def _contains(value: Any, pattern: Any) -> bool:
    if isinstance(pattern, Mapping):
        return isinstance(value, Mapping) and all(k in value and _contains(value[k], p) for k, p in pattern.items())
    if isinstance(pattern, Decimal) and isinstance(value, float):
        return value == float(pattern)  # the JSON's 0.6 is exact, the caller's is the nearest float
    return bool(value == pattern)


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return MappingProxyType({key: _frozen(item) for key, item in value.items()})
    return tuple(_frozen(item) for item in value) if isinstance(value, list | tuple) else value


def _thawed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _thawed(item) for key, item in value.items()}
    return [_thawed(item) for item in value] if isinstance(value, tuple) else value
