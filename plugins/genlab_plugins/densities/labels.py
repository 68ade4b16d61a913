"""Examples by their labels, as the densities that are fitted at once need them."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["labelled"]


def labelled(x: Tensor, y: Tensor | None, classes: int) -> tuple[Tensor, Tensor]:
    """Return the examples that belong to a class, and their labels.

    Examples with an unknown label, -1, are left out: they would belong to no class, and the classes would not
    make up the whole. Where no label is known, or there are no classes, all examples have the label 0.

    Args:
        x: Data ``(N, *shape)``.
        y: Labels ``(N,)`` or None.
        classes: Number of classes; 0 for none.
    """
    if y is None or not classes or not bool((y >= 0).any()):
        return x, torch.zeros(len(x), dtype=torch.int64, device=x.device)
    known = y >= 0
    return x[known], y[known]
