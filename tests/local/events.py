"""Reading event streams by hand: tests of a wire must not read it with the library that it is made for."""

import json
import re
from typing import Any


def events(text: str) -> list[Any]:
    """The decoded data of every event; `[DONE]` stays a string."""
    data = re.findall(r"^data: ?(.*?)\r?$", text, re.MULTILINE)
    return [item if item == "[DONE]" else json.loads(item) for item in data]


def said(text: str) -> str:
    """The text of a chat stream's first choice."""
    deltas = [e["choices"][0]["delta"] for e in events(text) if isinstance(e, dict) and e.get("choices")]
    return "".join(delta.get("content") or "" for delta in deltas)
