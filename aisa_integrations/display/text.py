"""Text that others wrote, made fit to be shown: a model's answer may hold anything, terminal commands among it."""

from __future__ import annotations

import re
from typing import Final

# What moves a terminal's cursor, turns the direction of what stands around it, or can't be written as UTF-8. Marks that
# honest text needs stay: line breaks and tabs, joiners of emoji and Persian, U+200E and U+200F in Arabic and Hebrew.
_HARMFUL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufff9-\ufffb\ud800-\udfff]")
_LINE_BREAKS: Final = re.compile("\r\n?|[\u2028\u2029]")


def harmless(text: str) -> str:
    r"""Return the text with its control characters made visible: `␛` for an escape, `\u202e` for an override."""
    return _HARMFUL.sub(_visible, _LINE_BREAKS.sub("\n", text))


def _visible(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)  # the pictures that Unicode has for them
    return "␡" if code == 0x7F else f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def in_a_line(text: str, width: int = 60) -> str:
    """Return the beginning of a text in one line of at most `width` characters, `…` for what is left out."""
    head = text[: 4 * width]  # 10 MB are not split to show 60 characters
    words = " ".join(harmless(head).split())
    return words if len(words) <= width and len(head) == len(text) else words[: width - 1] + "…"


def aligned(rows: list[tuple[str, ...]], *, right: frozenset[int] = frozenset()) -> list[str]:
    """Return a line for each row, its columns aligned; those numbered in `right` to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def plural(count: int, noun: str) -> str:
    """Return `1 call`, `2 calls`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
