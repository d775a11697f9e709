"""The streams of both clients: their events, their ends, and what closing them does."""

from typing import Any

import pytest

from aisa_integrations import GatewayClient, InterruptedStreamError, ModelNotFoundError
from aisa_integrations.local import LocalGateway
from tests.gateway_client.ways import MODEL, all_of, body, closed, next_of, said, waited


async def test_a_stream_tells_its_record_at_its_end(client: Any, gateway: LocalGateway) -> None:
    stream = client.stream(body())
    await next_of(stream)
    before_the_end = stream.exchange
    await all_of(stream)
    assert before_the_end is None
    assert stream.exchange.served_by == MODEL
    assert stream.exchange.usage.cost == gateway.account.spent


async def test_a_stream_that_is_closed_is_over_at_once(client: Any, gateway: LocalGateway) -> None:
    gateway.script.set_style("*", chunk_delay=0.05)
    stream = client.stream(body())
    await next_of(stream)
    await closed(stream)
    await closed(stream)
    assert await all_of(stream) == []
    assert stream.exchange.usage.cost is None
    assert gateway.wait(disconnects=1)
    assert (await waited(client.chat(body())))["choices"]


async def test_a_stream_that_is_closed_before_its_first_event_gives_none(client: Any) -> None:
    stream = client.stream(body())
    await closed(stream)
    assert await all_of(stream) == []


async def test_a_stream_closes_with_its_block(client: Any, gateway: LocalGateway) -> None:
    gateway.script.set_style("*", chunk_delay=0.05)
    stream: Any = client.stream(body())
    if isinstance(client, GatewayClient):
        with stream as entered:
            next(entered)
    else:
        async with stream as entered:
            await anext(entered)
    assert entered is stream
    assert stream.exchange.served_by == MODEL
    assert gateway.wait(disconnects=1)


async def test_a_stream_that_was_read_gives_its_connection_back(client: Any, gateway: LocalGateway) -> None:
    for _ in range(3):
        await all_of(client.stream(body()))
        await waited(client.chat(body()))
    assert gateway.wait(requests=6)
    assert gateway.disconnects == 0


async def test_a_stream_that_breaks_says_so_and_keeps_what_came(client: Any, gateway: LocalGateway) -> None:
    gateway.script.fail("*", "silent_end_after_content", chunks=2)
    stream = client.stream(body())
    came = [await next_of(stream) for _ in range(2)]
    with pytest.raises(InterruptedStreamError, match="broke off") as caught:
        await all_of(stream)
    assert caught.value.partial.startswith(said(came))
    assert caught.value.partial
    assert caught.value.model == MODEL
    assert stream.exchange.error == "interrupted"
    assert await all_of(stream) == []


async def test_an_error_of_a_stream_comes_before_any_event(client: Any, gateway: LocalGateway) -> None:
    gateway.script.fail("*", "unknown_model")
    with pytest.raises(ModelNotFoundError) as caught:
        await all_of(client.stream(body()))
    assert (caught.value.status, caught.value.model) == (404, MODEL)
