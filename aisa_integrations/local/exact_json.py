"""JSON with exact decimal numbers.

The bill must survive to its last digit, and `json` can only write a `Decimal` by way of `float`. So a decimal travels
through the encoder as a string that nobody else can produce, and loses its quotes afterwards.
"""

from __future__ import annotations

import json
import re
import secrets
from decimal import Decimal

_NONCE = secrets.token_hex(8)
_MARKED = re.compile(rf'"{_NONCE}:(-?[0-9.]+)"')


def number(value: Decimal) -> str:
    """A stand-in for `value` that `dumps` writes as the exact number."""
    return f"{_NONCE}:{value:f}"


def dumps(value: object) -> bytes:
    """`value` as compact UTF-8 JSON, with every `number()` in it written digit for digit."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if _NONCE in text:
        text = _MARKED.sub(r"\1", text)
    # A lone surrogate is legal in JSON as an escape and impossible in UTF-8.
    return text.encode("utf-8", "backslashreplace")
