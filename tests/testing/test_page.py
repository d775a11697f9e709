"""docs/testing.md as a reader would try it: its blocks written into files, and pytest run on them."""

import pathlib
import re

import pytest

from aisa_integrations.local import FAULTS, LocalGateway
from aisa_integrations.testing import cassette_leaks
from tests.tape.tape import ORIGIN, interactions
from tests.test_readme import blocks

pytest_plugins = ["pytester"]

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "testing.md"
TEXT = PAGE.read_text(encoding="utf-8")
NAME = re.compile(r"# (\w+\.\w+)\n")
CASSETTE = pathlib.Path("cassettes", "test_recorded", "test_the_capital.yaml")


@pytest.fixture
def written(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project of the page's files; blocks of the same name are one file."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # whatever else is installed here
    files: dict[str, str] = {}
    for block in blocks(TEXT):
        if found := NAME.match(block.text):
            files[found[1]] = files.get(found[1], "") + block.text + "\n\n"
    assert {"conftest.py", "pyproject.toml", "test_assistant.py", "test_recorded.py", "test_cassettes.py"} <= set(files)
    # What this repository's tests keep to as well, and a reader's may not.
    files["pyproject.toml"] += (
        'asyncio_mode = "auto"\nasyncio_default_fixture_loop_scope = "function"\nfilterwarnings = ["error"]\n'
        'addopts = "-p no:cacheprovider -p pytest_asyncio.plugin -p pytest_recording.plugin"\n'
    )
    for name, text in files.items():
        (pytester.path / name).write_text(text, encoding="utf-8")
    return pytester


def test_the_page_works_as_written(
    written: pytest.Pytester, gateway: LocalGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Recorded where a reader has a key and the live gateway,
    gateway.script.reply("gemini-2.5-flash", "Bern")
    with monkeypatch.context() as environment:
        environment.setenv("AISA_API_KEY", gateway.api_key)
        environment.setenv("AISA_BASE_URL", gateway.url)
        written.runpytest_subprocess("-q", "--record-mode=once").assert_outcomes(passed=5, skipped=1)
    (request,) = gateway.requests
    assert request.header("authorization") == f"Bearer {gateway.api_key}"
    # and played with neither.
    gateway.stop()
    written.runpytest_subprocess("-q").assert_outcomes(passed=6)

    recorded = written.path / CASSETTE
    text = recorded.read_text(encoding="utf-8")
    assert gateway.api_key not in text
    assert "authorization" not in text.lower()
    assert cassette_leaks(recorded) == []
    assert [each["request"]["uri"].startswith(ORIGIN) for each in interactions(recorded)] == [True]

    # Another prompt is another request, and the live gateway is not asked for it.
    test = written.path / "test_recorded.py"
    test.write_text(test.read_text(encoding="utf-8").replace("capital of", "currency of"), encoding="utf-8")
    result = written.runpytest_subprocess("-q", "test_recorded.py")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*CannotOverwriteExistingCassetteException*"])


def test_every_fault_of_the_page_is_there() -> None:
    table = TEXT.partition("| fault |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`(\w+)`", table.replace("retry_after=2", "")))
    assert len(named) > 8
    assert named <= set(FAULTS)
