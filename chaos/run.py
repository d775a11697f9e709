"""Thousands of calls at once, on every face, to models that fail in every way: `python -m chaos.run [--calls 20000]`.

Of three models two fail at random; a third answers. Every call must end in its whole answer or in an error that its
caller sees, with no more requests than promised, and the meter must be the gateway's account:

    account = meter + what the gateway billed for attempts that the meter reports as of unknown cost

An attempt is of unknown cost where its bill could not reach us: it timed out, was cut, or was left by its caller. Each
attempt is held against its own request at the gateway, so that the sum can't come out right by two errors.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import logging
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from aisa_integrations import Budget, Policy, Spend, state, track
from aisa_integrations.cooldown import Cooldown
from aisa_integrations.local import LocalGateway

from .calls import ASYNC_FACES, FACES, SYNC_FACES, Client, Job, Outcome
from .mayhem import Mayhem, fitting
from .reckoning import Tally, totals

# All three are served on every surface, and have a price.
FLAKY: Final = ("gemini-2.5-flash", "gemini-2.5-pro")
SOUND: Final = "gemini-2.5-flash-lite"
ODDS: Final = 0.6
MAX_RETRIES: Final = 1
# An attempt that says nothing lasts as long; a sound one on a busy machine must not.
TIMEOUT: Final = 2.0
# So many calls meet every fault there is.
EVERY_FAULT_FROM: Final = 10_000


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done at once."""

    calls: int = 20_000
    threads: int = 16
    tasks: int = 48
    seed: int = 1


@dataclass(slots=True)
class Report:
    """What came of it.

    Args:
        tallies: by face.
        played: how often each fault was.
        problems: what ought not to be; empty where all is well.
        seconds: that it took.
        spent: USD by the gateway's account.
        metered: USD by the meter over all calls.
    """

    tallies: dict[str, Tally] = field(default_factory=lambda: {face: Tally() for face in FACES})
    played: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0
    spent: Decimal = Decimal(0)
    metered: Decimal = Decimal(0)


def jobs(count: int) -> Iterator[Job]:
    """Every face, plain and streamed in turns; of some streams the caller leaves, some calls have no sound fallback."""
    kinds = itertools.cycle(itertools.product(FACES, (False, True)))
    for number, (face, stream) in zip(range(count), kinds, strict=False):
        yield Job(number, face, stream, leaves=stream and number % 29 == 0, alone=number % 19 == 0)


def policies() -> dict[bool, Policy]:
    """Two policies, with the sound model as the last fallback and without; they share a cooldown and a budget."""
    cooldown, budget = Cooldown(seconds=0.05), Budget(10_000, assume_output_tokens=100)
    return {
        alone: Policy(
            fallbacks=FLAKY[1:] if alone else (*FLAKY[1:], SOUND),
            max_retries=MAX_RETRIES,
            cooldown=cooldown,
            budget=budget,
        )
        for alone in (False, True)
    }


Clients = dict[tuple[str, bool], Client]


def clients(gateway: LocalGateway, faces: Sequence[str], shared: dict[bool, Policy]) -> Clients:
    """Two clients of each face, one for each policy."""
    return {
        (face, alone): Client(face, gateway, FLAKY[0], policy, TIMEOUT)
        for face in faces
        for alone, policy in shared.items()
    }


def in_threads(made: Clients, todo: Sequence[Job], threads: int, meter: Spend) -> list[Outcome]:
    """Make the calls of the sync faces."""

    def work(job: Job) -> Outcome:
        return made[job.face, job.alone].run(job)

    with ThreadPoolExecutor(threads) as pool:
        outcomes = list(pool.map(meter.bind(work), todo))
    for client in made.values():
        client.close()
    return outcomes


async def in_tasks(made: Clients, todo: Sequence[Job], tasks: int) -> list[Outcome]:
    """Make the calls of the async faces."""
    queue, outcomes = iter(todo), list[Outcome]()

    async def work() -> None:
        for job in queue:
            outcomes.append(await made[job.face, job.alone].arun(job))

    async with asyncio.TaskGroup() as group:
        for _ in range(tasks):
            group.create_task(work())
    for client in made.values():
        await client.close()
    return outcomes


