"""What a notebook's first cell calls: the live gateway where there is a key, else one on this machine.

    from aisa_integrations.notebook import connect

    connect()

The cells below it are the same either way: they find the key and the origin in the environment of the process.
"""

from __future__ import annotations

import atexit
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from ..errors import ConfigurationError
from ..settings import Origin, is_loopback, resolve_origin, resolve_settings

if TYPE_CHECKING:
    from ..display.html import Tone
    from ..local import LocalGateway

Answering = Literal["scripted", "llama"]

KEY: Final = "AISA_API_KEY"
ORIGIN: Final = "AISA_BASE_URL"
# Seconds between two pieces of a simulated answer: it is seen to stream, as a model's is.
_PACE: Final = 0.02

_lock: Final = threading.Lock()
_current: Connection | None = None


def connect(*, local: Answering = "scripted") -> Connection:
    """Let every client of this process find a gateway, and return the badge that says which one answers.

    With `AISA_API_KEY` set it is the live one. Else one is started on this machine, and `AISA_API_KEY` and
    `AISA_BASE_URL` lead to it, until `close()`, another call that asks for something else, or the end of the process.
    Called again, it keeps what runs.

    Args:
        local: who answers where there is no key: "scripted" makes answers up; "llama" is a real model that is small
            enough to run here, and often wrong. Where it is not installed, answers are made up and the badge says so.

    Raises:
        ConfigurationError: a key or an origin in the environment that cannot work.
        ImportError: what serves a gateway on this machine is not installed.
    """
    global _current
    if local not in ("scripted", "llama"):
        raise ConfigurationError(f'local is "scripted" or "llama", not {local!r}.')
    with _lock:
        if _current is not None and _current._still_leads() and _current._local == local:
            return _current
        previous, _current = _current, None
        if previous is not None:
            previous.close()
        _current = _elsewhere() if os.environ.get(KEY, "").strip() else _on_this_machine(local)
        return _current


def badge_now() -> Badge | None:
    """Return the badge of who answers as the environment is now, or None where that says nobody."""
    if _current is not None and _current._still_leads():
        return _current.badge
    return badge_of(resolve_origin()) if os.environ.get(KEY, "").strip() else None


@dataclass(frozen=True, slots=True)
class Badge:
    """Say who answers.

    Args:
        label: in a few words.
        note: what that means for answers and money.
        tone: of its colour.
        hint: what to install for what was asked for; empty where nothing is missing.
        live: whether calls leave this machine and cost money.
    """

    label: str
    note: str
    tone: Tone = "plain"
    hint: str = ""
    live: bool = False


class Connection:
    """Show who answers the calls of this process; `connect()` makes it.

    Args:
        badge: what is shown.
        gateway: the one on this machine that was started for it, running; None where another one answers.
        local: who was to answer where there is no key.
    """

    def __init__(self, badge: Badge, gateway: LocalGateway | None = None, local: Answering | None = None) -> None:
        self.badge = badge
        self.gateway = gateway
        self._local = local
        self._led = {} if gateway is None else {KEY: gateway.api_key, ORIGIN: gateway.url}
        self._before = {name: os.environ.get(name) for name in self._led}
        if gateway is not None:
            os.environ.update(self._led)
            # A model that is still loaded while the interpreter goes down may take it along.
            atexit.register(self.close)

    def close(self) -> None:
        """Stop the gateway that was started here and put the environment back; what was set since is left alone."""
        atexit.unregister(self.close)
        led, self._led = self._led, {}
        for name, value in led.items():
            if os.environ.get(name) == value:
                before = self._before[name]
                if before is None:
                    del os.environ[name]
                else:
                    os.environ[name] = before
        if self.gateway is not None:
            self.gateway.stop()

    def _still_leads(self) -> bool:
        """Say whether the environment still leads to the gateway that was started for this."""
        return bool(self._led) and self._led.items() <= os.environ.items()

    def __repr__(self) -> str:
        return f"<{self.badge.label}: {' '.join([self.badge.note, *self.badge.hint.split()])}>"

    def _repr_html_(self) -> str:
        from ..display import html

        badge = self.badge
        hint = html.text(badge.hint, whole="") if badge.hint else None
        return html.panel(html.badge(badge.label, badge.tone), hint, summary=badge.note)


def _elsewhere() -> Connection:
    origin = resolve_settings().origin
    return Connection(badge_of(origin))


def badge_of(origin: Origin) -> Badge:
    """Return what is shown where the environment names who answers."""
    if is_loopback(origin.host):
        return Badge(f"local, {origin}", f"{ORIGIN} leads to a gateway on this machine.")
    return Badge("live", f"{origin} answers, and bills the key in {KEY}.", "good", live=True)


def _on_this_machine(local: Answering) -> Connection:
    from ..local import LocalGateway
    from ..local.available import start_available

    # Strict: an id that the live gateway does not serve is refused here too.
    if local == "scripted":
        return Connection(_simulated(), _paced(LocalGateway(strict_models=True, keep_requests=0).start()), local)
    gateway, missing = start_available(strict_models=True, keep_requests=0)
    if missing is not None:
        return Connection(_simulated(missing), _paced(gateway), local)
    return Connection(_TOY, gateway, local)


_FREE: Final = f"Bills are simulated, at the catalogue's prices. To go live, set {KEY} and run this again."
_TOY: Final = Badge("local, SmolLM2-135M", f"A toy model on this machine answers: real text, often wrong. {_FREE}")


def _simulated(missing: str = "") -> Badge:
    hint = f"The toy model was asked for, but {missing}" if missing else ""
    return Badge("local, simulated", f"A gateway on this machine makes the answers up. {_FREE}", "warning", hint)


def _paced(gateway: LocalGateway) -> LocalGateway:
    gateway.script.set_style("*", chunk_delay=_PACE)
    return gateway
