"""When two ids are one model: what spellings and dates have in common, and how alike two names look."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import takewhile
from typing import Final

_MM, _DD = r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
# The forms that dates take in real ids: 2025-12-01, 20251001, 260328 (year first), 0731 (no year), 2512 (year, month).
# 1024 reads as a date too, but in an id it is a size.
_DATE: Final = re.compile(
    rf"-(?!1024(?:-|\Z))(?:(?P<ymd>20\d\d-{_MM}-{_DD}|20\d\d{_MM}{_DD})|(?P<short>[23]\d{_MM}{_DD})"
    rf"|(?P<md>{_MM}{_DD})|(?P<ym>2\d{_MM}))(?=-|\Z)",
    re.ASCII,
)
# What completes each form to year, month, day; without a year it sorts as the oldest.
_CENTURY: Final = {"ymd": "", "short": "20", "md": "0000", "ym": "20"}
# A point in a version (4.5) may be written as a dash, one in a size (1.5b) may not: 1-5b is "version 1, 5b".
_VERSION_POINT: Final = re.compile(r"(?<=\d)\.(?=\d)(?!\d+[bmkt](?:-|\Z))", re.ASCII)
_CLOSE: Final = 0.65  # difflib's ratio from which names look alike; below it gibberish begins to match
_LONGEST: Final = 100  # characters that are compared: difflib is quadratic, and ids come from users
# Words that tell nothing of what somebody meant: many families have them.
_COMMON: Final = frozenset({"preview", "thinking", "latest", "chat", "text", "instruct", "model", "non", "reasoning"})


def key_and_date(name: str) -> tuple[str, str]:
    """Reduce a name without vendor prefix to what all spellings of its model share, and its date as `YYYYMMDD`.

    No difference is made by case, `_` or `@` for `-`, `.` or `-` within a version, a date or `-latest`; by any other
    word there is one: `-preview`, `-thinking`, `-fast`, `-mini` and sizes are other models.
    The date is `""` for an undated or `-latest` name: both mean whatever is current.
    """
    key = re.sub(r"[-_@]+", "-", name.strip().lower()).strip("-")
    date = ""
    # Anywhere but in front: in `claude-opus-4-20250514-thinking` it stands before the variant.
    if found := _DATE.search(key):
        key = key[: found.start()] + key[found.end() :]
        date = (_CENTURY[str(found.lastgroup)] + found[0].replace("-", "")).ljust(8, "0")
    return _VERSION_POINT.sub("-", key.removesuffix("-latest")), date


def alike(key: str, others: Iterable[str]) -> list[tuple[bool, float]]:
    """Rate for each other key whether it looks like `key`, and how much (0 to 1, 0 for nothing in common).

    Not alike but above 0 are those that share a word with it, such as the members of a family.
    """
    import difflib  # only an error message needs it

    key = key.rpartition("/")[2][:_LONGEST]
    words = _words(key)
    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(key)  # difflib keeps its index of the second sequence
    rated = []
    for other in others:
        matcher.set_seq1(other)
        ratio = matcher.ratio()
        # A slip is seldom in the first letters, and `gpt-4oo` means `gpt-4o-mini` rather than `gpt-5.4`.
        led = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(key, other, strict=False))) / max(
            len(key), 1
        )
        close = ratio >= _CLOSE
        rated.append((close, ratio + (1 - ratio) * led / 2 if close or words & _words(other) else 0.0))
    return rated


def _words(key: str) -> set[str]:
    # The number that some write onto the family's name is not part of the word: qwen3, glm5.
    found = {word.rstrip("0123456789.") for word in re.split(r"[-/:]", key)}
    return {word for word in found if len(word) > 2 and word.isalpha()} - _COMMON
