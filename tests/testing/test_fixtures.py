"""The fixtures as a user's own tests see them: whole little projects, run by a pytest of their own."""

import pathlib

import pytest

pytest_plugins = ["pytester"]

CONFTEST = 'pytest_plugins = ["aisa_integrations.testing"]\n'

INI = """[pytest]
addopts = -p no:cacheprovider -p pytest_asyncio.plugin
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""

PROGRAM = """
from aisa_integrations import (
    AsyncGatewayClient, Cooldown, GatewayClient, Policy, async_openai_client, genai_client, openai_client
)

POLICY = Policy(cooldown=Cooldown(failures=1, seconds=600), fallbacks=["gpt-4.1-mini"])  # outlives a test
HELLO = [{"role": "user", "content": "Hello"}]
BODY = {"model": "gpt-4o", "messages": HELLO}

def ask():
    with openai_client(policy=POLICY) as client:
        return client.chat.completions.create(**BODY).choices[0].message.content

def ask_gemini():
    return genai_client().models.generate_content(model="gemini-2.5-flash", contents="Hello").text

def ask_plainly():
    with GatewayClient() as client:
        return client.chat(BODY)["choices"][0]["message"]["content"]

async def ask_async():
    async with async_openai_client() as client:
        return (await client.chat.completions.create(**BODY)).choices[0].message.content

async def ask_plainly_async():
    async with AsyncGatewayClient() as client:
        return (await client.chat(BODY))["choices"][0]["message"]["content"]

def ask_kindly():
    try:
        return ask()
    except Exception:
        return "Sorry, try again later."
