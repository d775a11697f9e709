"""What a verb asks with: a client on the gateway or on this machine, and the count of what its calls cost."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import AisaError
from .options import Terms
from .receipt import receipt
from .screen import Screen

if TYPE_CHECKING:
    from ..gateway_client import GatewayClient
    from ..local import LocalGateway
    from ..tracking import Spend
    from ..usage import Exchange
    from .ledger import Bookkeeper

NO_MONEY = "no money: a gateway on this machine"


@dataclass(frozen=True, slots=True)
class Session:
    """Hold what a verb asks with.

    Args:
        client: asks the gateway, or the one on this machine.
        spend: the calls so far.
        settings: the keyword arguments that another face would be made with.
        local: whether nothing of it costs money.
        origin: of the gateway that is asked.
        book: writes the calls to the ledger, where they cost money.
    """

    client: GatewayClient
    spend: Spend
    settings: dict[str, Any]
    local: bool
    origin: str
    book: Bookkeeper | None = None

    def tell(self, screen: Screen, exchange: Exchange) -> None:
        """Say to a person after an answer who gave it, after which failures, and what it cost; write it down."""
        if screen.for_a_person:
            screen.note(f"{receipt(exchange)} · {NO_MONEY}" if self.local else receipt(exchange))
        if self.book is not None:
            # A conversation may last for days, and end with its terminal.
            self.book.catch_up()


@contextlib.contextmanager
def session(verb: str, screen: Screen, terms: Terms, *, asks_a_model: bool = True) -> Iterator[Session]:
    """Open what a verb asks with; whatever happens in it, its calls are written to the ledger and all is closed.

    Args:
        verb: as the ledger names it.
        screen: where notes go.
        terms: how calls are made.
        asks_a_model: whether a gateway on this machine needs one.

    Raises:
        AisaError: a setting that cannot work, or no key.
    """
    from ..gateway_client import GatewayClient
    from ..settings import resolve_origin
    from ..tracking import track
    from .ledger import Bookkeeper

    with contextlib.ExitStack() as stack:
        settings = terms.client_settings()
        if terms.local:
            gateway = stack.enter_context(local_gateway(screen, with_a_model=asks_a_model))
            settings |= {"api_key": gateway.api_key, "base_url": gateway.url}
        origin = str(resolve_origin(settings.get("base_url")))
        spend = stack.enter_context(track())
        book = None if terms.local else Bookkeeper(verb, origin, spend, screen)
        if book is not None:
            # Called after the client is closed: a stream that is cut off there has ended only then.
            stack.callback(book.catch_up)
        client = stack.enter_context(GatewayClient(**settings))
        yield Session(client, spend, settings, terms.local, origin, book)


@contextlib.contextmanager
def local_gateway(screen: Screen, *, with_a_model: bool = True) -> Iterator[LocalGateway]:
    """Run a gateway on this machine: with the real small model where it is installed, else with simulated answers.

    Raises:
        AisaError: what serves it is not installed.
    """
    from ..local import LocalGateway
    from ..local.available import start_available

    try:
        gateway, missing = start_available() if with_a_model else (LocalGateway().start(), None)
    except ImportError as error:
        raise AisaError(str(error)) from None
    if missing is not None:
        screen.note(f"answers are simulated: {missing}", style="yellow")
    elif with_a_model:
        screen.note("a toy model on this machine answers (SmolLM2, 135M parameters): real text, often wrong")
    try:
        yield gateway
    finally:
        gateway.stop()
