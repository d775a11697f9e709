"""What comes of a comparison while it runs: pieces of text, then the answers; leaving it ends the calls."""

import asyncio
import contextlib
from typing import Any

import pytest

from aisa_integrations import AsyncGatewayClient, GatewayClient
from aisa_integrations.comparison.arriving import aarriving, arriving
from aisa_integrations.comparison.question import Answered, Piece, questions
from aisa_integrations.local import LocalGateway
from tests.comparison.test_failures import comparing

MODELS = ["gpt-4o", "gpt-4.1"]


def arrivals(way: str, gateway: LocalGateway, *, pieces: bool, stream: bool = True, most: int = 1000) -> list[Any]:
    """What comes, in order; left after `most`."""
    asked = questions(MODELS, "Say hello to Zoë, 你好", None, None, {}, streams=stream)
    settings: dict[str, Any] = {"api_key": gateway.api_key, "base_url": gateway.url, "max_retries": 0}
    came: list[Any] = []

    def enough(arrival: Any) -> bool:
        came.append(arrival)
        return len(came) >= most

    async def in_tasks() -> None:
        async with (
            AsyncGatewayClient(**settings) as client,
            contextlib.aclosing(
                aarriving(client, asked, pieces=True) if pieces else aarriving(client, asked)
            ) as coming,
        ):
            async for arrival in coming:
                if enough(arrival):
                    break

    if way == "async":
        asyncio.run(in_tasks())
        return came
    with (
        GatewayClient(**settings) as client,
        contextlib.closing(arriving(client, asked, pieces=True) if pieces else arriving(client, asked)) as coming,
    ):
        for arrival in coming:
            if enough(arrival):
                break
    return came


def test_the_pieces_of_each_model_add_up_to_its_answer(way: str, gateway: LocalGateway) -> None:
    came = arrivals(way, gateway, pieces=True)
    answers = {arrival.result.model: arrival.result for arrival in came if isinstance(arrival, Answered)}
    assert sorted(answers) == sorted(MODELS)
    for model, result in answers.items():
        said = [arrival.text for arrival in came if isinstance(arrival, Piece) and arrival.model == model]
        assert len(said) > 1
        assert "".join(said) == result.response
        last = max(index for index, arrival in enumerate(came) if isinstance(arrival, Piece) and arrival.model == model)
        assert last < came.index(next(a for a in came if isinstance(a, Answered) and a.result.model == model))


def test_what_came_before_a_break_was_given(way: str, gateway: LocalGateway) -> None:
    gateway.script.fail("gpt-4.1", "cut_after_content")
    came = arrivals(way, gateway, pieces=True)
    broken = next(a.result for a in came if isinstance(a, Answered) and a.result.model == "gpt-4.1")
    said = "".join(a.text for a in came if isinstance(a, Piece) and a.model == "gpt-4.1")
    assert said
    assert broken.error is not None
    assert getattr(broken.error, "partial", None) == said


def test_pieces_come_only_where_they_are_asked_for(way: str, gateway: LocalGateway) -> None:
    for pieces, stream in ((False, True), (True, False)):
        assert [type(arrival) for arrival in arrivals(way, gateway, pieces=pieces, stream=stream)] == [Answered] * 2


@pytest.mark.parametrize("most", [1, 3])
def test_leaving_early_closes_every_call(way: str, gateway: LocalGateway, most: int) -> None:
    gateway.script.set_style("*", chunk_delay=0.2)
    assert len(arrivals(way, gateway, pieces=True, most=most)) == most
    assert comparing() == []
    assert gateway.wait(disconnects=2)
    assert len(gateway.requests) == 2
