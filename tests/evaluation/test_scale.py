"""Many rows: what is in memory does not grow with them, and calls are made a few at a time."""

import tracemalloc

from tests.evaluation.conftest import MODELS


def test_memory_stays_flat_with_a_file(run, gateway, tmp_path):
    gateway.script.reply("*", "an answer of some length " * 400)  # 10 kB
    held: list[int] = []

    def rows():
        for number in range(120):
            if number in (40, 119):
                held.append(tracemalloc.get_traced_memory()[0])
            yield {"prompt": f"row {number} {'x' * 1_000}"}

    tracemalloc.start()
    try:
        found = run(rows(), MODELS, out=tmp_path / "out.jsonl", concurrency=4)
    finally:
        tracemalloc.stop()
    assert len(found) == 240
    # The answers in between are 1.6 MB, without the copies that a gateway in this process makes of its own.
    answers = sum(len(one.response) for one in found[80:])
    assert answers > 1_500_000
    assert held[1] - held[0] < answers / 2
