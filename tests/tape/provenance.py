"""Where each cassette comes from: written beside them, and printed with every run of the tests."""

import json
import pathlib
import platform
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Final

import aisa_integrations

FOLDER: Final = pathlib.Path(__file__).parents[2] / "cassettes"
LOCAL: Final = "the local gateway (simulated answers)"
_PACKAGES: Final = ("openai", "google-genai", "langchain-core", "langchain-tests", "httpx2", "vcrpy")
_NAME: Final = "PROVENANCE.json"


@dataclass(frozen=True, slots=True)
class Provenance:
    """What one cassette was recorded against, when, by what command and with which versions."""

    against: str
    recorded: str
    command: str
    versions: dict[str, str]


def now(against: str) -> Provenance:
    """What a cassette that is recorded now is to say of itself."""
    ours = {"python": platform.python_version(), "aisa-integrations": aisa_integrations.__version__}
    versions = {**ours, **{name: version(name) for name in _PACKAGES}}
    return Provenance(against, datetime.now(UTC).date().isoformat(), "make record", versions)


def read(folder: pathlib.Path = FOLDER) -> dict[str, Provenance]:
    """The provenance of every cassette, by its name."""
    path = folder / _NAME
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {name: Provenance(**entry) for name, entry in known.items()}


def write(known: dict[str, Provenance], folder: pathlib.Path = FOLDER) -> None:
    """Write the provenance of every cassette down."""
    entries = {name: asdict(known[name]) for name in sorted(known)}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _NAME).write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")


def header() -> str:
    """One line for the report of a run: how many cassettes, from where, of when."""
    known = read().values()
    if not known:
        return "cassettes: none"
    origins = Counter((entry.against, entry.recorded, entry.versions["openai"]) for entry in known)
    parts = [
        f"{count} recorded {recorded} from {against} through openai {openai}"
        for (against, recorded, openai), count in sorted(origins.items())
    ]
    return f"cassettes: {'; '.join(parts)} ({FOLDER.name}/{_NAME})"
