"""Which model a call goes to: by the seed and the call's number, or by a key that always gets the same one. Pure."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from ..errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Split:
    """Shares of the traffic.

    Args:
        arms: the models, the one that the others are held against first.
        shares: of each, which add up to 1.
        seed: another seed deals other calls to each.
    """

    arms: tuple[str, ...]
    shares: tuple[float, ...]
    seed: int

    @classmethod
    def of(cls, arms: Sequence[str], weights: Sequence[float] | Mapping[str, float] | None, seed: int) -> Split:
        """Return the split by these weights, or into equal parts.

        Raises:
            ConfigurationError: fewer than two models, one twice, or weights that don't fit.
        """
        if len(set(arms)) != len(arms) or len(arms) < 2:
            raise ConfigurationError(f"an A/B test is of two models or more, each once, not of {', '.join(arms)}.")
        if isinstance(weights, Mapping):
            if set(weights) != set(arms):
                raise ConfigurationError(f"weights names {', '.join(weights)}, and the models are {', '.join(arms)}.")
            weights = [weights[arm] for arm in arms]
        given = [1.0] * len(arms) if weights is None else [float(weight) for weight in weights]
        if len(given) != len(arms):
            raise ConfigurationError(f"{len(given)} weights for {len(arms)} models: {', '.join(arms)}.")
        total = math.fsum(given)
        if not math.isfinite(total) or total <= 0 or min(given) < 0:
            raise ConfigurationError(f"weights are shares such as [9, 1], not {list(given)}.")
        return cls(tuple(arms), tuple(weight / total for weight in given), seed)

    def arm(self, call: int | str) -> str:
        """Return the model for a call.

        Args:
            call: its number; or a text that stands for who calls, which always gets the same model.
        """
        # A digest, for it is the same in every process and version, which neither hash() nor random promises.
        digest = hashlib.sha256(f"{self.seed}:{type(call).__name__}:{call}".encode("utf-8", "backslashreplace"))
        place = int.from_bytes(digest.digest()[:8], "big") / 2**64
        for arm, upper in zip(self.arms, accumulate(self.shares), strict=True):
            if place < upper:
                return arm
        # The shares add up to a hair less than 1.
        return next(arm for arm, share in zip(reversed(self.arms), reversed(self.shares), strict=True) if share)
