"""The account of a local gateway: prices, the bill of every call, the balance."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib import resources
from threading import Lock
from typing import Any

_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Price:
    """USD per one million tokens."""

    prompt: Decimal
    completion: Decimal

    def of(self, prompt_tokens: int, completion_tokens: int) -> Decimal:
        """What this many tokens cost, exactly."""
        return (self.prompt * prompt_tokens + self.completion * completion_tokens) / _MILLION


DEFAULT_PRICE = Price(prompt=Decimal("1.00"), completion=Decimal("3.00"))
"""Charged for a model that the catalogue has no price of."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a model, answered or refused; `status` is 0 where no status was ever sent."""

    model: str
    surface: str
    prompt_tokens: int
    completion_tokens: int
    cost: Decimal
    status: int
    stream: bool


@cache
def catalogue_models() -> tuple[Mapping[str, Any], ...]:
    """The packaged catalogue's entries, with exact prices; empty where the package has no catalogue."""
    file = resources.files("aisa_integrations") / "models.json"
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    return tuple(json.loads(text, parse_float=Decimal, parse_int=int)["models"])


def catalogue_prices(models: Iterable[Mapping[str, Any]]) -> dict[str, Price]:
    """The price of every entry that names one."""
    return {
        entry["id"]: Price(Decimal(entry["input_usd_per_1m"]), Decimal(entry["output_usd_per_1m"]))
        for entry in models
        if "input_usd_per_1m" in entry and "output_usd_per_1m" in entry
    }


class Account:
    """What was spent here and on what; safe to read and to charge from any thread."""

    def __init__(self, balance: Decimal, prices: Mapping[str, Price]) -> None:
        self._lock = Lock()
        self._opened_with = balance
        self._prices = dict(prices)
        self._calls: list[Call] = []
        self._spent = Decimal(0)

    @property
    def spent(self) -> Decimal:
        """The sum of all bills."""
        with self._lock:
            return self._spent

    @property
    def balance(self) -> Decimal:
        """What is left; the last call before it is empty may take it below zero."""
        with self._lock:
            return self._opened_with - self._spent

    @balance.setter
    def balance(self, value: Decimal) -> None:
        with self._lock:
            self._opened_with = value + self._spent

    @property
    def calls(self) -> list[Call]:
        """Every call of a model in the order it was settled, refused ones (which cost nothing) included."""
        with self._lock:
            return list(self._calls)

    def by_model(self) -> dict[str, Decimal]:
        """What each model cost so far."""
        totals: dict[str, Decimal] = {}
        for call in self.calls:
            totals[call.model] = totals.get(call.model, Decimal(0)) + call.cost
        return totals

    def price(self, model: str) -> Price:
        """The price charged for a model."""
        with self._lock:
            return self._prices.get(model, DEFAULT_PRICE)

    def set_price(self, model: str, prompt_usd_per_1m: Decimal, completion_usd_per_1m: Decimal) -> None:
        """Charge another price from now on, as a gateway does whose catalogue has moved on."""
        with self._lock:
            self._prices[model] = Price(prompt_usd_per_1m, completion_usd_per_1m)

    def charge(
        self, model: str, surface: str, prompt_tokens: int, completion_tokens: int, *, status: int, stream: bool
    ) -> tuple[Decimal, Decimal]:
        """Bill one call; returns its cost and the balance left right after it."""
        with self._lock:
            cost = self._prices.get(model, DEFAULT_PRICE).of(prompt_tokens, completion_tokens)
            self._spent += cost
            self._calls.append(Call(model, surface, prompt_tokens, completion_tokens, cost, status, stream))
            return cost, self._opened_with - self._spent

    def refuse(self, model: str, surface: str, *, status: int, stream: bool) -> None:
        """Note a call that was not answered and costs nothing."""
        with self._lock:
            self._calls.append(Call(model, surface, 0, 0, Decimal(0), status, stream))

    def clear(self) -> None:
        """Forget all calls and bills; the balance is the opening one again."""
        with self._lock:
            self._calls.clear()
            self._spent = Decimal(0)
