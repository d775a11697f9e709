"""A process that has imported everything, and forks a child for each line it reads: that child evaluates, or is killed.

A line is JSON: `{"out", "url", "key", "way"}`. The child's pid is written, and once it has ended, how.
"""

import asyncio
import json
import os
import sys
from typing import Any

from aisa_integrations import aevaluate, evaluate

MODELS = ["gpt-4o", "gpt-4.1"]
# Some with ids of their own, some that are told apart by what they hold, and some that nothing tells apart.
ROWS: list[dict[str, Any]] = [
    {
        **({"id": f"q{number}"} if number % 3 == 0 else {}),
        "text": f"row {number - number % 5 if number % 5 == 1 else number}",
    }
    for number in range(150)
]
PROMPT = "Say: {text}"


def length(text: str, row: dict[str, Any]) -> dict[str, float]:
    return {"length": len(text), "right": row["text"] in text}


def evaluated(order: dict[str, Any]) -> Any:
    settings: dict[str, Any] = {
        "prompt": PROMPT, "score": length, "out": order["out"], "base_url": order["url"], "api_key": order["key"],
        "concurrency": 8, "max_retries": 0, "progress": False,
    }  # fmt: skip
    if order["way"] == "sync":
        return evaluate(ROWS, MODELS, **settings)
    return asyncio.run(aevaluate(ROWS, MODELS, **settings))


def main() -> None:
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                evaluated(json.loads(line))
            except BaseException as error:
                print(repr(error), file=sys.stderr)
                os._exit(1)
            os._exit(0)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
