r"""The coarse image: a smooth image that a small grid of block means determines.

Smooth images are those of the lowest ``g x g`` cosines. Such an image and the means over a grid of
``g x g`` equal blocks determine each other, so that the means are the few numbers it has.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from genlab_plugins.degradations.bases import cosines

__all__ = ["block_means", "coarse_grid", "low_pass", "smooth_image"]

Grid = tuple[int, int]


def coarse_grid(side: int, shape: tuple[int, ...]) -> Grid:
    """Return the grid for images of ``shape``: ``side x side``, at most half of the pixels each way."""
    height, width = shape[-2:]
    return min(side, (height + 1) // 2), min(side, (width + 1) // 2)


def low_pass(x: Tensor, grid: Grid) -> Tensor:
    """Return the smooth image nearest to each image: an orthogonal projection.

    Args:
        x: Images ``(B, C, H, W)``.
        grid: Numbers of cosines, ``(rows, columns)``.
    """
    rows, columns = (cosines(n, x)[:g] for n, g in zip(x.shape[-2:], grid, strict=True))
    return rows.mT @ (rows @ x @ columns.mT) @ columns


def block_means(x: Tensor, grid: Grid) -> Tensor:
    """Return the mean of each block, ``(B, C * rows * columns)``; pixels on a border are shared."""
    rows, columns = (
        _matrix("means", n, g, x.dtype, x.device) for n, g in zip(x.shape[-2:], grid, strict=True)
    )
    return (rows @ x @ columns.mT).flatten(1)


def smooth_image(means: Tensor, grid: Grid, shape: tuple[int, ...]) -> Tensor:
    """Return the smooth image with these block means, ``(B, *shape)``."""
    rows, columns = (
        _matrix("smooth", n, g, means.dtype, means.device)
        for n, g in zip(shape[-2:], grid, strict=True)
    )
    return rows @ means.reshape(-1, shape[0], *grid) @ columns.mT


@lru_cache(maxsize=128)
@torch.inference_mode(False)
def _matrix(kind: str, n: int, g: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    means = _block_means(n, g)
    if kind == "means":
        return means.to(device, dtype)
    slow = cosines(n, means)[:g].mT
    inverse: Tensor = torch.linalg.inv(means @ slow)
    return (slow @ inverse).to(device, dtype)


def _block_means(n: int, g: int) -> Tensor:
    """Return the matrix ``(g, n)`` that averages over g blocks of n / g pixels."""
    edges = torch.arange(g + 1, dtype=torch.float64)[:, None] * n / g
    pixel = torch.arange(n, dtype=torch.float64)
    overlap = torch.minimum(edges[1:], pixel + 1) - torch.maximum(edges[:-1], pixel)
    return overlap.clamp(min=0) * g / n
