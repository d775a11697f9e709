"""A data set asked of several models: at the limits of the key, resumable, scored, and counted."""

from __future__ import annotations

from .evaluating import aevaluate, evaluate
from .record import Answer
from .result import Evaluation
from .summary import ModelSummary, Pair, Summary

__all__ = ["Answer", "Evaluation", "ModelSummary", "Pair", "Summary", "aevaluate", "evaluate"]
