"""Many at once on one budget: threads, processes, forks, and a process that dies."""

import os
import random
import signal
import subprocess
import sys
import textwrap
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
    command = [sys.executable, str(SPENDER), str(path), "1.00", "60"]
    go_read, go_write = os.pipe()
    pipes: dict[str, Any] = {"stdin": go_read, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    running = [subprocess.Popen([*command, str(seed)], **pipes) for seed in range(8)]
    os.close(go_read)
    assert [process.stdout.readline() for process in running if process.stdout] == [b"ready\n"] * 8
    os.close(go_write)
    ended = [process.communicate() for process in running]
    assert [error.decode() for _, error in ended] == [""] * 8
    billed = sum(Decimal(out.decode()) for out, _ in ended)
    state = Budget(1, path=path).state()
    assert billed <= state.spent + state.reserved <= 1
    assert state.spent + state.reserved > Decimal("0.9")


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
budget = Budget(5, path=sys.argv[1] or None)
def reserve(amount):
    answer = budget.ledger.reserve("call", "gpt-4o", Decimal(amount), now)
    assert isinstance(answer, Granted), answer
    return answer.reservation
budget.ledger.settle(reserve("1"), Decimal("0.5"), now, kind="billed")
open_call = reserve("0.25")
stop = threading.Event()
def busy():
    while not stop.is_set():
        budget.ledger.state(now)
threads = [threading.Thread(target=busy) for _ in range(4)]
for thread in threads: thread.start()
codes = []
for number in range(10):
    pid = os.fork()
    if pid == 0:
        try:
            budget.ledger.settle(reserve("0.1"), Decimal("0.01"), now, kind="billed")
            os._exit(0)
        except BaseException as error:
            print("child:", repr(error), flush=True)
            os._exit(1)
    codes.append(os.waitpid(pid, 0)[1])
stop.set()
for thread in threads: thread.join()
budget.ledger.settle(open_call, Decimal("0.2"), now, kind="billed")
state = budget.ledger.state(now)
print(codes, state.spent, state.reserved)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs fork")
@pytest.mark.parametrize("kind", ["file", "memory"])
def test_forked_children_spend_from_the_file_or_from_a_copy(tmp_path, kind):
    path = tmp_path / "ledger.sqlite3" if kind == "file" else ""
    run = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKING, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    spent = "0.80" if kind == "file" else "0.7"
    assert (run.stdout.split("]")[0] + "]", run.stderr) == (str([0] * 10), "")
    assert Decimal(run.stdout.split("]")[1].split()[0]) == Decimal(spent)
    assert Decimal(run.stdout.split("]")[1].split()[1]) == 0


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


def test_a_forked_child_knows_what_was_spent_but_not_what_is_under_way():
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CHILD_OF_A_MEMORY_BUDGET)], capture_output=True, text=True
    )
    assert (run.stdout.split(), run.stderr) == (["0.5", "0.3", "0.5", "0.5"], "")
