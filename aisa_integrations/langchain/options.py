"""The options of a chat that a model is made with, typed: those of `chat_body.CHAT_OPTIONS`, as a test sees to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel, Field

# These are bound to a model (`bind_tools`), are langchain's own word for something else, or are set by the class.
NOT_FIELDS: Final = frozenset({"functions", "function_call", "metadata", "stream_options", "tool_choice", "tools"})


class ChatOptions(BaseModel):
    """What a model is asked with; None is not sent."""

    temperature: float | None = None
    """How freely it answers, 0 to 2."""
    max_tokens: int | None = None
    """The most tokens of an answer."""
    max_completion_tokens: int | None = None
    """The same, reasoning included, for models that want this name."""
    top_p: float | None = None
    """The share of probability that is sampled from, 0 to 1."""
    stop: list[str] | str | None = Field(default=None)
    """What ends an answer."""
    seed: int | None = None
    """The same for the same answer, as far as a model can."""
    n: int | None = Field(default=None, ge=1)
    """How many answers; `generate` gives them all, `invoke` the first."""
    frequency_penalty: float | None = None
    """-2 to 2."""
    presence_penalty: float | None = None
    """-2 to 2."""
    logit_bias: dict[str, float] | None = None
    """Token id → -100 to 100."""
    logprobs: bool | None = None
    """Whether `response_metadata["logprobs"]` is told."""
    top_logprobs: int | None = None
    """How many alternatives at each place, 0 to 20."""
    reasoning_effort: str | None = None
    """How long GPT and GLM models think, such as `low`."""
    thinking: dict[str, Any] | None = None
    """How Kimi, GLM and DeepSeek models think: `{"type": "enabled"}`."""
    enable_thinking: bool | None = None
    """Whether Qwen models think."""
    thinking_budget: int | None = None
    """For how many tokens Qwen models think."""
    verbosity: str | None = None
    """How wordy the answer is, such as `low`."""
    response_format: Any = None
    """The form of the answer: the gateway's, or a schema; see `with_structured_output`."""
    parallel_tool_calls: bool | None = None
    """Whether several tools may be called at once."""
    modalities: Sequence[str] | None = None
    """What the answer comes in, such as `["text", "audio"]`."""
    audio: dict[str, Any] | None = None
    """The voice and format of an answer in sound."""
    prediction: Any = None
    """What of the answer is known beforehand."""
    web_search_options: dict[str, Any] | None = None
    """How a model that searches the web does so."""
    moderation: Any = None
    """How the provider moderates."""
    user: str | None = None
    """Who asks, as the provider may know it."""
    safety_identifier: str | None = None
    """The same, for the provider's safety checks."""
    prompt_cache_key: str | None = None
    """What tells prompts that begin alike apart, for the provider's cache."""
    prompt_cache_options: Any = None
    """How the provider caches the prompt."""
    prompt_cache_retention: str | None = None
    """For how long the provider caches it."""
    service_tier: str | None = None
    """The provider's tier."""
    store: bool | None = None
    """Whether the provider keeps the answer."""
    extra_body: Mapping[str, Any] | None = None
    """Further fields of the body, for what is not listed here."""

    def _options(self) -> dict[str, Any]:
        """Return the options that are set."""
        values = self.__dict__
        return {name: values[name] for name in OPTION_FIELDS if values[name] is not None}


OPTION_FIELDS: Final = tuple(ChatOptions.model_fields)
