"""Where files live: `AISA_HOME` before anything, else what the platform says."""

import os
import subprocess
import sys
from pathlib import Path

import platformdirs
import platformdirs.macos
import platformdirs.unix
import platformdirs.windows
import pytest

from aisa_integrations.errors import ConfigurationError
from aisa_integrations.stores.folders import cache_folder, data_folder

HOME = Path("/home/someone")
PLATFORMS = {
    "linux": platformdirs.unix.Unix,
    "darwin": platformdirs.macos.MacOS,
    "win32": platformdirs.windows.Windows,
}


@pytest.fixture(autouse=True)
def someone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AISA_HOME")
    monkeypatch.setenv("HOME", str(HOME))
    monkeypatch.setattr(platformdirs.windows, "get_win_folder", lambda name: str(HOME / "AppData" / "Local"))
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_aisa_home_comes_first(monkeypatch, platform, tmp_path):
    monkeypatch.setattr(platformdirs, "PlatformDirs", PLATFORMS[platform])
    monkeypatch.setenv("AISA_HOME", str(tmp_path))
    assert data_folder() == cache_folder() == tmp_path


@pytest.mark.parametrize(
    ("platform", "data", "cache"),
    [
        ("linux", ".local/share/aisa-integrations", ".cache/aisa-integrations"),
        ("darwin", "Library/Application Support/aisa-integrations", "Library/Caches/aisa-integrations"),
        ("win32", "AppData/Local/aisa-integrations", "AppData/Local/aisa-integrations/Cache"),
    ],
)
def test_each_platform_has_its_own(monkeypatch, platform, data, cache):
    monkeypatch.setattr(platformdirs, "PlatformDirs", PLATFORMS[platform])
    assert (data_folder(), cache_folder()) == (HOME / data, HOME / cache)


def test_xdg_is_heard(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert data_folder() == tmp_path / "data" / "aisa-integrations"
    assert cache_folder() == tmp_path / "cache" / "aisa-integrations"


def test_a_relative_folder_is_never_used(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    try:
        outcome = str(cache_folder())
    except ConfigurationError as error:
        outcome = str(error)  # platformdirs < 4.12 passes it on
    assert outcome == str(HOME / ".cache/aisa-integrations") or "is not absolute" in outcome


def test_no_home_folder_says_what_to_do(monkeypatch):
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # what it does where nobody knows a home
    with pytest.raises(ConfigurationError, match="set AISA_HOME to a folder"):
        data_folder()


def test_who_needs_no_folder_loads_nothing_for_it():
    code = "import sys; from aisa_integrations import Budget; Budget(1); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "aisa_integrations.stores.folders" in loaded
    assert "platformdirs" not in loaded
