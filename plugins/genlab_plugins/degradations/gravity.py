r"""Gravity: the light of every column falls to its bottom."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from genlab import Advice, Degradation

__all__ = ["Gravity"]


class Gravity(Degradation):
    r"""The light of every column falls like sand, until it lies in a pile at the bottom.

    A column with the densities :math:`\rho_i = (x_i + 1) / 2`, counted from the bottom, has the mass
    :math:`M_i = \rho_1 + \dots + \rho_i` below height i. What lies at height i moves straight to
    height :math:`M_i`, where everything lies without gaps. At time t there is the mass :math:`M_i`
    below

    .. math:: y_i = (1 - t) \, i + t \, M_i ,

    linear in between. The change of a pixel is the mass that came in through its upper edge less that
    which left through the lower one.

    This is displacement interpolation (McCann 1997), the shortest way of optimal transport, to the pile.
    It is not linear, keeps the mass of every column, and never compresses beyond density 1, so that
    pixels stay in [-1, 1]. At t = 1 the height of each pile is left: the shadow that the image casts
    downwards. ``summarize(x_1)`` are the means of the columns.

    How high a stroke stood is lost altogether, and most heights are black in most of the images that cast
    one shadow. So is the median of these images, which the l1 loss learns, and their mean is not: it has
    the mass of every column.

    Source: ours; McCann 1997 (doi:10.1006/aima.1997.1634) for the interpolation.
    """

    def advice(self) -> Advice:
        """Return what goes well with gravity: the naive sampler, and the mean, which keeps the mass."""
        return replace(super().advice(), sampler="naive", loss="l2")

    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> None:
        """Return None: sand falls deterministically."""
        return

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Let each image fall to its own time; pixels outside [-1, 1] count as its ends."""
        wide = torch.float64 if x_0.device.type == "cpu" else torch.float32
        density = (x_0.to(wide) + 1).div(2).clamp(0, 1).flip(-2).mT.contiguous()
        mass = torch.nn.functional.pad(density.cumsum(-1), (1, 0))  # below height 0, 1, ... H
        height = torch.arange(mass.shape[-1], dtype=wide, device=mass.device)
        share = t.to(wide).reshape(-1, 1, 1, 1)
        y = (1 - share) * height + share * mass
        came_down = _mass_below(height, y, mass) - mass
        change = came_down.diff(dim=-1).mT.flip(-2)
        return x_0 + (2 * change).to(x_0.dtype)

    def summarize(self, x_1: Tensor) -> Tensor:
        """Return the means of the columns, ``(B, C * W)``."""
        return x_1.mean(-2).flatten(1)

    def expand(self, c: Tensor, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        """Return the images whose columns are piles with these means."""
        channels, height, width = shape
        pile = (c.reshape(-1, channels, 1, width) + 1) / 2 * height
        above = torch.arange(height - 1, -1, -1, dtype=c.dtype, device=c.device)[:, None]
        return 2 * (pile - above).clamp(0, 1) - 1


def _mass_below(height: Tensor, y: Tensor, mass: Tensor) -> Tensor:
    """Return the mass below each height, where ``mass`` lies below ``y`` and is linear in between."""
    height = height.expand_as(y).contiguous()
    left = (torch.searchsorted(y, height, right=True) - 1).clamp(0, y.shape[-1] - 2)
    low, high = y.gather(-1, left), y.gather(-1, left + 1)
    gap = high - low
    share = torch.where(gap > 0, (height - low) / gap.where(gap > 0, 1.0), 1.0).clamp(0, 1)
    return torch.lerp(mass.gather(-1, left), mass.gather(-1, left + 1), share)
