"""Imports go downward only: faces → clients → transport → values. Read from the source.

A new module is listed in LAYERS below (a module of a listed subpackage is covered by it). Imports inside functions and
under TYPE_CHECKING count too: a lower layer knows nothing of an upper one, not even a type. What is allowed inside one
layer is anything but an import cycle.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "aisa_integrations"

# From the top down. Each name is a module or subpackage of aisa_integrations.
LAYERS: list[tuple[str, set[str]]] = [
    (
        "faces",
        {"router_client", "comparison", "images", "chat_body", "langchain", "notebook", "cli", "local", "testing"}
        | {"ab_testing", "evaluation"},
    ),
    ("clients", {"clients", "gateway_client", "standing"}),
    ("transport", {"transport"}),
    (
        "values",
        {"usage", "tracking", "catalogue", "estimate", "routing", "policy", "settings", "errors", "forks"}
        | {"budget", "cache", "stores", "cooldown", "pacing", "locks", "display", "intervals"},
    ),
]

# Who may import a vendor's SDK. Everything else, gateway_client and the transport above all, runs without any.
VENDORS = {"openai", "google", "langchain", "langchain_core", "langchain_openai"}
MAY_IMPORT: dict[str, set[str]] = {
    "clients": {"openai", "google"},
    "langchain": {"langchain", "langchain_core"},
}

# What any module may take from `aisa_integrations` itself; all else is imported from where it is defined.
FROM_THE_DOOR = {"__version__"}


@dataclass(frozen=True)
class Import:
    module: str  # the importing module, dotted
    line: int
    target: str  # what is imported, dotted and absolute; names of `from … import` included
    eager: bool  # runs when the module is imported

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


def modules(package: Path) -> dict[str, Path]:
    """Dotted name → file, for every module of the package."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = [package.name, *path.relative_to(package).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports(name: str, path: Path) -> tuple[Import, ...]:
    """Every import statement of a file, relative ones resolved; also import_module("…") with a literal."""
    base = name.split(".") if path.stem == "__init__" else name.split(".")[:-1]

    def visit(node: ast.AST, eager: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name, node.lineno, alias.name, eager)
        elif isinstance(node, ast.ImportFrom):
            parent = base[: len(base) - node.level + 1] if node.level else []
            target = ".".join([*parent, *(node.module or "").split(".")]).strip(".")
            for alias in node.names:
                yield Import(name, node.lineno, f"{target}.{alias.name}", eager)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
            if called in ("import_module", "__import__") and isinstance(node.args[0].value, str):
                target = node.args[0].value
                absolute = target if not target.startswith(".") else ".".join([*base, target.lstrip(".")])
                yield Import(name, node.lineno, absolute, eager)
        inside = eager and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for statement in node.body:
                yield from visit(statement, False)
            for statement in node.orelse:
                yield from visit(statement, eager)
            return
        for child in ast.iter_child_nodes(node):
            yield from visit(child, inside)

    return tuple(visit(ast.parse(path.read_text(encoding="utf-8")), True))


def part_of(dotted: str) -> str | None:
    """The layer-listed part that a dotted name belongs to: `aisa_integrations.transport.verdict` → `transport`."""
    parts = dotted.split(".")
    return parts[1] if parts[0] == PACKAGE and len(parts) > 1 else None


def check(package: Path) -> list[str]:
    """Every broken rule, as one line each."""
    rank = {part: level for level, (_, listed) in enumerate(reversed(LAYERS)) for part in listed}
    layer_of = {part: layer for layer, listed in LAYERS for part in listed}
    found = modules(package)
    parts = {part_of(name) for name in found} | set(rank)
    broken = []
    for name, path in found.items():
        part = part_of(name)
        if part is None:
            continue  # the door itself: it may name everything, and test_import_cost sees that it loads nothing
        if part not in rank:
            broken.append(f"{name} is in no layer: list {part!r} in LAYERS in tests/test_layers.py")
            continue
        for imported in imports(name, path):
            target = part_of(imported.target)
            root = imported.target.split(".")[0]
            if root == PACKAGE and target not in parts:
                if target not in FROM_THE_DOOR:
                    broken.append(f"{imported}: from the package's door; import it from the module that defines it")
            elif target is not None and rank.get(target, -1) > rank[part]:
                broken.append(f"{imported}: upward, from {layer_of[part]} to {layer_of[target]}")
            elif root in VENDORS and root not in MAY_IMPORT.get(part, ()):
                broken.append(f"{imported}: a vendor's SDK, which only {sorted(MAY_IMPORT)} may import")
    return broken


