"""An error in the words of a command line: what are arguments in Python are options and variables here."""

from __future__ import annotations

from typing import Final

from ..errors import AisaError, MissingKeyError

_NO_KEY: Final = (
    "No API key: set AISA_API_KEY. Get a key at https://aisa.one. "
    "Or add --local to this very command: no key, no network, a toy model."
)
_SAID_HERE: Final = (
    ("name fallbacks=[…]", "name others with --fallback a,b"),
    ("other fallbacks=[…]", "others with --fallback a,b"),
    ("timeout=…", "--timeout"),
    ("ask without stream", "ask with --no-stream"),
    ("Set max_tokens", "Set --max-tokens"),
    ("Set a lower max_tokens", "Set a lower --max-tokens"),
    (", or Budget(assume_output_tokens=…)", ""),
    ("in base_url=…", "in AISA_BASE_URL"),
    ("in api_key=…", "in AISA_API_KEY"),
    ("base_url", "AISA_BASE_URL"),
    ("api_key is", "AISA_API_KEY is"),
    ("api_key holds", "AISA_API_KEY holds"),
)


def in_words(error: AisaError) -> str:
    """Return what an error says, with the names that a command line has for things."""
    if isinstance(error, MissingKeyError):
        return _NO_KEY
    return in_words_here(str(error))


def in_words_here(said: str) -> str:
    """Return what the library says in the same way."""
    for in_python, here in _SAID_HERE:
        said = said.replace(in_python, here)
    return said
