"""The learning rate over a training."""

from __future__ import annotations

import math
from typing import Literal

__all__ = ["rate_factor"]


def rate_factor(
    progress: float, warmup: float, decay: Literal["cosine", "linear", "none"]
) -> float:
    r"""Return the factor of the learning rate.

    It rises linearly over the share ``warmup`` of the budget and falls from there, with the cosine
    :math:`\tfrac12 (1 + \cos \pi q)` or linearly, to a hundredth of the peak.

    Args:
        progress: Share of the budget that is used, in [0, 1].
        warmup: Share of the budget with a rising rate.
        decay: How the rate falls.
    """
    if progress < warmup:
        return max(progress / warmup, 0.01)
    q = (progress - warmup) / (1 - warmup) if warmup < 1 else 0.0
    if decay == "none":
        return 1.0
    fallen = 0.5 * (1 + math.cos(math.pi * q)) if decay == "cosine" else 1 - q
    return 0.01 + 0.99 * fallen