def closure(package: Path, start: str) -> set[str]:
    """Every dotted target that `start` can ever import, function-level imports too. The door is not followed."""
    found, seen, targets, queue = modules(package), set(), set(), [start]
    while queue:
        name = queue.pop()
        if name in seen or name not in found:
            continue
        seen.add(name)
        for imported in imports(name, found[name]):
            targets.add(imported.target)
            parts = imported.target.split(".")
            if parts[0] == PACKAGE:
                queue += [".".join(parts[:depth]) for depth in range(2, len(parts) + 1)]
    return targets


def test_imports_go_downward_only():
    assert check(ROOT / PACKAGE) == []


def test_no_cycle_when_importing():
    found = modules(ROOT / PACKAGE)
    graph: dict[str, set[str]] = {}
    for name, path in found.items():
        for imported in imports(name, path):
            target = imported.target if imported.target in found else imported.target.rpartition(".")[0]
            # A subpackage's own __init__ gathers its modules, and they reach each other without it.
            if imported.eager and target in found and target != name and not name.startswith(f"{target}."):
                graph.setdefault(name, set()).add(target)
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail("import cycle: " + " → ".join(error.args[1]))


@pytest.mark.parametrize("module", ["comparison", "gateway_client", "router_client", "transport"])
def test_runs_without_any_vendor_sdk(module):
    names = [name for name in modules(ROOT / PACKAGE) if part_of(name) == module]
    if not names:
        pytest.skip(f"{module} is not written yet")
    vendors = {target for name in names for target in closure(ROOT / PACKAGE, name) if target.split(".")[0] in VENDORS}
    assert vendors == set()
    loaded = subprocess.run(
        [sys.executable, "-c", f"import sys, {PACKAGE}.{module}; print(*sys.modules)"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert VENDORS & {name.split(".")[0] for name in loaded} == set()


# ---- the checker itself, on a small tree ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "source", "complaint"),
    [
        ("usage.py", "from .transport import verdict", "upward, from values to transport"),
        (
            "usage.py",
            "def f():\n    from aisa_integrations.transport import verdict",
            "upward, from values to transport",
        ),
        ("usage.py", "def f():\n    import aisa_integrations.transport.verdict", "upward, from values to transport"),
        (
            "usage.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .clients import X",
            "values to clients",
        ),
        ("usage.py", "import importlib\nimportlib.import_module('.clients', __package__)", "values to clients"),
        ("errors.py", "from . import transport", "upward, from values to transport"),
        ("transport/verdict.py", "from .. import clients", "upward, from transport to clients"),
        ("transport/verdict.py", "from ..clients import openai_client", "upward, from transport to clients"),
        ("gateway_client.py", "def f():\n    import openai", "a vendor's SDK"),
        ("transport/verdict.py", "from google import genai", "a vendor's SDK"),
        ("clients.py", "from langchain_core import messages", "a vendor's SDK"),
        ("usage.py", "from aisa_integrations import openai_client", "from the package's door"),
        ("novelty.py", "", "list 'novelty' in LAYERS in tests/test_layers.py"),
        ("transport/verdict.py", "from ..usage import Usage\nfrom .. import errors, __version__\nimport httpx2", None),
        ("clients.py", "import openai\nfrom .transport.verdict import x\nfrom . import gateway_client", None),
        ("local/app.py", "from ..testing import x\nfrom .script import y", None),
    ],
)
def test_the_checker_sees_it(tmp_path, file, source, complaint):
    package = tmp_path / PACKAGE
    for name in ("__init__", "errors", "usage", "transport/__init__", "clients", "gateway_client", "testing"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / f"{name}.py").touch()
    (package / file).parent.mkdir(exist_ok=True)
    (package / file).write_text(source)
    broken = check(package)
    if complaint is None:
        assert broken == []
    else:
        assert [line for line in broken if complaint in line], broken
