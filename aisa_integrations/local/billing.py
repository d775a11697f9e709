"""From tokens to money: what a call is charged, and what its reply says about that."""

from __future__ import annotations

from typing import Any, Literal

from .account import Account
from .backends.scripted import count, prompt_tokens
from .exact_json import number

UsageMode = Literal["full", "tokens", "none"]
Json = dict[str, Any]


class Bill:
    """The bill of one call. It is settled once, before the last of the reply leaves."""

    def __init__(
        self, account: Account, model: str, surface: str, body: Json, *, stream: bool, mode: UsageMode
    ) -> None:
        self._account = account
        self._model = model
        self._surface = surface
        self._body = body
        self._stream = stream
        self._mode = mode
        self._delivered: dict[tuple[int, str], int] = {}
        self.settled = False
        self.tokens = 0

    def deliver(self, index: int, delta: Json) -> None:
        """Note a piece of content that goes out, in case that the stream is cut."""
        for key, value in delta.items():
            if isinstance(value, str) and key != "role":
                self._delivered[index, key] = self._delivered.get((index, key), 0) + len(value)
        for call in delta.get("tool_calls") or ():
            function = call.get("function", {})
            length = len(function.get("name") or "") + len(function.get("arguments") or "")
            place = (index, f"call {call.get('index', 0)}")
            self._delivered[place] = self._delivered.get(place, 0) + length

    def settle(self, tokens: Json | None, *, status: int = 200) -> Json | None:
        """Charge the whole call, and return the reply's `usage`; without `tokens` the local rule counts."""
        self.settled = True
        usage = dict(tokens) if tokens else self._counted()
        prompt, completion = usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
        usage.setdefault("total_tokens", prompt + completion)
        self.tokens = prompt + completion
        cost, left = self._account.charge(
            self._model, self._surface, prompt, completion, status=status, stream=self._stream
        )
        if self._mode == "none":
            return None
        if self._mode == "full":
            usage["cost"], usage["credits_remaining"] = number(cost), number(left)
        return usage

    def cut(self, status: int = 200) -> None:
        """Charge what was delivered of a reply that ends too early; nothing at all when that is nothing."""
        if self.settled:
            return
        if self._delivered:
            self.settle(None, status=status)
        else:
            self.refuse(status)

    def refuse(self, status: int) -> None:
        """Note that the call was not answered, and costs nothing."""
        if not self.settled:
            self.settled = True
            self._account.refuse(self._model, self._surface, status=status, stream=self._stream)

    def _counted(self) -> Json:
        # `count` is of a text; only its length matters.
        completion = sum(count(" " * length) for length in self._delivered.values())
        prompt = prompt_tokens(self._body)
        return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
