"""Faces that close with their test."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from aisa_integrations.local import LocalGateway
from tests.metering.faces import FACES, Face, make_face, waited

MakeFace = Callable[..., Face]


@pytest.fixture
async def make(gateway: LocalGateway) -> AsyncIterator[MakeFace]:
    """`make("openai async", fallbacks=[…])`: a face on the test's gateway."""
    made: list[Face] = []

    def make_one(name: str, **options: Any) -> Face:
        made.append(make_face(name, gateway, **options))
        return made[-1]

    yield make_one
    for face in made:
        await waited(face.close())


@pytest.fixture(params=FACES)
def face(request: pytest.FixtureRequest, make: MakeFace) -> Face:
    """Each face in turn."""
    return make(request.param)
