"""The training examples nearest to samples."""

from __future__ import annotations

import torch
from torch import Tensor

from genlab.components.dataset import Examples

__all__ = ["nearest"]

_BATCH = 8192  # training examples that are held against the samples at once


def nearest(x: Tensor, train: Examples) -> tuple[Tensor, Tensor]:
    """Return the distance of each image to its nearest training image, and the index of that.

    Args:
        x: Images ``(N, C, H, W)``.
        train: The training images.

    Returns:
        Distances ``(N,)`` and int64 indices ``(N,)``.
    """
    device = train.device
    found: Tensor = x.flatten(1).to(device)
    best = torch.full((len(x),), torch.inf, device=device)
    where = torch.zeros(len(x), dtype=torch.int64, device=device)
    for chosen in torch.arange(len(train), device=device).split(_BATCH):
        y = train.take(chosen)[0].flatten(1)
        # |x - y|^2 - |x|^2, which has its minimum at the same place
        square = torch.addmm(y.square().sum(1), found, y.T, alpha=-2)
        least, index = square.min(1)
        better = least < best
        best, where = torch.where(better, least, best), torch.where(better, chosen[index], where)
    # Differences of large squares are inexact for near copies: measured again.
    distance = (found - train.take(where)[0].flatten(1)).norm(dim=1)
    return distance.cpu(), where.cpu()
