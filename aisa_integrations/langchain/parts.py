"""The blocks of a message's content as parts on the wire: text, pictures, files, sound; an error for the rest. Pure."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Iterable
from typing import Any, Final

from ..errors import ConfigurationError

Json = dict[str, Any]

_TEXTS: Final = frozenset({"text", "text-plain", "output_text", "input_text"})
# What a model thought is not told to it again, and tool calls have a field of their own.
_LEFT_OUT: Final = frozenset(
    {"reasoning", "thinking", "redacted_thinking", "tool_call", "invalid_tool_call", "tool_call_chunk", "tool_use"}
)
_SOUND_FORMATS: Final = {"mpeg": "mp3", "x-wav": "wav", "wave": "wav", "vnd.wave": "wav"}


def is_text(block: Any) -> bool:
    """Say whether a block is text."""
    return isinstance(block, str) or block.get("type") in _TEXTS


def text_of(block: Any) -> str:
    """Return what a block of text says."""
    return block if isinstance(block, str) else str(block.get("text") or "")


def content_parts(content: Iterable[Any]) -> list[Json]:
    """Return the blocks of a message as parts on the wire.

    Raises:
        ConfigurationError: a block that the chat surface has no form for, such as video.
    """
    return [part for block in content if (part := _part(block)) is not None]


def _part(block: Any) -> Json | None:
    if isinstance(block, str):
        return {"type": "text", "text": block}
    kind = block.get("type")
    if kind in _LEFT_OUT:
        return None
    if kind in _TEXTS:
        part = {"type": "text", "text": text_of(block)}
    elif kind == "non_standard":
        value = block.get("value")
        return value if isinstance(value, dict) else {"type": "text", "text": str(value)}
    elif kind in _WRITERS:
        part = _WRITERS[kind](block)
    else:
        raise ConfigurationError(
            f"A block of type {kind!r} has no form on the chat surface, which takes text, images, files and audio."
        )
    # A mark of where a prompt may be cached, which some providers take on any part.
    return {**part, "cache_control": block["cache_control"]} if "cache_control" in block else part


def _image(block: Json) -> Json:
    source = block.get("source")  # Anthropic's form
    if isinstance(source, dict):
        block = {"url": source.get("url"), "base64": source.get("data"), "mime_type": source.get("media_type")}
    if url := block.get("url"):
        return {"type": "image_url", "image_url": {"url": url}}
    return {"type": "image_url", "image_url": {"url": _data_url(block, "image")}}


def _image_url(block: Json) -> Json:
    given = block.get("image_url")
    return {"type": "image_url", "image_url": {"url": given} if isinstance(given, str) else given}


def _file(block: Json) -> Json:
    if isinstance(block.get("file"), dict):  # as it is on the wire
        return {"type": "file", "file": block["file"]}
    source = block.get("source")  # Anthropic's form of a document
    if isinstance(source, dict):
        block = {**block, "url": source.get("url"), "base64": source.get("data"), "mime_type": source.get("media_type")}
    if identity := block.get("file_id"):
        return {"type": "file", "file": {"file_id": identity}}
    if block.get("url"):
        raise ConfigurationError("The chat surface takes no URL of a file: fetch it, and give its content as base64.")
    return {"type": "file", "file": {"filename": _filename(block), "file_data": _data_url(block, "file")}}


def _filename(block: Json) -> str:
    told = (block, block.get("extras") or {}, block.get("metadata") or {})
    named = (place.get("filename") or place.get("name") or place.get("title") for place in told)
    return next(filter(None, named), "document" + (mimetypes.guess_extension(block.get("mime_type") or "") or ""))


def _audio(block: Json) -> Json:
    if not (data := _data(block)):
        raise ConfigurationError("The chat surface takes audio as base64 alone, no URL and no id.")
    subtype = str(block.get("mime_type") or "audio/wav").partition("/")[2]
    return {"type": "input_audio", "input_audio": {"data": data, "format": _SOUND_FORMATS.get(subtype, subtype)}}


def _as_it_is(block: Json) -> Json:
    return block


_WRITERS: Final[dict[Any, Callable[[Json], Json]]] = {
    "image": _image,
    "image_url": _image_url,
    "file": _file,
    "document": _file,
    "audio": _audio,
    "input_audio": _as_it_is,
}


def _data(block: Json) -> str | None:
    data = block.get("base64") or block.get("data")
    return data.decode("ascii") if isinstance(data, bytes) else data


def _data_url(block: Json, what: str) -> str:
    data, mime_type = _data(block), block.get("mime_type")
    if not data or not mime_type:
        wanted = "a url, or base64 with its mime_type" if what == "image" else "base64 with its mime_type"
        raise ConfigurationError(f"The block of a {what} needs {wanted}; it has {', '.join(sorted(block))}.")
    return f"data:{mime_type};base64,{data}"
