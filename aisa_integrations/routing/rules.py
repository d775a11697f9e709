"""`aisa/auto`: what a request needs, read from its body alone, and the ordered rules that pick a route from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..estimate import asks_for_tools, estimate_output_tokens, measure_prompt

# In estimated tokens, which are about twice the real ones: 350 English words, or 400 Chinese characters.
SHORT_PROMPT: Final = 1_000
SHORT_ANSWER: Final = 2_000
# Well under the smallest windows on offer (128,000).
LONG_PROMPT: Final = 100_000
_LITTLE_EFFORT: Final = ("none", "minimal", "low")


@dataclass(frozen=True, slots=True)
class Needs:
    """What a request asks of a model.

    Args:
        prompt_tokens: the size of the prompt, from above.
        output_tokens: the most that the answer may have, or None where the request sets no limit.
        images: how many pictures it holds.
        files: how much sound, film and documents it holds.
        tools: whether it brings tools.
        effort: what asks for more than a simple answer, in words, or None.
    """

    prompt_tokens: int
    output_tokens: int | None
    images: int
    files: int
    tools: bool
    effort: str | None

    @property
    def window(self) -> int:
        """Return the tokens that prompt and answer may take together."""
        return self.prompt_tokens + (self.output_tokens or 0)


def read_needs(request: Mapping[str, Any]) -> Needs:
    """Read what a request needs from its JSON body, of the chat or the Gemini surface."""
    size, output = measure_prompt(request), estimate_output_tokens(request)
    return Needs(size.tokens, output, size.images, size.files, asks_for_tools(request), _effort(request, output))


def _effort(request: Mapping[str, Any], output: int | None) -> str | None:
    config = _mapping(request, "generationConfig")
    thinking = _mapping(config, "thinkingConfig")
    efforts = (
        request.get("reasoning_effort"),
        _mapping(request, "reasoning").get("effort"),
        str(thinking.get("thinkingLevel") or "none").lower(),
    )
    if (
        any(effort and effort not in _LITTLE_EFFORT for effort in efforts)
        or _mapping(request, "thinking").get("type") == "enabled"
        or request.get("enable_thinking") is True
        or (isinstance(budget := thinking.get("thinkingBudget"), int) and budget > 0)
    ):
        return "it asks for reasoning"
    if _mapping(request, "response_format").get("type") == "json_schema" or config.keys() & _SCHEMAS:
        return "it asks for an answer that fits a schema"
    if output is not None and output > SHORT_ANSWER:
        return f"it makes room for an answer of {output:,} tokens"
    return None


_SCHEMAS: Final = {"responseSchema", "responseJsonSchema"}


def _mapping(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = holder.get(name)
    return value if isinstance(value, Mapping) else {}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of `aisa/auto`.

    Args:
        name: what it is called in a decision.
        route: the route it picks, built-in or the user's own of that name.
        saw: returns what it saw in a request, or None where it does not hold.
    """

    name: str
    route: str
    saw: Callable[[Needs], str | None]


def _images(needs: Needs) -> str | None:
    what = [f"{count} {noun}{'s' * (count > 1)}" for count, noun in ((needs.images, "picture"), (needs.files, "file"))]
    counts = [text for text in what if not text.startswith("0")]
    return f"The request holds {' and '.join(counts)}" if counts else None


def _tools(needs: Needs) -> str | None:
    return "The request brings tools" if needs.tools else None


def _long(needs: Needs) -> str | None:
    if needs.prompt_tokens <= LONG_PROMPT:
        return None
    return f"The prompt may have {needs.prompt_tokens:,} tokens, over {LONG_PROMPT:,}"


def _short_and_simple(needs: Needs) -> str | None:
    if needs.prompt_tokens > SHORT_PROMPT or needs.effort is not None:
        return None
    return f"The prompt has at most {needs.prompt_tokens:,} tokens, and nothing asks for more than a simple answer"


def _otherwise(needs: Needs) -> str:
    if needs.effort is not None:
        return f"The request is not simple: {needs.effort}"
    return f"The prompt may have {needs.prompt_tokens:,} tokens, over {SHORT_PROMPT:,}"


# The first that holds decides. What a model can't do comes before what it costs.
AUTO: Final[tuple[Rule, ...]] = (
    Rule("images", "vision", _images),
    Rule("tools", "tools", _tools),
    Rule("long input", "long", _long),
    Rule("short and simple", "cheap", _short_and_simple),
    Rule("strong", "strong", _otherwise),
)


def choose(needs: Needs) -> tuple[Rule, str]:
    """Return the rule that holds for a request, and what it saw."""
    return next((rule, saw) for rule in AUTO if (saw := rule.saw(needs)) is not None)
