"""Never over, whoever spends at once: threads, tasks, processes; and no event loop waits for a file."""

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aisa_integrations import AsyncGatewayClient, Budget, BudgetExceededError, GatewayClient, Policy
from aisa_integrations.local import LocalGateway
from aisa_integrations.transport.network import NetworkOptions
from tests.metering.faces import TLS, Face, make_face, messages, waited

SPENDER = Path(__file__).with_name("spender.py")
# Each call could cost $0.0005 and does cost $0.00019: far more is wanted than there is.
LIMIT = Decimal("0.01")
ASK: dict[str, Any] = {"model": "gpt-4o", "messages": messages(), "max_tokens": 40}


def spent_well(gateway: LocalGateway, budget: Budget, *, answered: int, refused: int, share: str = "0.9") -> None:
    """Nothing over the limit, every bill in the ledger, and little left unused."""
    state = budget.state()
    assert state.spent == gateway.account.spent <= LIMIT
    assert state.reserved == 0
    assert not state.overrun
    assert gateway.account.spent > LIMIT * Decimal(share)
    assert len(gateway.requests) == answered
    assert refused > 0


@pytest.fixture(params=["memory", "file"])
def budget(request: pytest.FixtureRequest, tmp_path: Path) -> Budget:
    return Budget(LIMIT, path=None if request.param == "memory" else tmp_path / "budget.sqlite3")


def test_64_threads(gateway: LocalGateway, budget: Budget) -> None:
    gateway.script.set_style("*", latency=0.002)
    network = NetworkOptions(verify=TLS)
    client = GatewayClient(gateway.api_key, base_url=gateway.url, policy=Policy(budget=budget), network=network)

    def call(number: int) -> bool:
        try:
            if number % 2:
                client.chat(ASK)
            else:
                list(client.stream(ASK))
        except BudgetExceededError:
            return False
        return True

    with client, ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(call, range(128)))
        # What was refused while others were under way may fit now: those cost less than they could have.
        while answers[-1] or len(answers) == 128:
            answers.append(call(len(answers)))
    spent_well(gateway, budget, answered=sum(answers), refused=answers.count(False))


async def test_200_tasks(gateway: LocalGateway, budget: Budget) -> None:
    gateway.script.set_style("*", latency=0.002)
    network = NetworkOptions(verify=TLS)
    client = AsyncGatewayClient(gateway.api_key, base_url=gateway.url, policy=Policy(budget=budget), network=network)

    async def call(number: int) -> bool:
        try:
            if number % 2:
                await client.chat(ASK)
            else:
                [_ async for _ in client.stream(ASK)]
        except BudgetExceededError:
            return False
        return True

    answers = await asyncio.gather(*(call(number) for number in range(200)))
    while answers[-1] or len(answers) == 200:
        answers.append(await call(len(answers)))
    await client.close()
    spent_well(gateway, budget, answered=sum(answers), refused=answers.count(False))


def test_8_processes_on_one_file(gateway: LocalGateway, tmp_path: Path) -> None:
    path = tmp_path / "budget.sqlite3"
    command = [sys.executable, str(SPENDER), gateway.url, gateway.api_key, str(path), str(LIMIT), "12"]
    running = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    assert [process.stdout.readline() for process in running if process.stdout] == ["ready\n"] * 8
    # All of them begin at once: their inputs are ended here, in threads, and nowhere sooner.
    with ThreadPoolExecutor(8) as pool:
        ended = list(pool.map(lambda process: process[1].communicate(str(process[0])), enumerate(running)))
    counts = [tuple(map(int, out.split())) for out, _ in ended]
    answered, refused = (sum(count) for count in zip(*counts, strict=True))
    spent_well(gateway, Budget(LIMIT, path=path), answered=answered, refused=refused, share="0.2")


def test_a_day_survives_a_restart(gateway: LocalGateway) -> None:
    for _ in range(2):
        command = [sys.executable, str(SPENDER), gateway.url, gateway.api_key, "", "5", "2"]
        ended = subprocess.run(command, input="1", capture_output=True, text=True, check=True)
        assert ended.stdout == "ready\n2 0\n"
    assert Budget(5, per="day").state().spent == gateway.account.spent > 0


@pytest.mark.parametrize("name", ["openai", "genai async", "gateway"])
async def test_one_goes_first_and_the_others_after_it(gateway: LocalGateway, name: str) -> None:
    gateway.script.set_style("*", latency=0.1)
    face = make_face(name, gateway, policy=Policy(budget=Budget(5, assume_output_tokens=100)))
    await at_once(face, 6)
    first, *others = sorted(request.at for request in gateway.requests)
    assert min(others) - first >= 0.1
    await at_once(face, 3)
    await waited(face.close())


async def at_once(face: Face, count: int) -> None:
    if "async" in face.name:
        await asyncio.gather(*(face.ask() for _ in range(count)))
    else:
        await asyncio.gather(*(asyncio.to_thread(face.ask_now) for _ in range(count)))


# ---- a file that is locked ------------------------------------------------------------------------------------------


@contextmanager
def locked(path: Path) -> Iterator[threading.Event]:
    """Hold a file as another process may; set the event to let go of it."""
    holding, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
        holding.set()
        let_go.wait(10)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    holding.wait()
    try:
        yield let_go
    finally:
        let_go.set()
        holder.join()


async def ticks_until(call: asyncio.Task[Any]) -> int:
    """How often the loop came round before a call had ended."""
    ticks = 0
    while not call.done():
        await asyncio.sleep(0.01)
        ticks += 1
    return ticks


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A budget's file, made, which is waited for no longer than half a second."""
    monkeypatch.setattr("aisa_integrations.budget.sqlite.PATIENCE", 0.5)
    path = tmp_path / "budget.sqlite3"
    Budget(LIMIT, path=path).state()
    return path


@pytest.mark.parametrize("name", ["openai async", "genai async", "gateway async"])
async def test_the_loop_goes_on_while_a_file_is_locked(gateway: LocalGateway, name: str, file: Path) -> None:
    face = make_face(name, gateway, policy=Policy(budget=Budget(5, path=file)))
    await face.ask()
    with locked(file) as let_go:
        call = asyncio.create_task(face.ask(stream=True))
        asyncio.get_running_loop().call_later(0.25, let_go.set)
        assert await ticks_until(call) >= 10
        await call
    assert Budget(5, path=file).state().spent == gateway.account.spent
    with locked(file):
        call = asyncio.create_task(face.ask())
        assert await ticks_until(call) >= 10
        with pytest.raises(Exception, match=r"the budget can't be kept: .* was locked"):
            await call
    assert len(gateway.requests) == 2
    await waited(face.close())


@pytest.mark.parametrize("name", ["openai async", "genai async", "gateway async"])
async def test_who_is_cancelled_while_a_file_is_locked_keeps_nothing(
    gateway: LocalGateway, name: str, file: Path
) -> None:
    budget = Budget(5, path=file)
    face = make_face(name, gateway, policy=Policy(budget=budget))
    with locked(file):
        calls = [asyncio.create_task(face.ask()) for _ in range(20)]  # more than there are threads for it
        await asyncio.sleep(0.1)
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        assert all(call.cancelled() for call in calls)
    await asyncio.get_running_loop().run_in_executor(None, int)
    await face.ask()  # goes alone, as nobody else is under way
    assert [request.method for request in gateway.requests] == ["POST"]
    assert budget.state().spent == gateway.account.spent
    assert budget.state().reserved == 0
    await waited(face.close())
