"""Two thousand calls of every kind at once: what they add up to is what the gateway's account says."""

import asyncio
import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import pytest

from aisa_integrations import Spend, track
from aisa_integrations.local import LocalGateway
from tests.metering.faces import FACES, MODEL, OTHER_MODEL, SYNC_FACES, UNPRICED, Face, make_face, waited

CALLS = 2000
THREADS = 4
TASKS = 8
BROKEN = "someone/model-that-refuses"
UNTOLD = "someone/model-that-tells-no-usage"
ESTIMATED = "gpt-4o"
MODELS = (MODEL, OTHER_MODEL, UNPRICED, BROKEN, UNTOLD, ESTIMATED)


@dataclass(frozen=True)
class Job:
    """One call to make."""

    face: str
    model: str
    stream: bool


def jobs() -> Iterator[Job]:
    """Every face with every model, plain and streamed, again and again."""
    kinds = itertools.product(FACES, MODELS, (False, True))
    return (Job(*kind) for kind in itertools.islice(itertools.cycle(kinds), CALLS))


def script(gateway: LocalGateway) -> None:
    gateway.script.fail(BROKEN, "out_of_credits")
    gateway.script.set_style(UNTOLD, usage="none")
    gateway.script.set_style(ESTIMATED, usage="tokens")


async def run(face: Face, job: Job, failed: list[Job]) -> None:
    try:
        await face.ask(job.model, stream=job.stream)
    except Exception:
        failed.append(job)


def in_threads(gateway: LocalGateway, todo: list[Job], failed: list[Job]) -> None:
    """Plain threads, that carry no context."""
    faces = {name: make_face(name, gateway) for name in SYNC_FACES}
    queue = iter(todo)
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                job = next(queue, None)
            if job is None:
                return
            try:
                faces[job.face].ask_now(job.model, stream=job.stream)
            except Exception:
                failed.append(job)

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for face in faces.values():
        face.close()


async def in_tasks(gateway: LocalGateway, todo: list[Job], failed: list[Job]) -> None:
    faces = {name: make_face(name, gateway) for name in FACES if name not in SYNC_FACES}
    queue = iter(todo)

    async def work() -> None:
        for job in queue:
            await run(faces[job.face], job, failed)

    async with asyncio.TaskGroup() as group:
        for _ in range(TASKS):
            group.create_task(work())
    for face in faces.values():
        await waited(face.close())


def settled(spend: Spend) -> tuple[int, int, Decimal, Decimal]:
    return spend.calls, spend.unknown, spend.billed, spend.estimated


@pytest.mark.slow
async def test_many_mixed_calls_in_threads_and_tasks_are_the_account(gateway: LocalGateway) -> None:
    script(gateway)
    todo, failed = list(jobs()), list[Job]()
    with track() as outer, track() as spend:
        await asyncio.gather(
            asyncio.to_thread(in_threads, gateway, [job for job in todo if job.face in SYNC_FACES], failed),
            in_tasks(gateway, [job for job in todo if job.face not in SYNC_FACES], failed),
        )
    bills = gateway.account.by_model()
    assert {job.model for job in failed} == {BROKEN}
    assert len(failed) == sum(job.model == BROKEN for job in todo)
    assert settled(spend) == settled(outer)
    assert spend.calls == len(spend.exchanges) == len(gateway.account.calls) == CALLS
    assert spend.unattributed == 0
    assert spend.unknown == sum(job.model == UNTOLD for job in todo)
    assert spend.estimated == bills[ESTIMATED] > 0
    assert spend.billed == bills[MODEL] + bills[OTHER_MODEL] + bills[UNPRICED] > 0
    assert spend.cost == gateway.account.spent - bills[UNTOLD]
    assert {model: (part.calls, part.cost) for model, part in spend.by_model.items()} == {
        model: (sum(job.model == model for job in todo), bills[model] if model != UNTOLD else Decimal(0))
        for model in MODELS
        if model != BROKEN
    }
