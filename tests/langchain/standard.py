"""What langchain's standard suites are told of `ChatAisa`: what it is made with, and everything that it can do.

Each suite runs on a model that answers, and on one whose first model always fails.
"""

import base64
import os
from collections.abc import Iterator
from typing import Any, ClassVar
from unittest.mock import patch

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage

from aisa_integrations import ChatAisa
from aisa_integrations.local import LocalGateway
from tests.tape.scenes import CHAT, NOBODY, Site

from .media import WAV, fetched

# langchain-tests 1.1.9 fetches its pictures and sounds, and asks who does so.
_FETCHING = "langchain_tests.integration_tests.chat_models.httpx.get"
# These look for tokens that were thought, heard or read from a cache, of which a model of the gateway may tell nothing.
TELLS_DETAILS = ("test_usage_metadata", "test_usage_metadata_streaming")


def tell_details(gateway: LocalGateway) -> None:
    """Let every model reason, and say in its usage what the tokens were."""
    gateway.script.set_style("*", details=True, reasoning="reasoning_content")


class Answers:
    """A model that answers."""

    model_arguments: ClassVar[dict[str, Any]] = {"model": CHAT}


class FirstModelFails:
    """A model that always fails, and one that answers in its place."""

    model_arguments: ClassVar[dict[str, Any]] = {"model": NOBODY, "fallbacks": [CHAT]}


class Declared:
    """What `ChatAisa` can do: all that the suites know of but video, which the chat surface has no form for."""

    site: Site
    model_arguments: ClassVar[dict[str, Any]]

    @pytest.fixture(autouse=True)
    def _fetches_nothing(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "aisa-integrations tests")
        with patch(_FETCHING, fetched):
            yield

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatAisa

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {**self.model_arguments, "base_url": self.site.base_url, "api_key": self.site.api_key}

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_image_inputs(self) -> bool:
        return True

    @property
    def supports_image_urls(self) -> bool:
        return True

    @property
    def supports_pdf_inputs(self) -> bool:
        return True

    @property
    def supports_audio_inputs(self) -> bool:
        return True

    @property
    def supports_image_tool_message(self) -> bool:
        return True

    @property
    def supports_pdf_tool_message(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def enable_vcr_tests(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return "gpt-4o-mini"

    @property
    def supported_usage_metadata_details(self) -> dict[Any, Any]:
        told = ["audio_input", "reasoning_output", "cache_read_input"]
        return {"invoke": told, "stream": told}

    def invoke_with_audio_input(self, *, stream: bool = False) -> AIMessage:
        heard = {"type": "audio", "mime_type": "audio/wav", "base64": base64.b64encode(WAV).decode()}
        return self._ask([HumanMessage([{"type": "text", "text": "What is this?"}, heard])], stream)

    def invoke_with_reasoning_output(self, *, stream: bool = False) -> AIMessage:
        return self._ask("Think about it.", stream)

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> AIMessage:
        return self._ask("Something that was said before.", stream)

    def _ask(self, said: Any, stream: bool) -> AIMessage:
        model = self.chat_model_class(**self.chat_model_params)
        if not stream:
            return model.invoke(said)
        whole: AIMessageChunk | None = None
        for chunk in model.stream(said):
            whole = chunk if whole is None else whole + chunk
        assert whole is not None
        return whole


def tape_name(request: pytest.FixtureRequest) -> str:
    """A file's name for a test, with its parameters."""
    kept = (sign if sign.isalnum() or sign in "_-." else "-" for sign in request.node.name)
    return "".join(kept).rstrip("-").replace(os.sep, "-")
