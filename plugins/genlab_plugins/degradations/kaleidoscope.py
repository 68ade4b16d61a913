r"""Kaleidoscope: the image is laid over its own mirror image, again and again."""

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

__all__ = ["Kaleidoscope"]


class Kaleidoscope(SymmetricDegradation):
    r"""The image is folded like a sheet of paper, and the layers shine through each other.

    .. math:: x_t = (1 - r) P_k x_0 + r P_{k + 1} x_0, \qquad tK = k + r,

    where :math:`P_k` averages over the :math:`4^k` pixels that lie on top of each other after k folds
    in either direction. It projects onto the images that do not change under reflection in any crease:
    the mirrors of a kaleidoscope. Where ``pixelate`` merges neighbours and so loses the fine, folding
    merges mirror images and keeps the fine: a restorer has to tell the layers apart. ``summarize(x_1)``
    is the folded packet.

    Source: ours.

    Args:
        side: Folding stops when the packet is at most so many pixels wide, but not before it has
            begun.
    """

    def __init__(self, *, side: PositiveInt = 8) -> None:
        self.side = side

    def advice(self) -> Advice:
        """Return what goes well with folding: a prior of true black."""
        return replace(super().advice(), prior="parzen")

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Fold each image to its own time."""
        return cross_fade(x_0, t, self.side, _fold)

    def summarize(self, x_1: Tensor) -> Tensor:
        """Return the folded packet, ``(B, C * rows * columns)``."""
        return last_means(x_1, self.side, _fold)

    def expand(self, c: Tensor, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        """Return the packet, unfolded."""
        return last_spread(c, shape, self.side, _fold)

    def layout(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the folded packet as an image."""
        return last_parts(shape, self.side, _fold)


def _fold(labels: Tensor, n: int) -> Tensor:
    return torch.minimum(labels, n - 1 - labels)
