"""`aisa models`: what there is to ask, at what price, and what of it the gateway serves now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ..errors import GatewayError, ModelNotFoundError
from . import options
from .screen import Screen

if TYPE_CHECKING:
    from rich.table import Table

    from ..catalogue import Catalogue, Model
    from .listing import Listed

_SHORT: Final = {"embedding": "embed"}  # the longest id and the longest note stand side by side in 80 columns
_MEANING: Final = {
    "new": "served there, not in this catalogue",
    "gone": "in this catalogue, not served there",
    "back": "believed not to be served, but it is",
}


def models(
    text: Annotated[
        str | None,
        typer.Argument(metavar="TEXT", help="Part of an id, a family or a developer.", show_default=False),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what is believed not to be served, and what does not chat.")
    ] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Ask the gateway, and mark where it and the catalogue disagree.")
    ] = False,
    timeout: options.Timeout = None,
    local: options.Locally = False,
    as_json: options.AsJson = False,
) -> None:
    """List models by family: prices, window, abilities. Offline and without a key, unless --live (or --local) is given.

    Prices are a dated snapshot for estimates; the gateway's bill is what counts.
    """
    from ..catalogue import catalogue
    from .listing import beside_the_gateway, chosen, listed_here

    screen, known = Screen(as_json), catalogue()
    asked = live or local
    terms = options.Terms(local=local, timeout=timeout)
    if timeout is not None:
        terms.client_settings()  # one that can't be is an error, asked or not
    found = beside_the_gateway(known, _served_now(screen, terms)) if asked else listed_here(known)
    shown = chosen(found, text, everything=everything)
    if not shown:
        raise _nothing(text or "", known, hidden=len(chosen(found, text, everything=True)))
    if as_json:
        prices = {"catalogue_as_of": known.as_of, "prices": "USD per million tokens", "live": asked}
        screen.document({"ok": True, **prices, "models": [_record(one) for one in shown]})
        return
    screen.table(_table(shown, everything=everything, live=asked))
    for line in _legend(shown, known, live=asked):
        screen.line(line)


def _served_now(screen: Screen, terms: options.Terms) -> list[dict[str, Any]]:
    from .session import session

    with session("models", screen, terms, asks_a_model=False) as opened:
        records = opened.client.models()
    if not records:
        raise GatewayError("The gateway answered, but lists no models. Check AISA_BASE_URL, or ask without --live.")
    return records


def _nothing(text: str, known: Catalogue, *, hidden: int) -> ModelNotFoundError:
    close = known.suggest(text)
    more = (
        f" --all shows {hidden} that {'is' if hidden == 1 else 'are'} not served, or no chat model." if hidden else ""
    )
    near = f" Close matches: {', '.join(close)}." if close else ""
    return ModelNotFoundError(f"No model's id, family or developer holds {text!r}.{more}{near}", suggestions=close)


def _record(one: Listed) -> dict[str, Any]:
    model = one.model
    return {
        "id": one.id,
        "family": one.family,
        "developer": _of(model, "developer"),
        "kind": _of(model, "kind"),
        "input_usd_per_1m": _of(model, "input_usd_per_1m"),
        "output_usd_per_1m": _of(model, "output_usd_per_1m"),
        "cache_read_usd_per_1m": _of(model, "cache_read_usd_per_1m"),
        "price_as_of": _of(model, "price_as_of"),
        "context_tokens": _of(model, "context_tokens"),
        "vision": _of(model, "vision"),
        "tools": _of(model, "tools"),
        "speaks_gemini": _speaks_gemini(model),
        "aliases": _of(model, "aliases") or [],
        "quirk": _of(model, "quirk"),
        "served": one.served,
        **({} if one.live is None else {"disagreement": one.disagreement, "like": one.like, "gateway": one.told}),
    }


def _of(model: Model | None, fact: str) -> Any:
    return None if model is None else getattr(model, fact)


def _speaks_gemini(model: Model | None) -> bool | None:
    return model.speaks_gemini if model is not None and model.speaks else None


def _table(shown: Sequence[Listed], *, everything: bool, live: bool) -> Table:
    from .tables import plain_table

    noted = ("note",) if everything or live else ()
    table = plain_table("model", "in", "out", ">window", "VTG", *noted, gap=1 if noted else 2)
    newest, family = _newest_prices(shown), ""
    fed = _points_in_line(_usd(_of(one.model, "input_usd_per_1m")) for one in shown)
    made = _points_in_line(_usd(_of(one.model, "output_usd_per_1m")) for one in shown)
    for one, per_input, per_output in zip(shown, fed, made, strict=True):
        if one.family != family:
            family = one.family
            table.add_row(family, style="bold")
        mark = "*" if _of(one.model, "price_as_of") not in (None, newest) else ""
        cells = (per_input, f"{per_output}{mark}", _window(_of(one.model, "context_tokens")), _abilities(one.model))
        table.add_row(f"  {one.id}", *cells, *((_note(one),) if noted else ()), style=None if one.served else "dim")
    return table


def _newest_prices(shown: Iterable[Listed]) -> str:
    dates = Counter(one.model.price_as_of for one in shown if one.model is not None and one.model.price_as_of)
    return max(dates, default="")


def _points_in_line(prices: Iterable[str]) -> list[str]:
    parts = [price.partition(".") for price in prices]
    whole = max(len(before) for before, _, _ in parts)
    return [f"{before:>{whole}}{point}{after}" for before, point, after in parts]


def _usd(price: Decimal | None) -> str:
    return "?" if price is None else f"{price.normalize():f}"


def _window(tokens: int | None) -> str:
    if tokens is None:
        return "?"
    return f"{tokens / 1_000_000:.3g}M" if tokens >= 1_000_000 else f"{tokens / 1000:.0f}k"


def _abilities(model: Model | None) -> str:
    known = (_of(model, "vision"), _of(model, "tools"), _speaks_gemini(model))
    return "".join("?" if able is None else letter if able else "-" for letter, able in zip("VTG", known, strict=True))


def _note(one: Listed) -> str:
    if one.disagreement is not None:
        return one.disagreement if one.like is None else f"{one.disagreement}, as {one.like}"
    kind = _of(one.model, "kind")
    what = "" if kind in ("chat", None) else _SHORT.get(kind, kind)
    return ", ".join(part for part in (what, "" if one.served else "unserved") if part)


def _legend(shown: Sequence[Listed], known: Catalogue, *, live: bool) -> Iterable[str]:
    newest = _newest_prices(shown)
    older = sorted({one.model.price_as_of for one in shown if one.model and one.model.price_as_of} - {newest, None})
    if newest:
        dates = f"{newest} (* {', '.join(older)})" if older else newest
        yield f"\nUSD per million tokens as of {dates}; ? is not known."
    else:
        yield "\n? is not known."
    yield "V sees images, T calls tools, G also speaks Gemini, - does not."
    if not live:
        yield f"Served, as far as the catalogue of {known.as_of} knows; --live asks the gateway."
        return
    counted: Counter[str | None] = Counter(one.disagreement for one in shown)
    yield f"{sum(bool(one.live) for one in shown)} served now, by the gateway's own list."
    for word, meaning in _MEANING.items():
        if counted[word]:
            yield f"{word}: {meaning} ({counted[word]})."
