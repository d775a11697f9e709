"""Our client and the vendor's own, each on a local gateway of its own that gives the same replies."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel

from aisa_integrations.local import LocalGateway

T = TypeVar("T")
NOON = 1_767_268_800.0


@contextmanager
def twins() -> Iterator[tuple[LocalGateway, LocalGateway]]:
    """Two gateways whose replies are equal to the last id and second."""
    with LocalGateway(clock=lambda: NOON) as ours, LocalGateway(clock=lambda: NOON) as stock:
        yield ours, stock


@dataclass(frozen=True, slots=True)
class Pair:
    """Run one case by both clients, and hold the results and the requests against each other."""

    ours: Any
    stock: Any
    our_gateway: LocalGateway
    stock_gateway: LocalGateway

    def prepare(self, act: Callable[[LocalGateway], object]) -> None:
        """Do the same to both gateways."""
        act(self.our_gateway)
        act(self.stock_gateway)

    def same(self, case: Callable[[Any], T]) -> T:
        """Run a case by the stock client and by ours: same result, same requests. Returns ours."""
        expected, got = case(self.stock), case(self.ours)
        assert comparable(got) == comparable(expected)
        assert _asked(self.our_gateway) == _asked(self.stock_gateway)
        return got


def comparable(value: Any) -> Any:
    """A reply without what tells the two apart by design: google-genai keeps the headers in the reply itself."""
    if isinstance(value, BaseModel) and "sdk_http_response" in type(value).model_fields:
        return type(value), value.model_dump(exclude={"sdk_http_response"})
    if isinstance(value, (list, tuple)):
        return [comparable(item) for item in value]
    return value


def _asked(gateway: LocalGateway) -> list[tuple[Any, ...]]:
    return [(request.method, request.path, request.query, _body(request.json)) for request in gateway.requests]


def _body(body: Any) -> Any:
    """A body without our asking for usage, which the caller never sees (the contract, "What counts")."""
    if isinstance(body, dict) and body.get("stream") is True:
        return {name: value for name, value in body.items() if name != "stream_options"}
    return body
