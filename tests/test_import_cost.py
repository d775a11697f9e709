"""`import aisa_integrations` costs next to nothing: it is a door, and what is behind it loads when it is asked for."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Never loaded by the bare import, with what they bring. No third-party module may be either, listed or not.
HEAVY = {"asyncio", "concurrent", "logging", "ssl", "http", "email", "sqlite3", "decimal", "json", "uuid", "inspect"}
HEAVY |= {"socket", "subprocess", "tempfile", "urllib", "dataclasses"}
HEAVY |= {"httpx2", "httpcore2", "openai", "google", "langchain_core", "pydantic", "jiter", "starlette", "xllamacpp"}

LOADED_BY = """
import sys
before = set(sys.modules)
import aisa_integrations
loaded = {name: getattr(sys.modules[name], "__file__", None) for name in set(sys.modules) - before}
import json
print(json.dumps(loaded))
"""

needs_the_door = pytest.mark.skipif(
    not (ROOT / "aisa_integrations" / "__init__.py").exists(), reason="aisa_integrations/__init__.py is not written yet"
)


def python(code: str) -> str:
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


@needs_the_door
def test_the_bare_import_loads_only_itself():
    loaded: dict[str, str | None] = json.loads(python(LOADED_BY))
    assert "aisa_integrations" in loaded
    assert HEAVY & {name.split(".")[0] for name in loaded} == set()
    foreign = {name for name, file in loaded.items() if file and "site-packages" in Path(file).parts}
    assert {name for name in foreign if name.split(".")[0] != "aisa_integrations"} == set()


@needs_the_door
def test_all_is_sorted_and_listed_by_dir():
    import aisa_integrations

    assert list(aisa_integrations.__all__) == sorted(set(aisa_integrations.__all__))
    assert set(aisa_integrations.__all__) <= set(dir(aisa_integrations))


@needs_the_door
def test_every_name_is_there_or_says_how_to_install_it():
    import aisa_integrations

    unhelpful = {}
    for name in aisa_integrations.__all__:
        try:
            getattr(aisa_integrations, name)
        except ImportError as error:
            if "pip install" not in str(error) or "aisa-integrations[" not in str(error):
                unhelpful[name] = str(error)
    assert unhelpful == {}


@needs_the_door
def test_no_module_takes_the_place_of_a_name():
    """Importing `package.name` sets `package.name` to the module, whatever stood there."""
    import aisa_integrations

    package = ROOT / "aisa_integrations"
    modules = {path.stem for path in package.glob("*.py")} | {path.name for path in package.iterdir() if path.is_dir()}
    assert set(aisa_integrations.__all__) & modules == set()


@needs_the_door
def test_a_name_that_is_not_there_is_an_attribute_error():
    import aisa_integrations

    name = "no_such_name"
    with pytest.raises(AttributeError, match=name):
        getattr(aisa_integrations, name)
    assert not hasattr(aisa_integrations, "__wrapped__")  # what inspect and doctest ask of everything


@needs_the_door
@pytest.mark.parametrize(
    ("module", "call", "extra"),
    [
        ("google", "aisa_integrations.genai_client(api_key='k')", "google"),
        ("langchain_core", "aisa_integrations.ChatAisa", "langchain"),
    ],
)
def test_without_an_extra_the_hint_names_it(module, call, extra):
    import aisa_integrations

    if call.split(".")[1].split("(")[0] not in aisa_integrations.__all__:
        pytest.skip("not written yet")
    out = python(
        f"import sys; sys.modules[{module!r}] = None\n"
        f"import aisa_integrations\n"
        f"try: {call}\n"
        f"except ImportError as error: print(error)\n"
    )
    assert f'pip install "aisa-integrations[{extra}]"' in out or f"pip install 'aisa-integrations[{extra}]'" in out, out
