"""How close samples come to the training images."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor

from genlab import DataSpec, Examples, Metric, MetricTags

__all__ = ["NearestNeighbour", "nearest"]

_BATCH = 8192  # training images that are held against the samples at once
_CLOSE = 0.01


@final
class NearestNeighbour(Metric):
    r"""How close samples come to the training images: whether a model has learned them by heart.

    With :math:`d(x)` the Euclidean distance in pixels from x to the nearest training image:

    * ``distance``: :math:`\mathbb{E} \, d(x)` over the samples,
    * ``ratio``: the same divided by its value for real images that are not in the training split; about 1
      for a good model, 0 for copies,
    * ``close``: share of samples that come closer than the closest 1 % of those real images; about 0.01
      for a good model, 1 for copies.

    It looks at the first 1,000 samples, and at all training images.

    Source: "A note on the evaluation of generative models" 2016 (arXiv:1511.01844), whose section on
    nearest neighbours says what such a test can show and what it cannot.
    """

    tags = MetricTags(data=frozenset({"image"}), features="pixels", at_most=1000, floor="test")

    def fit(self, train: Examples, spec: DataSpec, *, seed: int) -> Examples:
        """Return the training images."""
        return train

    def score(self, fitted: Examples, x: Tensor, real: Tensor) -> dict[str, float]:
        """Return distance, ratio and the share that is close."""
        d_x, d_real = nearest(x, fitted)[0].double(), nearest(real, fitted)[0].double()
        return {
            "distance": float(d_x.mean()),
            "ratio": float(d_x.mean() / d_real.mean()),
            "close": float((d_x < d_real.quantile(_CLOSE)).double().mean()),
        }


def nearest(x: Tensor, train: Examples) -> tuple[Tensor, Tensor]:
    """Return the distance of each image to its nearest training image, and the index of that.

    Args:
        x: Images ``(N, C, H, W)``.
        train: The training images.

    Returns:
        Distances ``(N,)`` and int64 indices ``(N,)``.
    """
    device = train.device
    found: Any = x.flatten(1).to(device)
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
