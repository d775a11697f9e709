"""How large a request is before it is sent: tokens of the prompt, from above, and of the answer where it says. Pure.

For reserving money and for choosing a model, so the estimate errs upwards. Four public tokenizers (cl100k, o200k,
Claude's published one, DeepSeek's) were measured on prose, code, data and fifteen languages. Bytes / 3 is below them by
a fifth on JSON and Korean, by half on Greek, Thai and emoji. The weights here were above all four, at 1.04 to 3 times
the count: twice on English and code, two to four times on Chinese. Beyond them stay random letters, and scripts that
tokenizers know only as bytes.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

# Weights of a byte in twentieths of a token. Tokenizers merge lower-case letters and spaces into words, split at
# capitals, and some give each digit and each sign a token of its own. A character beyond ASCII has 2 to 4 bytes, and
# costs up to 3 tokens where it is not a frequent one.
_WORD: Final = 8
_SIGN: Final = 20
_FOREIGN: Final = 15
_WORD_BYTES: Final = (string.ascii_lowercase + " ").encode()
_FOREIGN_BYTES: Final = bytes(range(128, 256))

# What chat templates and providers put around any prompt: gpt-oss begins with about 65 tokens of its own.
REQUEST_TOKENS: Final = 80
# Claude gets a system prompt of 313 to 530 tokens as soon as a request has tools.
TOOLS_TOKENS: Final = 600
# A picture at full size: Claude 4.7 up to about 4,800 tokens, older ones 1,600, GPT-4o 1,500, Gemini 258 to 2,240.
IMAGE_TOKENS: Final = 5_000
# A file of unknown kind or length (a reference, say) counts as a picture at least. Sound and film become 10 to 300
# tokens a second, and a second is hardly ever less than 80 characters of base64 for each token.
_CHARACTERS_PER_TOKEN: Final = {"audio": 80, "video": 80}
_DOCUMENT_CHARACTERS_PER_TOKEN: Final = 3

_PICTURES: Final = frozenset({"image_url", "input_image", "image"})
_FILES: Final = frozenset({"input_audio", "audio", "video_url", "video", "file", "input_file", "document"})
# Where the parts of the known surfaces hold what is no text: base64, a URL, the id of an upload.
_PAYLOADS: Final = (
    *("image_url", "input_audio", "video_url", "file", "source", "image", "audio"),
    *("file_data", "file_url", "file_id"),
)
_GEMINI_PAYLOADS: Final = ("inlineData", "inline_data", "fileData", "file_data")
# What names a part of the prompt that is kept elsewhere: an earlier response, a conversation, a cached prompt.
_KEPT_ELSEWHERE: Final = ("previous_response_id", "conversation", "cachedContent", "cached_content")


@dataclass(frozen=True, slots=True)
class PromptSize:
    """How large a prompt is, and what is in it beside text.

    Args:
        tokens: an estimate from above, pictures and files included.
        images: how many pictures.
        files: how much sound, film and documents.
    """

    tokens: int
    images: int = 0
    files: int = 0


def estimate_text_tokens(text: str) -> int:
    """Estimate the tokens of a text from above.

    A lower-case letter or a space counts 2/5 of a token, any other ASCII character 1, a byte of any other 3/4.
    """
    data = text.encode("utf-8", "surrogatepass")
    marked = data.translate(None, _WORD_BYTES)  # whole passes in C: a megabyte takes a few milliseconds
    signs = len(marked.translate(None, _FOREIGN_BYTES))
    weight = _WORD * (len(data) - len(marked)) + _SIGN * signs + _FOREIGN * (len(marked) - signs)
    return -(-weight // 20)


def measure_prompt(request: Mapping[str, Any]) -> PromptSize:
    """Measure the JSON body of a request, of any surface.

    Every key and string counts as text: the keys of a message stand for the tokens that templates put around it, those
    of a schema are sent as they are. Pictures count a constant, files by their length.
    """
    tokens = REQUEST_TOKENS + (TOOLS_TOKENS if asks_for_tools(request) else 0)
    images = files = 0
    waiting: list[Any] = [value for key, value in request.items() if key not in ("model", "models")]
    while waiting:  # not recursion: a caller's nesting must not end in a RecursionError
        node = waiting.pop()
        if isinstance(node, str):
            tokens += estimate_text_tokens(node)
        elif isinstance(node, Mapping):
            medium = _medium(node)
            if medium is not None:
                tokens += medium.tokens
                images += medium.picture
                files += not medium.picture
            for key, value in node.items():
                tokens += estimate_text_tokens(str(key))
                if medium is None or key not in medium.payloads:
                    waiting.append(value)
        elif isinstance(node, list | tuple):
            waiting.extend(node)
        elif node is not None:
            tokens += 2  # a number or a flag
    return PromptSize(tokens, images, files)


def estimate_prompt_tokens(request: Mapping[str, Any]) -> int:
    """Estimate the tokens of a request's prompt from above; see `measure_prompt`."""
    return measure_prompt(request).tokens


