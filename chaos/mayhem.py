"""The gateway's side: which request fails how, by chance that a seed fixes, and what each request was billed."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from aisa_integrations.local import FAULTS, Fault, LocalGateway
from aisa_integrations.local.script import PlayedFault

_NUMBER: Final = re.compile(r"call number (\d+)")
# Waits are short, so that thousands of calls take minutes; what says nothing lasts as long as its caller's timeout.
_WAIT: Final = 0.02
_OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "retry_after": {"retry_after": _WAIT},
    "key_spent": {"retry_after": _WAIT},
    "slow_first_byte": {"seconds": _WAIT},
    "slow_first_content": {"seconds": _WAIT},
}


@dataclass(slots=True)
class Asked:
    """One request as the gateway saw it.

    Args:
        model: the id in it.
        fault: what was played, or None.
        bill: USD that it cost; None until that is settled.
    """

    model: str
    fault: str | None
    bill: Decimal | None = None


def prompt(number: int) -> str:
    """Return what a call says, by which its requests are known."""
    return f"This is call number {number}, and it goes on for some words so that there is something to cut."


def answer(model: str | None, number: int) -> str:
    """Return the words with which a model answers a call."""
    return f"Simulated reply from {model}: you said {prompt(number)}"


class Mayhem:
    """Let some models of a gateway fail, each request in its own way, and note what becomes of it.

    Args:
        gateway: a local one, which this takes over.
        flaky: the models that fail.
        odds: how many of their requests do.
        seed: the same one plays the same faults, whatever the order in which requests come.
    """

    def __init__(self, gateway: LocalGateway, flaky: frozenset[str], *, odds: float, seed: int) -> None:
        self.asked: dict[int, list[Asked]] = {}
        self.played: Counter[str] = Counter()
        self._flaky = flaky
        self._odds = odds
        self._seed = seed
        self._request: ContextVar[Asked] = ContextVar("request")
        self._account = gateway.account
        self._charge, self._refuse = gateway.account.charge, gateway.account.refuse
        gateway.script.set_style("*", usage_on="own")
        script: Any = gateway.script
        account: Any = gateway.account
        script.take_fault, account.charge, account.refuse = self._take_fault, self._charged, self._refused

    def _take_fault(
        self, model: str, *, surface: str, stream: bool, body: Mapping[str, Any] | None = None
    ) -> PlayedFault | None:
        number = _number_of(body or {})
        requests = self.asked.setdefault(number, [])
        chance = random.Random(f"{self._seed} {number} {len(requests)}")
        fault = None
        if any(model.endswith(flaky) for flaky in self._flaky) and chance.random() < self._odds:
            fault = chance.choice(_fitting(surface, stream))
        requests.append(Asked(model, None if fault is None else fault.name))
        # A server runs each request in a task, and so a context, of its own: its bill comes here too.
        self._request.set(requests[-1])
        if fault is None:
            return None
        self.played[fault.name] += 1
        played = PlayedFault(fault, _OPTIONS.get(fault.name, {}))
        return played if played.fits(surface=surface, stream=stream, body=body) else None

    def _charged(self, *args: Any, **details: Any) -> tuple[Decimal, Decimal]:
        cost, left = self._charge(*args, **details)
        self._request.get().bill = cost
        return cost, left

    def _refused(self, *args: Any, **details: Any) -> None:
        self._refuse(*args, **details)
        self._request.get().bill = Decimal(0)


def _number_of(body: Mapping[str, Any]) -> int:
    said = body["messages"][0]["content"] if "messages" in body else body["contents"][0]["parts"][0]["text"]
    found = _NUMBER.search(said)
    assert found is not None, said
    return int(found[1])


def fitting(surface: str, *, stream: bool) -> list[Fault]:
    """Return every fault that can be played for such a request."""
    return [fault for fault in FAULTS.values() if fault.fits(surface=surface, stream=stream)]


_FITTING: Final = {
    (surface, stream): fitting(surface, stream=stream) for surface in ("chat", "gemini") for stream in (False, True)
}


def _fitting(surface: str, stream: bool) -> list[Fault]:
    return _FITTING["gemini" if surface == "gemini" else "chat", stream]
