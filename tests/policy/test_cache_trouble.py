"""A cache's file that is corrupt, locked or out of reach: calls go on without it, and no event loop waits for it."""

import asyncio
import sqlite3
import zlib
from pathlib import Path

import pytest

from aisa_integrations import Cache, Policy
from aisa_integrations.local import LocalGateway
from tests.faults.faces import FACES
from tests.faults.faces import Face as AskingFace
from tests.metering.faces import MODEL, TLS, make_face, waited
from tests.policy.test_budget_shared import locked, ticks_until

BOTH_WAYS = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
EVERY_FACE = pytest.mark.parametrize("face", FACES, ids=str)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache's file, made, which is waited for no longer than 0.2 s."""
    monkeypatch.setattr("aisa_integrations.cache.shelf.PATIENCE", 0.2)
    path = tmp_path / "cache.sqlite3"
    Cache(path).clear()
    return path


def asks_each_time(gateway: LocalGateway, face: AskingFace, cache: Cache, *, stream: bool) -> None:
    for _ in range(2):
        assert face.ask(gateway, TLS, stream=stream, model=MODEL, policy=Policy(cache=cache)).error is None
    assert len(gateway.requests) == 2


@EVERY_FACE
@BOTH_WAYS
def test_a_locked_file(
    gateway: LocalGateway, face: AskingFace, stream: bool, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aisa_integrations.cache.shelf.PATIENCE", 0.02)
    file = file.with_name("another.sqlite3")  # a file is shared, with its patience, for as long as anyone uses it
    Cache(file).clear()
    with locked(file):
        asks_each_time(gateway, face, Cache(file), stream=stream)


@EVERY_FACE
def test_a_broken_file_is_begun_anew(gateway: LocalGateway, face: AskingFace, tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite3"
    path.write_bytes(b"SQLite format 3\0" + b"this is none" * 500)
    for _ in range(3):
        policy = Policy(cache=Cache(path))
        assert face.ask(gateway, TLS, stream=True, model=MODEL, policy=policy).error is None
    assert len(gateway.requests) <= 2  # the first that finds it so goes without


@BOTH_WAYS
def test_a_file_that_cannot_be(gateway: LocalGateway, stream: bool, tmp_path: Path) -> None:
    (tmp_path / "no-folder").write_text("a file")
    for face in FACES:
        gateway.clear()
        asks_each_time(gateway, face, Cache(tmp_path / "no-folder" / "cache.sqlite3"), stream=stream)


NO_ANSWERS: list[tuple[str, bytes | str]] = [
    ("UPDATE entries SET body = ?", b"no zlib"),
    ("UPDATE entries SET body = ?", "a text"),
    ("UPDATE entries SET body = ?", zlib.compress(b"no JSON")),
    ("UPDATE entries SET body = ?", zlib.compress(b"[1]")),
    ("UPDATE entries SET body = ?", zlib.compress(b"{}")),
    ("UPDATE entries SET body = ?", zlib.compress(b'{"choices":[1]}')),
    ("UPDATE entries SET cost = ?", "no amount"),
    ("UPDATE entries SET created = ?", "no time"),
    ("UPDATE entries SET created = ?", b"no time"),
    ("UPDATE entries SET served_by = ?", b"no text"),
]


@BOTH_WAYS
@pytest.mark.parametrize(("change", "value"), NO_ANSWERS)
def test_an_entry_that_is_no_answer_is_asked_again(
    gateway: LocalGateway, stream: bool, tmp_path: Path, change: str, value: bytes | str
) -> None:
    cache = Cache(tmp_path / "cache.sqlite3")
    face = FACES[0]
    assert face.ask(gateway, TLS, stream=False, model=MODEL, policy=Policy(cache=cache)).error is None
    with sqlite3.connect(cache.path) as connection:
        connection.execute(change, (value,))
    connection.close()
    assert face.ask(gateway, TLS, stream=stream, model=MODEL, policy=Policy(cache=cache)).error is None
    assert len(gateway.requests) == 2
    assert face.ask(gateway, TLS, stream=stream, model=MODEL, policy=Policy(cache=cache)).error is None
    assert len(gateway.requests) == 2  # what was asked again took its place


@pytest.mark.parametrize("name", ["openai async", "genai async", "gateway async"])
@BOTH_WAYS
async def test_the_loop_goes_on_while_a_file_is_locked(
    gateway: LocalGateway, name: str, stream: bool, file: Path
) -> None:
    face = make_face(name, gateway, policy=Policy(cache=Cache(file)))
    with locked(file):
        call = asyncio.create_task(face.ask(stream=stream))
        assert await ticks_until(call) >= 10
        await call
    await waited(face.close())
