"""What Tab gives in the first line of a cell: ids and routes, and the options."""

from __future__ import annotations

import re
from typing import Any, Final

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher

from ..cli.values import complete_id
from .arguments import AISA, COMPARE

_LINE: Final = re.compile(r"\s*%%(?P<magic>aisa|compare)\s(?P<rest>.*)", re.DOTALL)
_PARSERS: Final = {"aisa": AISA, "compare": COMPARE}


@context_matcher()  # type: ignore[untyped-decorator]
def match(context: CompletionContext) -> SimpleMatcherResult:
    """Return what the word before the cursor may become, if it stands in the first line of one of our cells."""
    found = _LINE.fullmatch(context.text_until_cursor) if context.cursor_line == 0 else None
    words = _candidates(found["magic"], found["rest"]) if found is not None else []
    # Python's names and files are no part of such a line.
    return SimpleMatcherResult(
        completions=[SimpleCompletion(text=word, type="aisa") for word in words], suppress=bool(words)
    )


def _candidates(magic: str, rest: str) -> list[str]:
    before, _, word = rest.rpartition(" ")
    options: dict[str, Any] = {
        option: action for action in _PARSERS[magic]._actions for option in action.option_strings
    }
    if word.startswith("-") and "=" not in word:
        return [option for option in options if option.startswith("--") and option.startswith(word)]
    option, equals, value = word.partition("=")
    previous = option if equals else (before.split() or [""])[-1]
    taking = options.get(previous)
    if taking is not None and taking.nargs != 0 and previous != "--fallback":
        return []  # a number, a text, a name
    # IPython completes what stands after the last comma or "=".
    *named, begun = (value if equals else word).split(",")
    return [name for name in complete_id(begun) if name not in {*named, *before.split()}]
