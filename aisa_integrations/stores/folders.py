"""Where files live: `AISA_HOME`, else the platform's own folders for data and for caches."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from platformdirs import PlatformDirs

_NAME: Final = "aisa-integrations"


def data_folder() -> Path:
    """Return the folder for what must not be lost, such as the ledger of a daily budget."""
    return _home() or _of_platform(lambda folders: folders.user_data_path)


def cache_folder() -> Path:
    """Return the folder for what can be made again."""
    return _home() or _of_platform(lambda folders: folders.user_cache_path)


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


def _of_platform(choose: Callable[[PlatformDirs], Path]) -> Path:
    from platformdirs import PlatformDirs

    try:
        folder = choose(PlatformDirs(_NAME, appauthor=False))
    except (RuntimeError, ValueError, OSError) as error:
        raise _nowhere(str(error)) from None
    if not folder.is_absolute():
        # Without a home folder older platformdirs leave `~` as it stands, and before 4.12 a relative XDG_DATA_HOME.
        raise _nowhere(f"{str(folder)!r} is not absolute")
    return folder


def _nowhere(why: str) -> ConfigurationError:
    return ConfigurationError(f"The platform's folder for files can't be found ({why}); set AISA_HOME to a folder.")
