"""The one question that all clients are asked."""

from __future__ import annotations

from typing import Any

KEY = "sk-aisa-bench"
CHUNKS = 200
STREAMED = f"chunks-{CHUNKS}"
MESSAGES: list[Any] = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "In one sentence: why is the sky blue?"},
]


def body(model: str = "gpt-4o", **options: Any) -> dict[str, Any]:
    """Return a chat body."""
    return {"model": model, "messages": MESSAGES, "temperature": 0.5, "max_tokens": 200, **options}
