"""What a block of calls cost, in a notebook and as rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from ..usage import Exchange
from . import cells, html, money
from .frames import COLUMNS
from .html import Html
from .text import plural

if TYPE_CHECKING:
    from ..tracking import Spend

# Those of every table but the answer, which a record of spend does not hold; and what the caller's own cache did.
CALL_COLUMNS: Final = (*(name for name in COLUMNS if name != "response"), "cached", "saved_usd")
_MOST_MODELS: Final = 50


def spend_html(spend: Spend) -> Html:
    """Return an output: the sums, and a row for each model that served, the dearest first."""
    models = sorted(spend.by_model.items(), key=lambda item: (-item[1].cost, item[0]))
    shown = models[:_MOST_MODELS]
    largest = shown[0][1].cost if shown else None
    rows = [_row(model, one, largest) for model, one in shown]
    headings = ("model", "calls", "tokens in → out", "cost", "billed", "estimated", "of unknown cost")
    table = html.table(headings, rows, right=frozenset({1, 2, 3, 4, 5, 6})) if rows else None
    more = len(models) - len(shown)
    left_out = (
        html.quiet(f"… and {plural(more, 'model')} more: ", html.code("spend.by_model"), " has all.") if more else None
    )
    return html.panel("Spend", table, left_out, _notes(spend), summary=_summary(spend))


def _summary(spend: Spend) -> str:
    cost = money.total(spend.billed, spend.estimated, spend.unknown)
    return " · ".join([plural(spend.calls, "call"), cost] if spend.calls else ["no call yet"])


def _row(model: str, spend: Spend, largest: Any) -> Sequence[str | Html]:
    cost = money.UNKNOWN if spend.unknown == spend.calls and not spend.cost else money.usd(spend.cost)
    apart = [money.usd(amount) if amount else "" for amount in (spend.billed, spend.estimated)]
    unknown = html.badge(str(spend.unknown), "warning") if spend.unknown else ""
    bar = cells.with_bar(cost, spend.cost or None, largest)
    return (html.code(model), f"{spend.calls:,}", _tokens(spend.exchanges), bar, *apart, unknown)


def _tokens(exchanges: Sequence[Exchange]) -> str:
    sides = [
        [count for exchange in exchanges if (count := getattr(exchange.usage, side)) is not None]
        for side in ("prompt_tokens", "completion_tokens")
    ]
    # A sum of some of the calls is marked as such.
    shown = [f"{'≥ ' if len(side) < len(exchanges) else ''}{sum(side):,}" if side else "?" for side in sides]
    return " → ".join(shown)


def _notes(spend: Spend) -> Html | None:
    notes = []
    if unserved := sum(exchange.served_by is None for exchange in spend.exchanges):
        notes.append(f"{plural(unserved, 'call')} that no model answered")
    if spend.saved:
        notes.append(f"{money.usd(spend.saved)} saved by the cache")
    if spend.unattributed:
        notes.append(f"{plural(spend.unattributed, 'call')} of plain threads may or may not belong here")
    if spend.credits_remaining is not None:
        notes.append(f"{money.usd(spend.credits_remaining, exact=True)} left in the wallet")
    return html.element("div", html.quiet(" · ".join(notes))) if notes else None


def call_row(exchange: Exchange) -> dict[str, Any]:
    """Return a call as a flat row of plain values under the names of `CALL_COLUMNS`; None is unknown."""
    usage = exchange.usage
    values = (
        *(exchange.model, exchange.error is None, exchange.latency, exchange.ttft),
        *(usage.prompt_tokens, usage.completion_tokens),
        *(None if usage.cost is None else float(usage.cost), usage.cost_kind, exchange.served_by, exchange.error),
        *(exchange.cached, None if exchange.saved is None else float(exchange.saved)),
    )
    return dict(zip(CALL_COLUMNS, values, strict=True))
