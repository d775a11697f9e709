"""The catalogue in a notebook: a table to look through, and the facts of one model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from ..display import html
from ..display.html import Html
from ..display.money import usd
from ..display.text import plural

if TYPE_CHECKING:
    from .index import Catalogue
    from .model import Model

COLUMNS: Final = (
    *("model", "developer", "family", "kind", "served", "input_usd_per_1m", "output_usd_per_1m"),
    *("cache_read_usd_per_1m", "cache_write_usd_per_1m", "price_as_of", "context_tokens", "vision", "tools"),
)
KINDS: Final = {
    **{name: "float64" for name in COLUMNS if "_usd_per_" in name},
    "context_tokens": "Int64",
    **dict.fromkeys(("vision", "tools"), "boolean"),  # yes, no and unknown
}
_MOST: Final = 300


def catalogue_html(catalogue: Catalogue) -> Html:
    """Return an output: chat models before others, those served before those that are not, by developer and id."""
    models = sorted(catalogue.models, key=_place)
    shown = models[:_MOST]
    headings = ("model", "developer", "kind", "in $/1M", "out $/1M", "window", "sees", "tools", "")
    table = html.table(headings, map(_row, shown), right=frozenset({3, 4, 5}))
    more = len(models) - len(shown)
    left_out = html.quiet(f"… and {plural(more, 'model')} more: ", html.code("catalogue.to_pandas()")) if more else None
    note = html.quiet("USD for a million tokens, from this snapshot and not from a bill; ? is unknown.")
    summary = f"{plural(len(models), 'model')}, {sum(model.served for model in models)} served"
    return html.panel(
        "Catalogue",
        html.element("div", table, style="max-height:32em;overflow:auto") if models else None,
        left_out,
        html.element("div", note),
        summary=html.joined(f"{summary} · as of ", html.data(catalogue.as_of or "?", limit=40)),
    )


def model_html(model: Model) -> Html:
    """Return an output for what is known of one model."""
    facts: Sequence[tuple[str, str]] = (
        ("developer", model.developer),
        ("family", model.family),
        ("kind", model.kind),
        ("prompt", _per_million(model.input_usd_per_1m)),
        ("answer", _per_million(model.output_usd_per_1m)),
        ("prices as of", model.price_as_of or "?"),
        ("window", _tokens(model.context_tokens)),
        ("sees pictures", _known(model.vision)),
        ("calls tools", _known(model.tools)),
        ("also known as", ", ".join(model.aliases)),
        ("refuses", ", ".join(model.refuses)),
        ("instead", ", ".join(model.instead)),
        ("note", model.quirk or ""),
    )
    rows = [(html.quiet(name), html.data(fact, limit=400)) for name, fact in facts if fact]
    return html.panel(html.code(model.id), html.table(("", ""), rows), summary=_served(model))


def model_row(model: Model) -> dict[str, Any]:
    """Return a model as a flat row of plain values under the names of `COLUMNS`; None is unknown."""
    values: Iterable[Any] = (getattr(model, "id" if name == "model" else name) for name in COLUMNS)
    return {
        name: float(value) if isinstance(value, Decimal) else value for name, value in zip(COLUMNS, values, strict=True)
    }


def _place(model: Model) -> tuple[Any, ...]:
    return (model.kind != "chat", not model.served, model.developer.lower(), model.id.lower())


def _row(model: Model) -> Sequence[str | Html]:
    return (
        html.code(model.id),
        html.data(model.developer),
        html.data(model.kind),
        _price(model.input_usd_per_1m),
        _price(model.output_usd_per_1m),
        _tokens(model.context_tokens),
        _known(model.vision),
        _known(model.tools),
        "" if model.served else html.quiet("not served"),
    )


def _served(model: Model) -> Html:
    if model.served:
        return html.badge(html.data(f"listed {model.last_listed}", limit=60), "good")
    gone = model.unavailable_as_of
    return html.badge(html.data(f"not served as of {gone}", limit=60) if gone else "not listed", "warning")


def _price(price: Decimal | None) -> str:
    return "?" if price is None else usd(price, exact=True).removeprefix("$")


def _per_million(price: Decimal | None) -> str:
    return "?" if price is None else f"{usd(price, exact=True)} for a million tokens"


def _tokens(count: int | None) -> str:
    return "?" if count is None else f"{count:,}"


def _known(fact: bool | None) -> str:
    return "?" if fact is None else "yes" if fact else "no"