def run(size: Size) -> Report:
    """Make all calls, and say what came of them."""
    report, began = Report(), time.monotonic()
    before = _open_things()
    with LocalGateway() as gateway:
        mayhem = Mayhem(gateway, frozenset(FLAKY), odds=ODDS, seed=size.seed)
        todo, shared = list(jobs(size.calls)), policies()
        with track() as meter:
            outcomes = asyncio.run(_everything(gateway, todo, size, shared, meter))
        if not gateway.wait(idle=True, timeout=30):
            report.problems.append(f"{gateway.in_flight} requests are still under way")
        report.spent, report.metered, report.played = gateway.account.spent, meter.cost, mayhem.played
    for outcome in outcomes:
        promised = (MAX_RETRIES + 1) * (len(FLAKY) + (not outcome.job.alone))
        requests = mayhem.asked.get(outcome.job.number, [])
        report.tallies[outcome.job.face].add(outcome, requests, promised=promised)
    total = totals(report.tallies)
    report.problems += total.problems
    lost = {job.number for job in todo} - {outcome.job.number for outcome in outcomes}
    equations = {
        "calls lost": (len(lost), 0),
        "calls counted by the meter": (meter.calls, size.calls),
        "the meter, and the costs of all attempts": (meter.cost, total.known),
        "the account, and the meter with what it could not see": (report.spent, total.known + total.unseen),
        "the budget, and the meter": (_spent(shared[True]), meter.cost),
        "calls of unknown cost": (meter.unknown, sum(outcome.spend.unknown for outcome in outcomes)),
        "calls of no block": (meter.unattributed, 0),
    }
    report.problems += [f"{what}: {one} is not {other}" for what, (one, other) in equations.items() if one != other]
    if size.calls >= EVERY_FAULT_FROM and (never := never_played(report)):
        report.problems.append(f"never played: {', '.join(never)}")
    report.problems += _left_open(before)
    report.seconds = time.monotonic() - began
    return report


def _spent(policy: Policy) -> Decimal | None:
    budget = state(policy).budget
    return None if budget is None else budget.spent


async def _everything(
    gateway: LocalGateway, todo: Sequence[Job], size: Size, shared: dict[bool, Policy], meter: Spend
) -> list[Outcome]:
    sync_clients, async_clients = (clients(gateway, faces, shared) for faces in (SYNC_FACES, ASYNC_FACES))
    threads = [job for job in todo if job.face in SYNC_FACES]
    tasks = [job for job in todo if job.face in ASYNC_FACES]
    halves = await asyncio.gather(
        asyncio.to_thread(in_threads, sync_clients, threads, size.threads, meter),
        in_tasks(async_clients, tasks, size.tasks),
    )
    return [*halves[0], *halves[1]]


def _open_things() -> dict[str, int]:
    folder = "/proc/self/fd"
    descriptors = len(os.listdir(folder)) if os.path.isdir(folder) else 0
    return {"descriptors": descriptors, "threads": threading.active_count()}


def _left_open(before: dict[str, int]) -> list[str]:
    """Say what was opened and is not closed, a moment after the end."""
    expires = time.monotonic() + 5
    while True:
        gc.collect()
        now = _open_things()
        more = [f"{now[name] - before[name]} {name} left open" for name in now if now[name] > before[name]]
        if not more or time.monotonic() > expires:
            return more
        time.sleep(0.05)


# ---- what is said of it ---------------------------------------------------------------------------------------------

_COLUMNS: Final = (
    "face",
    "calls",
    "answered",
    "left",
    "raised",
    "requests",
    "most",
    "metered $",
    "unknown",
    "unseen $",
)


def table(report: Report) -> str:
    """Return the report as text."""
    rows = [_COLUMNS, *(_row(face, tally) for face, tally in report.tallies.items())]
    total = totals(report.tallies)
    rows.append(_row("all", total))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines.insert(-1, "  ".join("-" * width for width in widths))
    never = never_played(report)
    return "\n".join(
        [
            *lines,
            "",
            f"faults played: {report.played.total():,} of {len(report.played)} kinds"
            + (f" (never: {', '.join(never)})" if never else ""),
            f"attempts failed: {_counted(total.causes)}",
            f"callers saw: {_counted(total.errors)}",
            f"account ${report.spent:f} = meter ${report.metered:f} + ${total.unseen:f} billed for "
            f"{total.unknown} attempts of unknown cost",
            f"{report.seconds:.0f} s",
        ]
    )


def never_played(report: Report) -> list[str]:
    """Return the faults that no call met."""
    ways = itertools.product(("chat", "gemini"), (False, True))
    faults = {fault.name for surface, stream in ways for fault in fitting(surface, stream=stream)}
    return sorted(faults - report.played.keys())


def _row(name: str, tally: Tally) -> tuple[str, ...]:
    counts = (tally.calls, tally.answered, tally.left, tally.raised, tally.requests, tally.most)
    return (name, *(f"{count:,}" for count in counts), f"{tally.known:f}", f"{tally.unknown:,}", f"{tally.unseen:f}")


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counter.most_common()) or "nothing"


def main() -> int:
    """Run as a program; the exit code is 1 where anything is not as it ought to be."""
    parser = argparse.ArgumentParser(prog="python -m chaos.run", description=__doc__.partition("\n")[0])
    for name, value in (("calls", 20_000), ("threads", 16), ("tasks", 48), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    size = Size(**vars(parser.parse_args()))
    logger = logging.getLogger("aisa_integrations")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # each failover is a record, and here they are what is asked for
    try:
        report = run(size)
    finally:
        logger.setLevel(level)
    shown = [f"  {problem}" for problem in report.problems[:20]]
    verdict = [f"{len(report.problems)} problems:", *shown] if report.problems else ["all is as it ought to be"]
    sys.stdout.write("\n".join([table(report), *verdict, ""]))
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
