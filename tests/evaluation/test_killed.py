"""A process that evaluates is killed twenty times over; what comes out is what an unbroken run brings.

No answer that was on disk when a process died is asked for again, by the gateway's own account of its requests.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aisa_integrations.local import LocalGateway
from tests.evaluation.conftest import told
from tests.evaluation.nursery import MODELS, ROWS, evaluated

ROOT = Path(__file__).parents[2]
KILLS = 20
SEED = 20261125

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills what it forks")


def on_disk(path: Path) -> list[tuple[int, str]]:
    """The row and the model of each whole line, by a reading of the file that is not the library's own."""
    whole = path.read_bytes().rpartition(b"\n")[0].splitlines() if path.exists() else []
    entries = [json.loads(line) for line in whole]
    return [(entry["row"], entry["model"]) for entry in entries if "model" in entry]


def as_asked(calls: list[tuple[int, str]]) -> dict[tuple[str, str], int]:
    """How often each model was asked each text. Rows of one text can't be told apart by what is asked."""
    found: dict[tuple[str, str], int] = {}
    for row, model in calls:
        asked = (model, f"Say: {ROWS[row]['text']}")
        found[asked] = found.get(asked, 0) + 1
    return found


@pytest.fixture
def open_gateway() -> Iterator[LocalGateway]:
    """One that takes any key, so that each process can be told by its own: a request may outlive who sent it."""
    with LocalGateway(require_key=False) as gateway:
        for model in MODELS:
            gateway.script.set_style(model, latency=0.01)
        gateway.script.reply("gpt-4.1", "so long that its line may be cut in the middle " * 500)
        yield gateway


@pytest.mark.slow
def test_killed_twenty_times_it_ends_as_if_it_had_not_been(tmp_path: Path, open_gateway: LocalGateway) -> None:
    gateway, chance, out = open_gateway, random.Random(SEED), tmp_path / "results.jsonl"
    whole = evaluated({"out": str(tmp_path / "unbroken.jsonl"), "url": gateway.url, "key": "sk-whole", "way": "sync"})
    once = len(ROWS) * len(MODELS)
    assert len(gateway.requests) == once == len(whole)

    began_with: dict[str, list[tuple[int, str]]] = {}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.evaluation.nursery"],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
    ) as nursery:  # fmt: skip
        for life in range(KILLS + 1):
            key = f"sk-life-{life:02}"
            began_with[key] = on_disk(out)
            order = {"out": str(out), "url": gateway.url, "key": key, "way": chance.choice(["sync", "async"])}
            pid = tell(nursery, order)
            if life < KILLS:
                gateway.wait(requests=len(gateway.requests) + chance.randrange(25), idle=False)
                time.sleep(chance.random() / 50)
                os.kill(pid, signal.SIGKILL)
            ended = heard(nursery)
            assert ended == (-signal.SIGKILL if life < KILLS else 0), "it was to be killed before it ended"
        nursery.stdin.close()  # type: ignore[union-attr]
    assert gateway.wait(idle=True)

    everything = [(row, model) for row in range(len(ROWS)) for model in MODELS]
    for key, kept in began_with.items():
        left = as_asked(everything)
        for asked, times in as_asked(kept).items():
            left[asked] -= times
        for request in gateway.requests:
            if request.header("authorization") == f"Bearer {key}":
                asked = (request.model, request.json["messages"][-1]["content"])
                left[asked] -= 1
                assert left[asked] >= 0, f"{asked} was on disk, and was asked again"
    # Each answer is there, and there once.
    assert sorted(on_disk(out)) == sorted(everything)

    before = len(gateway.requests)
    resumed = evaluated({"out": str(out), "url": gateway.url, "key": "sk-after", "way": "sync"})
    assert (len(gateway.requests), resumed.complete) == (before, True)
    assert told(resumed) == told(whole)
    # Some were asked and not kept, or it would prove little.
    assert before > 2 * once


def tell(nursery: "subprocess.Popen[str]", order: dict[str, Any]) -> int:
    nursery.stdin.write(f"{json.dumps(order)}\n")  # type: ignore[union-attr]
    return heard(nursery)


def heard(nursery: "subprocess.Popen[str]") -> int:
    return int(nursery.stdout.readline())  # type: ignore[union-attr]