"""


@pytest.fixture(autouse=True)
def _no_other_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    # What happens to be installed here beside ours: it takes longer to load than the projects to run.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """An empty project that has a program, and whose conftest names our plugin; every warning is an error in it."""
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(program=PROGRAM)
    pytester.makeini(INI)
    return pytester


def test_every_face_finds_the_gateway_in_the_environment(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_it="""
        import asyncio, os, pathlib, subprocess, sys
        import pytest
        from program import *

        BEFORE = {name: said for name, said in os.environ.items() if name.startswith("AISA")}

        @pytest.mark.parametrize("way", [ask, ask_gemini, ask_plainly])
        def test_sync(aisa_gateway, way):
            assert "Simulated reply" in way()
            assert len(aisa_gateway.requests) == len(aisa_gateway.account.calls) == 1
            assert aisa_gateway.account.spent > 0

        @pytest.mark.parametrize("way", [ask_async, ask_plainly_async])
        async def test_async(aisa_gateway, way):
            assert "Simulated reply" in await way()

        def test_with_several_loops(aisa_gateway):
            for _ in range(2):
                assert "Simulated reply" in asyncio.run(ask_async())

        def test_in_a_process_of_its_own(aisa_gateway):
            code = "import program; print(program.ask())"
            told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
            assert "Simulated reply" in told.stdout

        @pytest.mark.parametrize("turn", range(2))
        def test_nothing_is_carried_over(aisa_gateway, turn, tmp_path):
            # Cooling down in the first turn, the model would be asked last in the second.
            aisa_gateway.script.fail("gpt-4o", "server_error", times=1)
            assert "gpt-4.1-mini" in ask()
            assert [call.model for call in aisa_gateway.account.calls] == ["gpt-4o", "gpt-4.1-mini"]
            home = pathlib.Path(os.environ["AISA_HOME"])
            assert list(home.iterdir()) == list(tmp_path.iterdir()) == []
            (home / "left.txt").touch()

        def test_the_environment_is_as_it_was():
            assert {name: said for name, said in os.environ.items() if name.startswith("AISA")} == BEFORE
        """
    )
    project.runpytest_subprocess("-q").assert_outcomes(passed=10)


def test_options_of_a_projects_own_whose_conftest_has_imported_us_before(project: pytest.Pytester) -> None:
    project.makeconftest("from aisa_integrations.testing import cassette_options\n" + CONFTEST)
    project.makepyfile(
        test_it="""
        import openai
        import pytest
        from program import ask_gemini, openai_client, HELLO

        @pytest.fixture
        def aisa_gateway_options():
            return {"strict_models": True, "balance": 7}

        def test_it(aisa_gateway):
            assert aisa_gateway.account.balance == 7
            with openai_client() as client, pytest.raises(openai.NotFoundError):
                client.chat.completions.create(model="no-such-model", messages=HELLO)
        """
    )
    project.runpytest_subprocess("-q").assert_outcomes(passed=1)


def test_a_live_request_fails_the_test_with_words_that_help(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AISA_API_KEY", "sk-aisa-canary-of-a-developers-shell")
    project.makeini(INI + "usefixtures = aisa_offline\n")
    project.makepyfile(
        test_it="""
        import os, socket, subprocess, sys
        import pytest
        from aisa_integrations import ConfigurationError
        from program import *

        EARLY = openai_client()

        def refuse(*args, **kwargs):
            os._exit(77)  # were anything to leave, no test would be reported at all

        socket.getaddrinfo = socket.socket.connect = refuse

        def test_is_refused():
            ask()

        async def test_is_refused_async():
            await ask_plainly_async()

        def test_is_swallowed():
            assert ask_kindly() == "Sorry, try again later."

        async def test_is_swallowed_async():
            with pytest.raises(ConfigurationError):
                await ask_async()

        def test_is_meant(aisa_offline):
            with pytest.raises(ConfigurationError, match="live request"):
                ask()
            assert aisa_offline == ["POST https://api.aisa.one/v1/chat/completions (gpt-4o)"]
            aisa_offline.clear()

        def test_a_client_made_too_early_is_refused(aisa_gateway, aisa_offline):
            with pytest.raises(ConfigurationError, match="https://api.aisa.one is forbidden"):
                EARLY.chat.completions.create(**BODY)
            aisa_offline.clear()

        def test_a_process_of_its_own_is_refused():
            code = "import program, socket; socket.getaddrinfo = None; program.ask()"
            told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
            assert "is forbidden here by AISA_OFFLINE=1; nothing was sent." in told.stderr
        """
    )
    result = project.runpytest_subprocess("-q", "--showlocals")
    result.assert_outcomes(passed=3, failed=4)
    shown = result.stdout.str()
    assert shown.count("A live request to https://api.aisa.one is forbidden here by forbid_live_requests()") >= 2
    result.stdout.fnmatch_lines(
        [
            "*live requests were refused, and the refusal was swallowed:",
            "  POST https://api.aisa.one/v1/chat/completions (gpt-4o)",
            "FAILED test_it.py::test_is_swallowed - Failed: live requests were refused*",
        ]
    )
    assert "canary" not in shown


def test_recording_is_let_out_where_it_was_asked_for(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_it="""
        import pytest
        from aisa_integrations import ConfigurationError, genai_client
        from aisa_integrations.transport.live import who_forbids_live_requests

        @pytest.mark.vcr
        def test_recorded(aisa_offline):
            assert who_forbids_live_requests() is None

        def test_another(aisa_offline):
            assert who_forbids_live_requests()
        """
    )
    project.runpytest_subprocess("-q", "-p", "pytest_recording.plugin", "--record-mode=once").assert_outcomes(passed=2)
    result = project.runpytest_subprocess("-q", "-p", "pytest_recording.plugin", "--record-mode=none")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["FAILED test_it.py::test_recorded*"])


def test_unlisted_it_is_not_there(pytester: pytest.Pytester) -> None:
    pytester.makeini(INI)
    pytester.makepyfile(
        """
        import sys
        import pytest

        def test_it(request):
            assert not any("aisa_integrations" in name for name in sys.modules)
            with pytest.raises(LookupError):
                request.getfixturevalue("aisa_gateway")
        """
    )
    pytester.runpytest_subprocess("-q").assert_outcomes(passed=1)


def test_listed_it_loads_no_sdk_no_server_and_no_vcr(project: pytest.Pytester) -> None:
    heavy = {"openai", "google.genai", "vcr", "uvicorn", "yaml"}
    project.makepyfile(f"import sys\n\ndef test_it():\n    assert not {heavy} & set(sys.modules)")
    project.runpytest_subprocess("-q").assert_outcomes(passed=1)


def test_without_the_extra_a_hint_names_it(project: pytest.Pytester) -> None:
    project.makeconftest("import sys\nsys.modules['uvicorn'] = None\n" + CONFTEST)
    project.makepyfile("def test_it(aisa_gateway): pass")
    result = project.runpytest_subprocess("-q")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(['*pip install "aisa-integrations*local*'])


def test_without_pytest_the_rest_is_there(pytester: pytest.Pytester) -> None:
    script = pytester.makepyfile(
        script="""
        import sys
        sys.modules["pytest"] = None
        from aisa_integrations import ConfigurationError, openai_client
        from aisa_integrations.testing import cassette_leaks, cassette_options, forbid_live_requests
        import unittest

        class Case(unittest.TestCase):
            def test_it(self):
                with forbid_live_requests(), self.assertRaisesRegex(ConfigurationError, "live request"):
                    with openai_client("sk-aisa-no-such-key") as client:
                        client.models.list()

        unittest.main()
        """
    )
    told = pytester.runpython(pathlib.Path(script))
    assert told.ret == 0
    told.stderr.fnmatch_lines(["OK"])
