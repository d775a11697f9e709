"""Several models asked the same thing at the same time; each answer, or error, is a value."""

from __future__ import annotations

from ..display.frames import COLUMNS
from .asking import acompare, compare
from .result import Comparison, Result

__all__ = ["COLUMNS", "Comparison", "Result", "acompare", "compare"]
