"""`aisa serve`: a gateway on this machine, for programs that are to cost nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from ..local.serving import (
    DEFAULT_BALANCE,
    DEFAULT_PORT,
    HELP,
    BackendName,
    Serving,
    TierName,
    until_told_to_stop,
    variables,
)
from . import options
from .screen import Screen


def serve(
    port: Annotated[int, typer.Option("--port", metavar="N", help=HELP["port"])] = DEFAULT_PORT,
    backend: Annotated[
        BackendName | None, typer.Option("--backend", help=f"{HELP['backend']} Default: scripted.", show_default=False)
    ] = None,
    upstream: Annotated[str | None, typer.Option("--upstream", metavar="URL", help=HELP["upstream"])] = None,
    upstream_model: Annotated[
        str | None, typer.Option("--upstream-model", metavar="ID", help=HELP["upstream_model"])
    ] = None,
    tier: Annotated[TierName | None, typer.Option("--tier", help=HELP["tier"])] = None,
    balance: Annotated[str, typer.Option("--balance", metavar="USD", help=HELP["balance"])] = DEFAULT_BALANCE,
    strict: Annotated[bool, typer.Option("--strict", help=HELP["strict"])] = False,
    api_key: Annotated[str | None, typer.Option("--api-key", metavar="KEY", help=HELP["api_key"])] = None,
    as_json: options.AsJson = False,
) -> None:
    """Serve a gateway on this machine until Ctrl-C. That is how it is meant to end: the exit code is 0.

    The two lines on stdout are the variables to export where your programs run. No key, no network, no money.
    """
    screen = Screen(as_json)
    serving = Serving(
        port=port, backend=backend, upstream=upstream, upstream_model=upstream_model, tier=tier, balance=balance,
        strict=strict, api_key=api_key,
    )  # fmt: skip
    gateway = serving.start()
    try:
        if as_json:
            screen.document({"ok": True, "base_url": gateway.url, "api_key": gateway.api_key})
        else:
            screen.piece(variables(gateway))
        if screen.for_a_person:
            screen.note("Export both lines where your programs run. Ctrl-C stops the gateway.")
        until_told_to_stop()
    finally:
        gateway.stop()
