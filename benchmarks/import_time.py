"""`import aisa_integrations` against bare Python: wall time of whole processes, the least of each."""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.runner import Row, quartiles

LIMIT_MS = 30.0
SDKS = ("openai", "google", "langchain_core", "httpx2", "pydantic")


def measure(turns: int) -> list[Row]:
    """Start Python with and without the import, in turns."""
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, aisa_integrations; print(*sys.modules)"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    if found := {name.partition(".")[0] for name in loaded} & set(SDKS):
        raise SystemExit(f"import aisa_integrations loads {', '.join(sorted(found))}")
    bare, ours = [], []
    for _ in range(max(turns, 10)):
        bare.append(_milliseconds("pass"))
        ours.append(_milliseconds("import aisa_integrations"))
    over = [one - other for one, other in zip(ours, bare, strict=True)]
    detail = {"bare_ms": round(min(bare), 1), "ours_ms": round(min(ours), 1)}
    value = round(min(ours) - min(bare), 1)
    return [Row("import aisa_integrations", "bare Python", value, LIMIT_MS, "ms", quartiles(over), detail)]


def _milliseconds(code: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return (time.perf_counter() - began) * 1000
