"""`aisa balance`: the wallet, as the gateway tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..display.money import usd
from ..errors import GatewayError
from . import options
from .screen import Screen

if TYPE_CHECKING:
    from rich.table import Table


def balance(
    timeout: options.Timeout = None,
    local: options.Locally = False,
    as_json: options.AsJson = False,
) -> None:
    """Show the wallet: what is left, and what this key may still use of it."""
    from .session import session

    screen = Screen(as_json)
    with session("balance", screen, options.Terms(local=local, timeout=timeout), asks_a_model=False) as opened:
        reply = dict(opened.client.balance())
    wallet = in_usd(reply)
    if all(amount is None for amount in wallet.values()):
        raise GatewayError(
            "The gateway answered, but with no amount that is known here: "
            f"it tells of {', '.join(map(str, reply)) or 'nothing'}."
        )
    if as_json:
        screen.document({"ok": True, **wallet, "as_of": reply.get("as_of"), "reply": reply})
        return
    screen.table(_table(wallet, reply))


def in_usd(reply: Mapping[str, Any]) -> dict[str, Decimal | None]:
    """Return the amounts of a reply in USD; None is one that the gateway did not say."""
    key = _key(reply)
    return {
        "balance_usd": _usd(reply.get("account_balance_micros_usd")),
        "available_usd": _usd(reply.get("available_balance_micros_usd")),
        "key_remaining_usd": _usd(key.get("remaining_micros_usd")),
        "key_used_usd": _usd(key.get("used_micros_usd")),
    }


def _usd(micros: Any) -> Decimal | None:
    from ..transport.metering import micros_to_usd

    return micros_to_usd(str(micros) if isinstance(micros, float) else micros)


def _key(reply: Mapping[str, Any]) -> Mapping[str, Any]:
    said = reply.get("api_key")
    return said if isinstance(said, Mapping) else {}


def _table(wallet: Mapping[str, Decimal | None], reply: Mapping[str, Any]) -> Table:
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    for row in _lines(wallet, reply):
        table.add_row(*row)
    return table


def _lines(wallet: Mapping[str, Decimal | None], reply: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "available", _told(wallet["available_usd"])
    yield "balance", _told(wallet["balance_usd"])
    yield "used by this key", _told(wallet["key_used_usd"])
    unlimited = _key(reply).get("unlimited") is True
    yield "left to this key", "no limit of its own" if unlimited else _told(wallet["key_remaining_usd"])
    if as_of := reply.get("as_of"):
        yield "as of", str(as_of)


def _told(amount: Decimal | None) -> str:
    return "not told" if amount is None else usd(amount, exact=True)
