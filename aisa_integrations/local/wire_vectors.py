"""`/v1/embeddings`, `/v1/rerank` and `/v1/images/generations`: answered without any backend, the same every time."""

from __future__ import annotations

import base64
import hashlib
import math
import re
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .backends.scripted import count
from .surface import Json, WrongRequest

_DIMENSIONS = 64
_WORDS = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Direct:
    """A surface without a conversation: body in, reply and prompt tokens out."""

    name: str
    answer: Callable[[Json], tuple[Json, int]]


def vector(text: str, dimensions: int = _DIMENSIONS) -> list[float]:
    """A unit vector made of the text's words, so that texts which share words are close."""
    total = [0.0] * dimensions
    for word in _WORDS.findall(text.lower()) or [text]:
        seed = hashlib.shake_256(word.encode("utf-8", "backslashreplace")).digest(2 * dimensions)
        for place, (value,) in enumerate(struct.iter_unpack("<h", seed)):
            total[place] += value
    length = math.sqrt(sum(value * value for value in total)) or 1.0
    return [round(value / length, 7) for value in total]


def _embeddings(body: Json) -> tuple[Json, int]:
    given = body.get("input")
    if not given:
        raise WrongRequest("missing_parameter", "Missing required parameter: 'input'")
    texts = _texts(given)
    dimensions = int(body.get("dimensions") or _DIMENSIONS)
    # The openai SDK asks for base64 by itself, and decodes it.
    packed = body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": _pack(values) if packed else values}
        for index, values in enumerate(vector(text, dimensions) for text in texts)
    ]
    return {"object": "list", "model": body.get("model"), "data": data}, sum(map(count, texts))


def _texts(given: Any) -> list[str]:
    if isinstance(given, str):
        return [given]
    if all(isinstance(item, int) for item in given):
        return [" ".join(map(str, given))]
    return [item if isinstance(item, str) else " ".join(map(str, item)) for item in given]


def _pack(values: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


def _rerank(body: Json) -> tuple[Json, int]:
    if not body.get("query") or not body.get("documents"):
        raise WrongRequest("missing_parameter", "Missing required parameter: 'query' and 'documents'")
    query = vector(str(body["query"]))
    texts = [doc if isinstance(doc, str) else str(doc.get("text", "")) for doc in body["documents"]]
    scores = [sum(a * b for a, b in zip(query, vector(text), strict=True)) for text in texts]
    order = sorted(range(len(texts)), key=lambda index: (-scores[index], index))[: body.get("top_n") or None]
    results = [
        {"index": index, "relevance_score": round(scores[index], 6), "document": {"text": texts[index]}}
        for index in order
    ]
    return {"model": body.get("model"), "results": results}, sum(map(count, texts)) + count(str(body["query"]))


def _images(body: Json) -> tuple[Json, int]:
    prompt = body.get("prompt")
    if not prompt:
        raise WrongRequest("missing_parameter", "Missing required parameter: 'prompt'")
    colour = hashlib.sha256(str(prompt).encode("utf-8", "backslashreplace")).digest()[:3]
    image = base64.b64encode(_png(colour)).decode()
    return {"created": 1735689600, "data": [{"b64_json": image}] * int(body.get("n") or 1)}, count(str(prompt))


def _png(colour: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixel = zlib.compress(b"\0" + colour)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")


EMBEDDINGS = Direct("embeddings", _embeddings)
RERANK = Direct("rerank", _rerank)
IMAGES = Direct("images", _images)
