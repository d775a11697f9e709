"""langchain's standard integration suite over real sockets, where chunks have their own time: on the local gateway."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests

from aisa_integrations.local import LocalGateway
from tests.tape.scenes import CHAT, Site

from .standard import TELLS_DETAILS, Answers, Declared, tell_details


class LocalTests(Declared, ChatModelIntegrationTests):
    @pytest.fixture(autouse=True)
    def _gateway(self, request: pytest.FixtureRequest, gateway: LocalGateway) -> None:
        gateway.script.fail("gpt-4o", "server_error")
        if request.node.originalname in TELLS_DETAILS:
            tell_details(gateway)
        self.site = Site(gateway.url, gateway.api_key)

    @pytest.fixture
    def vcr(self) -> SimpleNamespace:
        """No cassette: the suite asks whether there is something to measure, and here there is a gateway."""
        return SimpleNamespace(responses=["over a socket"])


class TestLocal(Answers, LocalTests):
    pass


class TestLocalFirstModelFails(LocalTests):
    # Unlike the one in the cassettes, it is there, and breaks.
    model_arguments: ClassVar[dict[str, Any]] = {"model": "gpt-4o", "fallbacks": [CHAT]}

    @pytest.fixture(autouse=True)
    def _asked_first(self, _gateway: None, gateway: LocalGateway) -> Iterator[None]:
        yield
        first = [request.model for request in gateway.requests][:1]
        assert first in ([], ["gpt-4o"], [self.model_override_value])
