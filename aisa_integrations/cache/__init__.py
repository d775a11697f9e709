"""Answers that were given before, kept in a file for whoever asks for it."""

from __future__ import annotations

from .config import Cache
from .key import cache_key, key_fingerprint
from .shelf import Entry, Shelf

__all__ = ["Cache", "Entry", "Shelf", "cache_key", "key_fingerprint"]
