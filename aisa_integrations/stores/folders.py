"""Where files live: `AISA_HOME`, else the platform's own folders for data and for caches."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from ..errors import ConfigurationError

_NAME: Final = "aisa-integrations"


def data_folder() -> Path:
    """Return the folder for what must not be lost, such as the ledger of a daily budget."""
    return _home() or _data_root() / _NAME


def cache_folder() -> Path:
    """Return the folder for what can be made again."""
    if home := _home():
        return home
    root = _cache_root() / _NAME
    # Windows has one folder for both.
    return root / "Cache" if sys.platform == "win32" else root


def resolve_path(path: object, what: str) -> Path:
    """Return a path given by the user as an absolute one, so that it means the same in every process.

    Raises:
        ConfigurationError: for what is no path.
    """
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise ConfigurationError(f"{what} is the path of a file, not {path!r}.")
    shown = os.fspath(path)
    if not isinstance(shown, str) or shown == ":memory:" or "\0" in shown:
        raise ConfigurationError(f"{what} is the path of a file, not {path!r}.")
    return Path(os.path.abspath(os.path.expanduser(shown)))


def _home() -> Path | None:
    named = os.environ.get("AISA_HOME")
    return resolve_path(named, "AISA_HOME") if named else None


def _data_root() -> Path:
    if sys.platform == "win32":
        return _from_environment("LOCALAPPDATA") or _user() / "AppData" / "Local"
    if sys.platform == "darwin":
        return _user() / "Library" / "Application Support"
    return _from_environment("XDG_DATA_HOME") or _user() / ".local" / "share"


def _cache_root() -> Path:
    if sys.platform == "win32":
        return _data_root()
    if sys.platform == "darwin":
        return _user() / "Library" / "Caches"
    return _from_environment("XDG_CACHE_HOME") or _user() / ".cache"


def _from_environment(name: str) -> Path | None:
    # The XDG specification has relative paths ignored.
    value = os.environ.get(name, "")
    return Path(value) if os.path.isabs(value) else None


def _user() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        raise ConfigurationError("The home folder can't be found; set AISA_HOME to a folder for files.") from None
