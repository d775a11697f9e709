"""Measure what the library adds, and write it down: `make bench`, or `python benchmarks/run.py [name …]`.

A comparison is a module beside this one with `measure(turns) -> list[Row]`; name it in COMPARISONS to add it.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import math
import os
import platform
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))  # so that it runs from anywhere, as a script

from benchmarks.runner import Row  # noqa: E402

COMPARISONS = {
    "import": ("import_time", "import"),
    "openai": ("openai_clients", "openai_client() / stock openai"),
    "gateway": ("gateway_clients", "GatewayClient / bare httpx2"),
    "failover": ("failover", "a failed first model"),
    "langchain": ("langchain_models", "ChatAisa / ChatOpenAI"),
    "compare": ("langchain_fan_out", "compare_with through a chain"),
    "many": ("many_at_once", "1,000 calls at once"),
}
PACKAGES = ("openai", "httpx2", "httpcore2", "jiter", "langchain-core", "langchain-openai")


def main() -> None:
    """Run the comparisons that are asked for; all of them write the results down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"which: {', '.join(COMPARISONS)} (default: all)")
    parser.add_argument("--turns", type=int, default=25, help="of each side (default %(default)s)")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(COMPARISONS):
        parser.error(f"no comparison named {', '.join(sorted(unknown))}; there are: {', '.join(COMPARISONS)}")
    names = arguments.names or list(COMPARISONS)
    results: dict[str, list[Row]] = {}
    for name in names:
        module, title = COMPARISONS[name]
        results[title] = importlib.import_module(f"benchmarks.{module}").measure(arguments.turns)
        print(_table(title, results[title]), flush=True)
    if names == list(COMPARISONS):
        _write(results, arguments.turns)


def _table(title: str, rows: list[Row]) -> str:
    lines = [f"\n{title}"]
    for row in rows:
        figures = "  ".join(f"{name}={value:g}" for name, value in row.detail.items())
        value = f"{row.value:.2f}{row.unit}" if row.unit == "x" else f"{row.value:.1f} {row.unit}"
        aim = f"aim ≤ {row.limit:g}{'' if row.within else ', MISSED'}" if math.isfinite(row.limit) else "a rival"
        lines.append(f"  {row.name:26} {value:>9}  ({row.spread[0]:g}–{row.spread[1]:g})  {aim:18}  {figures}")
    return "\n".join(lines)


def _write(results: dict[str, list[Row]], turns: int) -> None:
    about = {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "turns": turns,
    }
    document: dict[str, Any] = {"about": about, "results": {}}
    for title, rows in results.items():
        document["results"][title] = [_plain(row) for row in rows]
    (HERE / "results.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    (HERE / "results.md").write_text(_markdown(results, about), encoding="utf-8")


def _plain(row: Row) -> dict[str, Any]:
    # A rival has no aim, and JSON no infinity.
    return {**asdict(row), "limit": row.limit if math.isfinite(row.limit) else None, "within": row.within}


def _markdown(results: dict[str, list[Row]], about: dict[str, Any]) -> str:
    lines = ["| what | against | measured | quartiles | aim |", "|---|---|---|---|---|"]
    for title, rows in results.items():
        for row in rows:
            unit = "×" if row.unit == "x" else f" {row.unit}"
            name = row.name if title == row.name else f"{title.partition(' / ')[0]}, {row.name}"
            spread = f"{row.spread[0]:g}–{row.spread[1]:g}"
            aim = f"≤ {row.limit:g}{unit}" if math.isfinite(row.limit) else "a rival"
            lines.append(f"| {name} | {row.against} | {row.value:g}{unit} | {spread} | {aim} |")
    packages = ", ".join(f"{name} {version}" for name, version in about["packages"].items())
    lines.append("")
    lines.append(
        f"CPU time of the client's process (import: wall time), median of {about['turns']} turns of each side in one "
        f"run, server in another process. Python {about['python']}, {about['machine']}, {packages}. "
        "`make bench` measures it again."
    )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
