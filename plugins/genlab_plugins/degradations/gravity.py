r"""Gravity: the light of every column falls together."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from genlab import Advice, Degradation

__all__ = ["Gravity"]


class Gravity(Degradation):
    r"""The light of every column falls like sand, until it lies without gaps.

    A column with the densities :math:`\rho_i = (x_i + 1) / 2`, counted from the bottom, has the mass
    :math:`M_i = \rho_1 + \dots + \rho_i` below height i, and the mass M in all. What lies at height i moves
    straight to height :math:`a + M_i`, where everything lies without gaps from height a on. At time t there
    is the mass :math:`M_i` below

    .. math:: y_i = (1 - t) \, i + t \, (a + M_i) ,

    linear in between. The change of a pixel is the mass that came in through its upper edge less that
    which left through the lower one.

    This is displacement interpolation (McCann 1997), the shortest way of optimal transport, to the pile.
    It is not linear, keeps the mass of every column, and never compresses beyond density 1, so that
    pixels stay in [-1, 1]. Light that falls to the centre of mass of its column, :math:`a = m / M - M / 2`
    up to a part of a pixel with the first moment :math:`m = \sum_i \rho_i (i - \tfrac12)`, keeps that, too;
    ``summarize(x_1)`` are the means of the columns, and their first moments about the middle of the image,
    of which :math:`H^2 / 8` is the largest and counts as 1. Light that falls to the bottom, a = 0, leaves the
    means alone: the shadow that the image casts downwards, which says nothing of how high a stroke stood.

    Most heights are black in most of the images that leave the same. So is the median of these images, which
    the l1 loss learns, and their mean is not: it has the mass of every column.

    Source: ours; McCann 1997 (doi:10.1006/aima.1997.1634) for the interpolation.

    Args:
        to: Where the light of a column falls: to its centre of mass, or to the bottom of the image.
    """

    def __init__(self, *, to: Literal["centre", "bottom"] = "centre") -> None:
        self.to = to

    def advice(self) -> Advice:
        """Return what goes well with gravity: the naive sampler, and the mean, which keeps the mass."""
        return replace(super().advice(), sampler="naive", loss="l2", prior="parzen")

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
        lowest = (
            0.0
            if self.to == "bottom"
            else _lowest(mass[..., -1:], _moment(density), len(height) - 1)
        )
        y = (1 - share) * height + share * (lowest + mass)
        came_down = _mass_below(height, y, mass) - mass
        change = came_down.diff(dim=-1).mT.flip(-2)
        return x_0 + (2 * change).to(x_0.dtype)

    def summarize(self, x_1: Tensor) -> Tensor:
        """Return the means of the columns, ``(B, C * W)``, and their first moments, ``(B, 2 * C * W)``."""
        means = x_1.mean(-2).flatten(1)
        if self.to == "bottom":
            return means
        height = x_1.shape[-2]
        moments = _moment((x_1 + 1).div(2).flip(-2).mT) * (8 / height**2)
        return torch.cat([means, moments.flatten(1)], 1)

    def expand(self, c: Tensor, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        """Return the images whose columns are piles with these means and first moments."""
        channels, height, width = shape
        means = c[:, : channels * width].reshape(-1, channels, 1, width)
        pile = ((means + 1) / 2).clamp(0, 1) * height
        lowest = torch.zeros_like(pile)
        if self.to == "centre":
            moments = c[:, channels * width :].reshape(-1, channels, 1, width) * (height**2 / 8)
            lowest = _lowest(pile.mT, moments.mT, height).mT
        above = torch.arange(height - 1, -1, -1, dtype=c.dtype, device=c.device)[:, None]
        up_to, from_ = lowest + pile - above, lowest - above
        return 2 * (up_to.clamp(0, 1) - from_.clamp(0, 1)) - 1


def _moment(density: Tensor) -> Tensor:
    """Return the first moments ``(..., 1)`` of columns ``(..., H)`` about the middle of the image."""
    height = density.shape[-1]
    places = torch.arange(height, dtype=density.dtype, device=density.device) + (1 - height) / 2
    return (density * places).sum(-1, keepdim=True)


def _lowest(mass: Tensor, moment: Tensor, height: int) -> Tensor:
    """Return from which height a on piles lie that have a first moment, in pixels, within the image.

    Of a pile with the mass n + g, where n is whole, whose lower end moves up by a pixel, the moment grows at
    the rate n while the upper end is in its pixel, and from then on at the rate n + 1.

    Args:
        mass: Of each pile.
        moment: Its first moment about the middle of the image; of a pile without mass it does not count.
        height: Height of the image.
    """
    whole = mass.floor()
    part = mass - whole
    at_bottom = (mass.square() + part * (1 - part) - height * mass) / 2
    per_mass = (moment - at_bottom) / mass.clamp_min(torch.finfo(mass.dtype).tiny)
    per_mass = per_mass.clamp(-height, height)
    steps = per_mass.floor()
    rest, turn = (per_mass - steps) * mass, whole * (1 - part)
    share = torch.where(
        rest < turn, rest / whole.clamp_min(1), 1 - part + (rest - turn) / (whole + 1)
    )
    return torch.minimum((steps + share).clamp_min(0), height - mass)


def _mass_below(height: Tensor, y: Tensor, mass: Tensor) -> Tensor:
    """Return the mass below each height, where ``mass`` lies below ``y`` and is linear in between."""
    height = height.expand_as(y).contiguous()
    left = (torch.searchsorted(y, height, right=True) - 1).clamp(0, y.shape[-1] - 2)
    low, high = y.gather(-1, left), y.gather(-1, left + 1)
    gap = high - low
    share = torch.where(gap > 0, (height - low) / gap.where(gap > 0, 1.0), 1.0).clamp(0, 1)
    return torch.lerp(mass.gather(-1, left), mass.gather(-1, left + 1), share)
