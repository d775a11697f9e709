"""What is known of each model: ids and their spellings, prices, windows, abilities and quirks.

The knowledge is data (`models.json`, a dated snapshot); this package only reads it and looks things up. Importing it
does no I/O. A fact that the data lacks is `None`, unknown, and never read as "no".
"""

from __future__ import annotations

from decimal import Decimal

from .index import Catalogue, catalogue
from .model import Model

__all__ = ["Catalogue", "Model", "catalogue", "estimate_cost"]


def estimate_cost(
    model_id: str, *, prompt_tokens: int, completion_tokens: int, cached_tokens: int = 0
) -> Decimal | None:
    """Estimate a call's price in USD with the shipped catalogue; see `Catalogue.estimate_cost`."""
    return catalogue().estimate_cost(
        model_id, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens, cached_tokens=cached_tokens
    )
