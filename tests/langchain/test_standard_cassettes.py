"""langchain's standard integration suite from cassettes, with no socket at all: `make record` records them anew."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests

from tests.record import live_site, taping
from tests.tape import provenance
from tests.tape.provenance import FOLDER
from tests.tape.scenes import Site
from tests.tape.tape import ORIGIN, problems, replaying

from .standard import TELLS_DETAILS, Answers, Declared, FirstModelFails, tape_name, tell_details

# Its messages hold ids that are new each time: on the local gateway alone.
UNREPEATABLE = "test_structured_few_shot_examples"
ASKS_NOTHING = "test_no_overrides_DO_NOT_OVERRIDE"


class CassetteTests(Declared, ChatModelIntegrationTests):
    folder: ClassVar[str]

    @pytest.fixture(autouse=True)
    def vcr(self, request: pytest.FixtureRequest, canary_key: str) -> Iterator[Any]:
        """The cassette of a test, which is played; with --record-cassettes it is recorded."""
        name = f"{self.folder}/{tape_name(request)}"
        test = request.node.originalname
        if test == UNREPEATABLE:
            pytest.skip("its ids are new each time; test_standard_local.py runs it")
        if test == ASKS_NOTHING:
            yield None
            return
        if not request.config.getoption("--record-cassettes"):
            request.getfixturevalue("no_sockets")
            self.site = Site(ORIGIN, canary_key)
            with replaying(FOLDER / f"{name}.yaml", repeats=test == "test_stream_time") as cassette:
                yield cassette
            return
        known = provenance.read()
        with taping(name, FOLDER, live_site(), known, tell_details if test in TELLS_DETAILS else None) as self.site:
            yield SimpleNamespace(responses=["being recorded"])
        provenance.write(known)


class TestCassettes(Answers, CassetteTests):
    folder = "langchain/chat"


class TestCassettesFirstModelFails(FirstModelFails, CassetteTests):
    folder = "langchain/first-model-fails"


@pytest.mark.parametrize("suite", [TestCassettes, TestCassettesFirstModelFails])
def test_each_cassette_has_a_test_and_a_provenance_and_holds_no_key(suite: type[CassetteTests]) -> None:
    paths = sorted((FOLDER / suite.folder).glob("*.yaml"))
    assert paths
    assert {f"{suite.folder}/{path.stem}" for path in paths} == {
        name for name in provenance.read() if name.startswith(suite.folder)
    }
    assert [path.name for path in paths if not hasattr(suite, path.stem.partition("-")[0])] == []
    assert [(path.name, found) for path in paths if (found := problems(path))] == []
