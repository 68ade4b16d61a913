r"""Pixelate: pixels merge into blocks of two by two, and those again."""

from __future__ import annotations

from dataclasses import replace

import torch
from pydantic import PositiveInt
from torch import Tensor

from genlab import Advice
from genlab_plugins.degradations.partitions import (
    cross_fade,
    last_means,
    last_parts,
    last_spread,
)
from genlab_plugins.degradations.symmetric import SymmetricDegradation

__all__ = ["Pixelate"]


class Pixelate(SymmetricDegradation):
    r"""Pixels merge into blocks of two by two, and those again, without steps in between.

    .. math:: x_t = (1 - r) P_k x_0 + r P_{k + 1} x_0, \qquad tK = k + r,

    where :math:`P_k` averages over blocks of :math:`2^k \times 2^k` pixels (smaller ones at the right
    and lower edge where the side is odd). At t = k/K this is the paper's super-resolution; in between
    the coarser image fades in. At t = 1 the blocks are left; ``summarize(x_1)`` are their means.

    Source: Bansal et al. 2022 (arXiv:2208.09392); there T = 3.

    Args:
        side: Halving stops when there are at most so many blocks along a side, but not before it has
            begun.
    """

    def __init__(self, *, side: PositiveInt = 8) -> None:
        self.side = side

    def advice(self) -> Advice:
        """Return what goes well with merging pixels: the naive sampler, and a prior of true black."""
        return replace(super().advice(), sampler="naive", prior="parzen")

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Pixelate each image to its own time."""
        return cross_fade(x_0, t, self.side, _pairs)

    def summarize(self, x_1: Tensor) -> Tensor:
        """Return the means of the blocks, ``(B, C * rows * columns)``."""
        return last_means(x_1, self.side, _pairs)

    def expand(self, c: Tensor, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        """Return blocks of these means."""
        return last_spread(c, shape, self.side, _pairs)

    def layout(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the image that the blocks are."""
        return last_parts(shape, self.side, _pairs)


def _pairs(labels: Tensor, n: int) -> Tensor:
    return labels // 2
