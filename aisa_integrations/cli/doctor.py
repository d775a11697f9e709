"""`aisa doctor`: what is set up, what is wrong, and what to do about it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import typer

from ..errors import AisaError
from . import options
from .exits import Exit
from .screen import Screen

if TYPE_CHECKING:
    from rich.table import Table

    from .checks import Finding

# Nobody waits two minutes, as for an answer, to learn that the network is down.
_TIMEOUT: Final = 15.0
# Worst first: what comes later can't be mended, or not be seen, before what comes earlier.
_WORST_FIRST: Final = (Exit.KEY, Exit.USAGE, Exit.CREDITS, Exit.TIMEOUT, Exit.RATE, Exit.OTHER)
_COLOURS: Final = {"ok": "green", "note": "yellow", "problem": "bold red"}


def doctor(
    timeout: options.Timeout = None,
    local: options.Locally = False,
    as_json: options.AsJson = False,
) -> None:
    """Check the set-up. Key, gateway, proxy, packages, files, and one live request for the list of models.

    It costs nothing, and shows no part of the key. The exit code is that of the worst problem. The live request may
    take 15 seconds, or --timeout.
    """
    screen = Screen(as_json)
    # Asked once: whoever wants to know what is wrong wants to see the failure itself, not the third of its kind.
    terms = options.Terms(local=local, timeout=_TIMEOUT if timeout is None else timeout, max_retries=0)
    terms.client_settings()  # a timeout that can't be is refused before anything is looked at
    findings = [finding for finding in _findings(screen, terms) if finding is not None]
    code = next((code for code in _WORST_FIRST if any(finding.code is code for finding in findings)), Exit.OK)
    if as_json:
        told = {"ok": code is Exit.OK, "exit_code": int(code), "checks": [_record(finding) for finding in findings]}
        screen.document(_without_key(told))
    else:
        screen.table(_table(findings))
        problems = sum(finding.state == "problem" for finding in findings)
        screen.line()
        screen.line("All is well." if not problems else f"{problems} problem{'' if problems == 1 else 's'}.")
    if code is not Exit.OK:
        raise typer.Exit(int(code))


def _findings(screen: Screen, terms: options.Terms) -> Iterator[Finding | None]:
    from . import checks

    yield from checks.packages()
    yield from checks.files()
    yield checks.catalogue_date()
    yield checks.default_model()
    if terms.local:
        yield checks.Finding(name="key", told="none is needed with --local")
        yield _asked(screen, terms)
        return
    key = checks.key()
    gateway, origin = checks.gateway()
    yield key
    yield gateway
    proxy = None if origin is None else checks.proxy(origin)
    yield proxy
    if any(one is None or one.state == "problem" for one in (key, gateway, proxy)):
        yield checks.Finding(name="live", told="not asked: first mend what is wrong above", state="note")
    else:
        yield _asked(screen, terms)


def _asked(screen: Screen, terms: options.Terms) -> Finding:
    from . import checks
    from .session import session

    try:
        with session("doctor", screen, terms, asks_a_model=False) as opened:
            return checks.live(opened.client, opened.origin)
    except AisaError as error:
        return checks.problem("live", error)


def _record(finding: Finding) -> dict[str, Any]:
    return {
        "name": finding.name,
        "state": finding.state,
        "told": finding.told,
        "advice": finding.advice or None,
        "exit_code": int(finding.code),
        **finding.facts,
    }


def _table(findings: Sequence[Finding]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for finding in findings:
        told = _without_key(finding.told)
        table.add_row(Text(finding.state, style=_COLOURS[finding.state]), finding.name, told)
        for advice in finding.advice.splitlines():
            table.add_row("", "", f"-> {_without_key(advice)}")
    return table


def _without_key(told: Any) -> Any:
    """Return what is told without the key, whatever variable, folder or message of the gateway it got into."""
    key = os.environ.get("AISA_API_KEY", "").strip()
    if isinstance(told, str):
        return told.replace(key, "(the key)") if key else told
    if isinstance(told, dict):
        return {_without_key(name): _without_key(value) for name, value in told.items()}
    return [_without_key(one) for one in told] if isinstance(told, list) else told
