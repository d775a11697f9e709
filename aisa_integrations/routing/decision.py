"""What was decided for a request, with everything that was looked at: a value, and a table to read."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from ..display.money import usd
from ..display.text import aligned, in_a_line

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True)
class Candidate:
    """One model that was looked at; None is unknown.

    Args:
        model: the id.
        developer: who made it.
        input_usd_per_1m: USD for a million prompt tokens.
        output_usd_per_1m: USD for a million tokens of the answer.
        context_tokens: its window, prompt and answer together.
        estimated_cost: USD that this request would cost with it, estimated from above.
        kept: whether it is in the chain.
        why: its place in the chain, or what spoke against it.
    """

    model: str
    developer: str | None
    input_usd_per_1m: Decimal | None
    output_usd_per_1m: Decimal | None
    context_tokens: int | None
    estimated_cost: Decimal | None
    kept: bool
    why: str

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values; amounts as strings, which lose nothing."""
        return {name: _json(getattr(self, name)) for name in self.__slots__}


@dataclass(frozen=True, slots=True, repr=False)
class RouteDecision:
    """Which models a request is for, by which rule, and what was looked at. Printing it gives a table.

    Args:
        route: the model that was asked, such as `aisa/auto`.
        rule: the name of the rule that decided.
        reason: what the rule saw, in words.
        chain: the ids to ask, in order; empty where nothing is left.
        candidates: every model that was looked at, those of the chain first.
    """

    route: str
    rule: str
    reason: str
    chain: tuple[str, ...]
    candidates: tuple[Candidate, ...]

    @property
    def choice(self) -> str | None:
        """Return the model that is asked first, or None where nothing is left."""
        return self.chain[0] if self.chain else None

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "route": self.route,
            "rule": self.rule,
            "reason": self.reason,
            "chain": list(self.chain),
            "candidates": [candidate.to_dict() for candidate in self.candidates],
        }

    def to_pandas(self) -> pandas.DataFrame:
        """Return a data frame with a row for each candidate; what is unknown is missing.

        Raises:
            ImportError: pandas is not installed.
        """
        from ..display.frames import frame

        columns = Candidate.__slots__
        kinds = {name: "float64" for name in columns if "usd" in name or "cost" in name}
        rows = ({name: getattr(candidate, name) for name in columns} for candidate in self.candidates)
        return frame(rows, columns, {**kinds, "context_tokens": "Int64"})

    def _repr_html_(self) -> str:
        from .html import decision_html

        return decision_html(self)

    def __str__(self) -> str:
        outcome = ", then ".join(map(_plain, self.chain)) or "nothing is left"
        head = f"{_plain(self.route)} · {_plain(self.rule)} → {outcome}\n{in_a_line(self.reason, 500)}"
        shown = self.candidates[: len(self.chain) + _MOST_DROPPED]
        more = len(self.candidates) - len(shown)
        foot = [f"·  … and {more} more that are left out"] if more else []
        return "\n".join([head, *aligned([_HEADINGS, *map(_row, shown)], right=_FIGURES), *foot])

    __repr__ = __str__


_MOST_DROPPED: Final = 10
_HEADINGS: Final = ("", "model", "developer", "in $/1M", "out $/1M", "window", "this call", "why")
_FIGURES: Final = frozenset({3, 4, 5, 6})


def _row(candidate: Candidate) -> tuple[str, ...]:
    cost = candidate.estimated_cost
    return (
        "✓" if candidate.kept else "·",
        _plain(candidate.model),
        _plain(candidate.developer or "?"),
        _number(candidate.input_usd_per_1m),
        _number(candidate.output_usd_per_1m),
        "?" if candidate.context_tokens is None else f"{candidate.context_tokens:,}",
        "?" if cost is None else f"≤ {usd(cost)}",
        in_a_line(candidate.why, 200),
    )


def _number(price: Decimal | None) -> str:
    return "?" if price is None else f"{price:f}"


def _plain(text: str) -> str:
    # An id comes from users and files: a line break or an escape sequence in one must not forge a table.
    return text if text.isprintable() else repr(text)


def _json(value: Any) -> Any:
    return f"{value:f}" if isinstance(value, Decimal) else value
