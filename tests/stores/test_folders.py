"""Where files live: `AISA_HOME` before anything, else what the platform says."""

import sys
from pathlib import Path

import pytest

from aisa_integrations.errors import ConfigurationError
from aisa_integrations.stores.folders import cache_folder, data_folder

HOME = Path("/home/someone")


@pytest.fixture(autouse=True)
def someone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AISA_HOME")
    monkeypatch.setattr(Path, "home", lambda: HOME)
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_aisa_home_comes_first(monkeypatch, platform, tmp_path):
    monkeypatch.setattr(sys, "platform", platform)
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
    monkeypatch.setattr(sys, "platform", platform)
    assert (data_folder(), cache_folder()) == (HOME / data, HOME / cache)


def test_xdg_is_heard_where_it_is_absolute(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert data_folder() == tmp_path / "aisa-integrations"
    assert cache_folder() == HOME / ".cache" / "aisa-integrations"


def test_no_home_folder_says_what_to_do(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")

    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    with pytest.raises(ConfigurationError, match="AISA_HOME"):
        data_folder()
