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


@pytest.mark.slow
def test_killed_twenty_times_it_ends_as_if_it_had_not_been(tmp_path: Path, gateway: LocalGateway) -> None:
    chance, out = random.Random(SEED), tmp_path / "results.jsonl"
    for model in MODELS:
        gateway.script.set_style(model, latency=0.01)
    gateway.script.reply("gpt-4.1", "so long that its line may be cut in the middle " * 500)
    whole = evaluated({"out": str(tmp_path / "unbroken.jsonl"), **order(gateway, "sync")})
    once = len(gateway.requests)
    assert once == len(ROWS) * len(MODELS) == len(whole)

    with subprocess.Popen(
        [sys.executable, "-m", "tests.evaluation.nursery"],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
    ) as nursery:  # fmt: skip
        kills, seen, ended = 0, once, None
        kept: list[tuple[int, str]] = []
        while ended != 0:
            pid = tell(nursery, {"out": str(out), **order(gateway, chance.choice(["sync", "async"]))})
            if kills < KILLS:
                gateway.wait(requests=seen + chance.randrange(25), idle=False)
                time.sleep(chance.random() / 50)
                os.kill(pid, signal.SIGKILL)
            ended = heard(nursery)
            assert ended == (-signal.SIGKILL if kills < KILLS else 0), "it was to be killed before it ended"
            kills += ended != 0
            assert gateway.wait(idle=True)
            # What it asked, beside what was kept already when it began.
            new = gateway.requests[seen:]
            left = as_asked([(row, model) for row in range(len(ROWS)) for model in MODELS])
            for asked, times in as_asked(kept).items():
                left[asked] -= times
            for request in new:
                asked = (request.model, request.json["messages"][-1]["content"])
                left[asked] -= 1
                assert left[asked] >= 0, f"{asked} was asked again"
            seen += len(new)
            kept = on_disk(out)
            assert len(kept) == len(set(kept)), "an answer is there twice"
        nursery.stdin.close()  # type: ignore[union-attr]
    assert kills == KILLS
    assert sorted(kept) == sorted((row, model) for row in range(len(ROWS)) for model in MODELS)

    again = len(gateway.requests)
    resumed = evaluated({"out": str(out), **order(gateway, "sync")})
    assert len(gateway.requests) == again
    assert told(resumed) == told(whole)
    assert resumed.complete
    # Some answers were lost before they were kept, or it would prove nothing.
    assert again > 2 * once


def order(gateway: LocalGateway, way: str) -> dict[str, Any]:
    return {"url": gateway.url, "key": gateway.api_key, "way": way}


def tell(nursery: "subprocess.Popen[str]", order: dict[str, Any]) -> int:
    nursery.stdin.write(f"{json.dumps(order)}\n")  # type: ignore[union-attr]
    return heard(nursery)


def heard(nursery: "subprocess.Popen[str]") -> int:
    return int(nursery.stdout.readline())  # type: ignore[union-attr]