def estimate_output_tokens(request: Mapping[str, Any]) -> int | None:
    """Tell how many tokens the answers to a request may have together, or None where it sets no limit."""
    config = _mapping(request.get("generationConfig") or request.get("generation_config"))
    limits = [request.get(name) for name in ("max_tokens", "max_completion_tokens", "max_output_tokens")]
    limits += [config.get("maxOutputTokens"), config.get("max_output_tokens")]
    most = _largest(limits)
    if not most:
        return None
    # Qwen thinks beside max_tokens, not within.
    most += _largest([request.get("thinking_budget")])
    return most * count_answers(request)


def count_answers(request: Mapping[str, Any]) -> int:
    """Tell how many answers a request asks for."""
    config = _mapping(request.get("generationConfig") or request.get("generation_config"))
    return _largest([request.get("n"), config.get("candidateCount"), config.get("candidate_count")]) or 1


def refers_elsewhere(request: Mapping[str, Any]) -> bool:
    """Say whether a part of the prompt is not in the request, and its size not known."""
    return any(request.get(name) for name in _KEPT_ELSEWHERE)


def asks_for_tools(request: Mapping[str, Any]) -> bool:
    """Say whether a request brings tools or functions."""
    return bool(request.get("tools") or request.get("functions"))


@dataclass(frozen=True, slots=True)
class _Medium:
    """What a part holds that is no text."""

    tokens: int
    picture: bool
    payloads: tuple[str, ...]


def _medium(part: Mapping[str, Any]) -> _Medium | None:
    kind = part.get("type")
    if not isinstance(kind, str):
        return _gemini_medium(part)
    if kind in _PICTURES and any(name in part for name in _PAYLOADS):
        return _Medium(IMAGE_TOKENS, True, _PAYLOADS)
    source = _mapping(part.get("source"))
    if kind not in _FILES or source.get("type") in ("text", "content") or not any(name in part for name in _PAYLOADS):
        return None
    family = "audio" if "audio" in kind else "video" if "video" in kind else ""
    return _file({name: part[name] for name in _PAYLOADS if name in part}, family, _PAYLOADS)


def _gemini_medium(part: Mapping[str, Any]) -> _Medium | None:
    name = next((name for name in _GEMINI_PAYLOADS if isinstance(part.get(name), Mapping)), None)
    if name is None:
        return None
    family = str(part[name].get("mimeType") or part[name].get("mime_type") or "").partition("/")[0]
    if family == "image":
        return _Medium(IMAGE_TOKENS, True, _GEMINI_PAYLOADS)
    return _file(part[name], family, _GEMINI_PAYLOADS)


def _file(payload: Any, family: str, payloads: tuple[str, ...]) -> _Medium:
    length = _longest(payload)
    per_token = _CHARACTERS_PER_TOKEN.get(family, _DOCUMENT_CHARACTERS_PER_TOKEN)
    return _Medium(max(IMAGE_TOKENS, length // per_token), False, payloads)


def _longest(payload: Any) -> int:
    """Return the length of the longest string within: the base64, where there is any."""
    longest, waiting = 0, [payload]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            longest = max(longest, len(node))
        elif isinstance(node, Mapping):
            waiting.extend(node.values())
    return longest


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _largest(values: list[Any]) -> int:
    """Return the largest that is a number of something, or 0."""
    return max((int(value) for value in values if _counts(value)), default=0)


def _counts(value: Any) -> bool:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return whole and not isinstance(value, bool) and value > 0
