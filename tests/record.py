"""Record the cassettes anew: `make record`, or `python -m tests.record [name …]`.

With AISA_API_KEY set, from the live gateway (or the one at AISA_BASE_URL), else from a local one. Failures that no live
gateway gives on demand come from the local one either way. A cassette that comes out as it was keeps its provenance.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aisa_integrations.local import LocalGateway
from tests.tape import provenance
from tests.tape.provenance import FOLDER
from tests.tape.scenes import SCENES, Scene, Site
from tests.tape.tape import ORIGIN, problems, recording

NOON = 1_767_268_800.0


def main(names: list[str]) -> int:
    """Record the named cassettes, or all of them."""
    if unknown := [name for name in names if name not in SCENES]:
        print(f"no such cassette: {', '.join(unknown)}; there are: {', '.join(SCENES)}", file=sys.stderr)
        return 2
    live = live_site()
    print(f"recording from {live.base_url if live else provenance.LOCAL}")
    known = {name: entry for name, entry in provenance.read().items() if name in SCENES or "/" in name}
    for scene in SCENES.values():
        if not names or scene.name in names:
            known[scene.name] = record(scene, FOLDER, live, known.get(scene.name))
            provenance.write(known)
            print(f"  {scene.name}: {known[scene.name].against}")
    for stale in FOLDER.glob("*.yaml"):
        if stale.stem not in SCENES:
            stale.unlink()
    return 0 if names else record_standard_suites()


def record_standard_suites() -> int:
    """Record langchain's standard suites, each of whose tests has a cassette of its own."""
    suites = ["tests/langchain/test_standard_cassettes.py", "--record-cassettes", "-q", "-p", "no:xdist"]
    return subprocess.run([sys.executable, "-m", "pytest", *suites], check=False).returncode


def record(
    scene: Scene, folder: pathlib.Path, live: Site | None, before: provenance.Provenance | None
) -> provenance.Provenance:
    """Record one cassette, and return where it comes from."""
    known = {scene.name: before} if before is not None else {}
    with taping(scene.name, folder, live, known, scene.script) as site:
        scene.play(site)
    return known[scene.name]


@contextmanager
def taping(
    name: str,
    folder: pathlib.Path,
    live: Site | None,
    known: dict[str, provenance.Provenance],
    script: Callable[[LocalGateway], None] | None = None,
) -> Iterator[Site]:
    """Record what is asked within the block as a cassette, and put where it comes from among those `known`."""
    path = folder / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, _site(script, live) as site:
        fresh = pathlib.Path(place) / path.name
        with recording(fresh, site.base_url):
            yield site
        if found := problems(fresh):
            raise SystemExit(f"{path.name} is not written: it would hold {'; '.join(found)}")
        text = fresh.read_text(encoding="utf-8")
    against = live.base_url if live is not None and script is None else provenance.LOCAL
    as_before = path.exists() and path.read_text(encoding="utf-8") == text
    path.write_text(text, encoding="utf-8")
    if not as_before or name not in known or known[name].against != against:
        known[name] = provenance.now(against)


def live_site() -> Site | None:
    """The gateway that a key in the environment opens, or None."""
    key = os.environ.get("AISA_API_KEY")
    return Site((os.environ.get("AISA_BASE_URL") or ORIGIN).rstrip("/").removesuffix("/v1"), key) if key else None


@contextmanager
def _site(script: Callable[[LocalGateway], None] | None, live: Site | None) -> Iterator[Site]:
    if live is not None and script is None:
        yield live
        return
    # A fixed clock and a gateway of its own: ids, dates and bills are the same every time.
    with LocalGateway(clock=lambda: NOON, strict_models=True) as gateway:
        if script is not None:
            script(gateway)
        yield Site(gateway.url, gateway.api_key)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
