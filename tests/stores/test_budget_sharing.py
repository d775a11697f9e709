"""Many at once on one budget: threads, processes, forks, and a process that dies."""

import os
import random
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aisa_integrations.budget import Budget, Granted, NotYet, Refused
from tests.stores.ledgers import MODEL, NOW, MakeBudget, granted, make_known, standing, usd
from tests.stores.spender import spend

SPENDER = Path(__file__).with_name("spender.py")


def test_64_threads_never_overspend(make_budget: MakeBudget):
    budget = make_budget("1.00")
    with ThreadPoolExecutor(64) as pool:
        billed = sum(pool.map(lambda seed: spend(budget, 8, random.Random(seed)), range(64)))
    state = budget.state()
    assert billed <= state.spent + state.reserved <= 1
    assert not state.overrun
    # 64 × 8 calls of 2.5 cents on average want far more than a dollar, so that much of it was really used.
    assert state.spent + state.reserved > Decimal("0.9")


def test_64_threads_are_granted_exactly_what_fits(make_budget: MakeBudget):
    budget = make_budget("1.00")
    make_known(budget)
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda n: budget.ledger.reserve(str(n), MODEL, usd("0.03"), NOW), range(64)))
    assert sum(isinstance(answer, Granted) for answer in answers) == 33
    assert sum(isinstance(answer, Refused) for answer in answers) == 31
    assert standing(budget) == (0, usd("0.99"))


def test_of_64_threads_one_goes_first(make_budget: MakeBudget):
    budget = make_budget(100)
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda n: budget.ledger.reserve(str(n), MODEL, usd("0.03"), NOW), range(64)))
    assert sum(isinstance(answer, Granted) for answer in answers) == 1
    assert sum(isinstance(answer, NotYet) for answer in answers) == 63


def test_8_processes_never_overspend_one_file(tmp_path):
    path = tmp_path / "ledger.sqlite3"
    command = [sys.executable, str(SPENDER), str(path), "10.00", "200"]
    go_read, go_write = os.pipe()
    pipes: dict[str, Any] = {"stdin": go_read, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    running = [subprocess.Popen([*command, str(seed)], **pipes) for seed in range(8)]
    os.close(go_read)
    assert [process.stdout.readline() for process in running if process.stdout] == [b"ready\n"] * 8
    os.close(go_write)
    ended = [process.communicate() for process in running]
    assert [error.decode() for _, error in ended] == [""] * 8
    billed = sum(Decimal(out.decode()) for out, _ in ended)
    state = Budget(10, path=path).state()
    assert billed <= state.spent + state.reserved <= 10
    assert not state.overrun
    # 8 × 200 calls of 2.5 cents on average want 40 dollars.
    assert state.spent + state.reserved > Decimal("9.9")


HOLDING = """
import sys, time
from decimal import Decimal
from aisa_integrations.budget import Budget
print(Budget(1, path=sys.argv[1]).ledger.reserve("call", "gpt-4o", Decimal("0.25"), float(sys.argv[2])), flush=True)
time.sleep(60)
"""


def test_a_process_that_dies_keeps_its_reservation_and_nobody_waiting(tmp_path):
    path = tmp_path / "ledger.sqlite3"
    holder = subprocess.Popen([sys.executable, "-c", HOLDING, str(path), str(NOW)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert b"Granted" in holder.stdout.readline()
    budget = Budget(1, path=path)
    assert isinstance(budget.ledger.reserve("call", MODEL, usd("0.25"), NOW), NotYet)
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    granted(budget, "0.25")
    assert standing(budget) == (0, usd("0.5"))


FORKING = """
import os, sys, threading, time
from decimal import Decimal
from aisa_integrations.budget import Budget, Granted
now = 1_800_000_000.0
budget = Budget(1000, path=sys.argv[1] or None)
def spend(times):
    for _ in range(times):
        answer = budget.ledger.reserve("call", "gpt-4o", Decimal("0.1"), now)
        assert isinstance(answer, Granted), answer
        budget.ledger.settle(answer.reservation, Decimal("0.001"), now, kind="billed")
spend(1)
under_way = budget.ledger.reserve("call", "gpt-4o", Decimal("0.25"), now).reservation
made, stop = [], threading.Event()
def spend_on():
    while not stop.is_set():
        spend(1)
        made.append(1)
threads = [threading.Thread(target=spend_on) for _ in range(4)]
for thread in threads: thread.start()
children = []
for number in range(10):
    time.sleep(0.01)
    if (pid := os.fork()) == 0:
        try:
            spend(20)
            os._exit(0)
        except BaseException as error:
            print("child:", repr(error), file=sys.stderr, flush=True)
            os._exit(1)
    children.append(pid)
for pid in children: assert os.waitpid(pid, 0)[1] == 0
stop.set()
for thread in threads: thread.join()
budget.ledger.settle(under_way, Decimal("0.001"), now, kind="billed")
state = budget.ledger.state(now)
print(state.spent - Decimal("0.001") * (2 + len(made)), state.reserved)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(("kind", "by_children"), [("file", "0.2"), ("memory", "0")])
def test_forked_children_spend_from_the_file_or_from_a_copy(tmp_path, kind, by_children):
    path = tmp_path / "ledger.sqlite3" if kind == "file" else ""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKING, str(path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.stderr == ""
    assert [Decimal(figure) for figure in run.stdout.split()] == [Decimal(by_children), 0]


CHILD_OF_A_MEMORY_BUDGET = """
import os
from decimal import Decimal
from aisa_integrations.budget import Budget
now = 1_800_000_000.0
budget = Budget(5)
first = budget.ledger.reserve("call", "gpt-4o", Decimal(1), now).reservation
budget.ledger.settle(first, Decimal("0.5"), now, kind="billed")
unbilled = budget.ledger.reserve("call", "gpt-4o", Decimal("0.3"), now).reservation
budget.ledger.settle(unbilled, None, now)
budget.ledger.reserve("call", "gpt-4o", Decimal("0.2"), now)
if os.fork() == 0:
    state = budget.ledger.state(now)
    print(state.spent, state.reserved, flush=True)
    os._exit(0)
os.wait()
state = budget.ledger.state(now)
print(state.spent, state.reserved)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_knows_what_was_spent_but_not_what_is_under_way():
    run = subprocess.run([sys.executable, "-c", CHILD_OF_A_MEMORY_BUDGET], capture_output=True, text=True)
    assert (run.stdout.split(), run.stderr) == (["0.5", "0.3", "0.5", "0.5"], "")
