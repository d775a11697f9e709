"""Record the cassettes anew: `make record`, or `python -m tests.record [name …]`.

With AISA_API_KEY set, from the live gateway (or the one at AISA_BASE_URL), else from a local one. Failures that no live
gateway gives on demand come from the local one either way. A cassette that comes out as it was keeps its provenance.
"""

import os
import pathlib
import sys
import tempfile
from collections.abc import Iterator
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
    known = {name: entry for name, entry in provenance.read().items() if name in SCENES}
    for scene in SCENES.values():
        if not names or scene.name in names:
            known[scene.name] = record(scene, FOLDER, live, known.get(scene.name))
            provenance.write(known)
            print(f"  {scene.name}: {known[scene.name].against}")
    for stale in FOLDER.glob("*.yaml"):
        if stale.stem not in SCENES:
            stale.unlink()
    return 0


def record(
    scene: Scene, folder: pathlib.Path, live: Site | None, before: provenance.Provenance | None
) -> provenance.Provenance:
    """Record one cassette, and return where it comes from."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{scene.name}.yaml"
    with tempfile.TemporaryDirectory() as place, _site(scene, live) as site:
        fresh = pathlib.Path(place) / path.name
        with recording(fresh, site.base_url):
            scene.play(site)
        if found := problems(fresh):
            raise SystemExit(f"{path.name} is not written: it would hold {'; '.join(found)}")
        text = fresh.read_text(encoding="utf-8")
    against = live.base_url if live is not None and scene.script is None else provenance.LOCAL
    as_before = path.exists() and path.read_text(encoding="utf-8") == text
    path.write_text(text, encoding="utf-8")
    if as_before and before is not None and before.against == against:
        return before
    return provenance.now(against)


def live_site() -> Site | None:
    """The gateway that a key in the environment opens, or None."""
    key = os.environ.get("AISA_API_KEY")
    return Site((os.environ.get("AISA_BASE_URL") or ORIGIN).rstrip("/").removesuffix("/v1"), key) if key else None


@contextmanager
def _site(scene: Scene, live: Site | None) -> Iterator[Site]:
    if live is not None and scene.script is None:
        yield live
        return
    # A fixed clock and a gateway of its own: ids, dates and bills are the same every time.
    with LocalGateway(clock=lambda: NOON, strict_models=True) as gateway:
        if scene.script is not None:
            scene.script(gateway)
        yield Site(gateway.url, gateway.api_key)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
