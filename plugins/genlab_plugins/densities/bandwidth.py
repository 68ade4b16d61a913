"""The width of kernels that held-out data chooses."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["chosen_bandwidth"]

_BANDWIDTHS = torch.logspace(-2, 0.2, 34)  # candidates, in deviations of a feature
_SEARCHED = 2000  # examples that choose among them


def chosen_bandwidth(x: Tensor, examples: int, *, generator: torch.Generator) -> float:
    """Return the bandwidth under which held-out examples are likeliest, in deviations of a feature.

    Args:
        x: Data ``(N, *shape)``.
        examples: Number of examples that will be kept.
        generator: Source of randomness, on the CPU.
    """
    rows = x.flatten(1)[torch.randperm(len(x), generator=generator)[:_SEARCHED]].double()
    if len(rows) < 5:
        return 1.0
    deviation = rows.std(0, correction=0)
    varies = deviation > 1e-6 * deviation.mean()
    if not varies.any():
        return 1.0
    u = rows[:, varies] / deviation[varies]
    split = len(u) * 4 // 5
    square = torch.cdist(u[split:], u[:split]).square()
    h, features = _BANDWIDTHS.to(u), u.shape[1]
    scores = [(-0.5 * square / b**2).logsumexp(1).mean() - features * b.log() for b in h]
    best = float(h[torch.stack(scores).argmax()])
    return best * math.pow(split / min(len(x), examples), 1 / (features + 4))
