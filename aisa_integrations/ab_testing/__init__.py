"""What an A/B test of models is made of: which call goes to which model, a row for each call, and what the rows say."""

from __future__ import annotations

from .row import Row, row_of
from .split import Split
from .summary import ABSummary, Arm

__all__ = ["ABSummary", "Arm", "Row", "Split", "row_of"]
