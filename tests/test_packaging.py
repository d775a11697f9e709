"""What is shipped: the wheel's contents and metadata, the version, the pins."""

import email.message
import email.parser
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINNED = sorted((ROOT / "requirements").glob("*.txt"))

BUILDABLE = all((ROOT / name).exists() for name in ("README.md", "aisa_integrations/__init__.py"))
buildable = pytest.mark.skipif(not BUILDABLE, reason="README.md or aisa_integrations/__init__.py is not written yet")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.Path]:
    """The wheel, built from this checkout without the network."""
    built = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(built)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    (file,) = built.glob("*.whl")
    with zipfile.ZipFile(file) as opened:
        yield zipfile.Path(opened)


def metadata(wheel: zipfile.Path) -> email.message.Message:
    (info,) = (entry for entry in wheel.iterdir() if entry.name.endswith(".dist-info"))
    return email.parser.Parser().parsestr((info / "METADATA").read_text(encoding="utf-8"))


@buildable
def test_the_wheel_holds_the_data_and_the_type_marker(wheel):
    for name in ("models.json", "py.typed", "__init__.py"):
        assert (wheel / "aisa_integrations" / name).exists(), name


@buildable
def test_the_wheel_holds_nothing_but_the_package(wheel):
    shipped = {name for name in wheel.root.namelist() if not name.endswith("/") and ".dist-info/" not in name}
    on_disk = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "aisa_integrations").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert shipped == on_disk


@buildable
def test_the_version_is_one_and_the_changelog_has_it(wheel):
    import aisa_integrations

    entry = re.search(r"^## (\d+\.\d+\.\d+) — (unreleased|\d{4}-\d{2}-\d{2})$", changelog(), re.MULTILINE)
    assert entry, "the top entry of CHANGELOG.md reads `## 1.2.3 — 2026-01-31` or `## 1.2.3 — unreleased`"
    assert metadata(wheel)["Version"] == aisa_integrations.__version__ == entry[1]


def changelog() -> str:
    return (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@buildable
def test_the_metadata(wheel):
    told = metadata(wheel)
    assert told["Name"] == "aisa-integrations"
    assert told["Requires-Python"] == ">=3.11"
    assert told["License-Expression"] == "Apache-2.0"
    assert set(told.get_all("Provides-Extra", [])) == {
        "google",
        "langchain",
        "notebook",
        "eval",
        "cli",
        "local",
        "redis",
        "all",
    }
    core = [line for line in told.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert {re.split(r"[<>=!~; ]", line)[0] for line in core} == {"openai", "httpx2", "platformdirs"}


def test_all_is_every_extra():
    extras = PROJECT["optional-dependencies"]
    assert extras["all"] == [f"aisa-integrations[{','.join(name for name in extras if name != 'all')}]"]


@pytest.mark.parametrize("file", PINNED, ids=lambda file: file.name)
def test_pins_are_exact_and_hashed_and_name_no_source(file):
    text = file.read_text(encoding="utf-8")
    entries = [line for line in re.split(r"\n(?=\S)", text) if line and not line.startswith("#")]
    assert entries
    for entry in entries:
        assert re.match(r"[a-z0-9-]+(\[[a-z0-9,-]+\])?==[^ ]+ ", entry), entry
        assert "--hash=sha256:" in entry, entry
    assert not re.search(r"://|--(extra-)?index-url|--find-links|^-[ef] | @ |(^|\s)/\w", text, re.MULTILINE)


def test_the_demo_runs_on_the_versions_that_are_tested():
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^\S+==\S+", (ROOT / "requirements" / name).read_text(encoding="utf-8"), re.MULTILINE))

    assert pins("demo.txt") <= pins("dev.txt")


def test_every_dependency_is_pinned_for_development():
    pinned = set(
        re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements/dev.txt").read_text(encoding="utf-8"), re.MULTILINE)
    )
    extras = PROJECT["optional-dependencies"]
    wanted = [
        *PROJECT["dependencies"],
        *(line for name in extras if name != "all" for line in extras[name]),
    ]
    assert {re.split(r"[<>=!~; ]", line)[0] for line in wanted} <= pinned
