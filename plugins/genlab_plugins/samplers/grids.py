"""Time grids of a walk: strictly decreasing from 1 to 0."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["uniform"]


def uniform(steps: int) -> Tensor:
    """Return ``steps + 1`` times with equal distances, float32."""
    return torch.linspace(1, 0, steps + 1, dtype=torch.float64).float()
