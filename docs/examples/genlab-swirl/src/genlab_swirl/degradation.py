r"""Swirl: a whirlpool that grinds an image to rings.

A swirl alone turns every pixel about the centre, by an angle that depends on its distance. It can
be turned back, so it destroys nothing, and its last state holds as much as the image. But what lies
on a ring stays on that ring. So the rings are what may be left at the end, and the whirlpool grinds
each of them to its mean, the inner ones first.
"""

from __future__ import annotations

import math

import torch
from genlab import Degradation, DegradationTags
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor
from torch.nn import functional

__all__ = ["Swirl", "places_of"]


class Swirl(Degradation):
    r"""An image turns about its centre, faster near it, and is ground to rings from the inside out.

    .. math:: x_t = (1 - w) \, S_t x_0 + w \, R x_0, \qquad
        (S_t x)(p) = x\left(Q_{\theta} \, p\right), \quad
        \theta = 2 \pi n t \, (1 - \rho)^2, \quad
        w = \min(\max(2 t - \rho / \rho_{\max}, 0), 1)^2

    for a pixel at p from the centre, where :math:`Q_\theta` turns by an angle, :math:`\rho = |p|/a`
    is the distance in units of half the shorter side a (where it exceeds 1 nothing turns, so that
    nothing turns in from outside the image), and :math:`R` replaces every pixel by the mean of its
    ring. Rings have about the same area. At t = 1 their means are left; ``summarize(x_1)`` are
    these few numbers.

    Args:
        turns: Full turns n of the very centre at t = 1.
        rings: Rings that are told apart.
    """

    tags = DegradationTags(data=frozenset({"image"}))

    def __init__(self, *, turns: PositiveFloat = 1.0, rings: PositiveInt = 8) -> None:
        self.turns = turns
        self.rings = rings

    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> None:
        """Return None: a whirlpool leaves nothing to chance."""
        return

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Swirl each image to its own time."""
        t = t.to(x_0.dtype).reshape(-1, 1, 1)
        places = places_of(x_0.shape[1:]).to(x_0)
        far = places.norm(dim=-1)
        w = (2 * t - far / far.max()).clamp(0, 1).square()[:, None]
        rings = self._spread(self._means(x_0), x_0.shape[1:])
        x_t = torch.lerp(self._swirl(x_0, t, places), rings, w)
        return torch.where(t[:, None] == 0, x_0, x_t)  # resampling in place rounds; this does not

    def summarize(self, x_1: Tensor) -> Tensor:
        """Return the means of the rings, ``(B, C * rings)``."""
        return self._means(x_1).flatten(1)

    def expand(self, c: Tensor, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        """Return rings of these means."""
        return self._spread(c.reshape(len(c), shape[0], -1), shape)

    def _swirl(self, x: Tensor, t: Tensor, places: Tensor) -> Tensor:
        """Return S_t x for times ``(B, 1, 1)`` and places ``(H, W, 2)``."""
        height, width = x.shape[2:]
        rho = 2 * places.norm(dim=-1) / min(height, width)
        theta = 2 * math.pi * self.turns * t * (1 - rho).clamp_min(0).square()
        across, down = places.unbind(-1)
        turned = [
            theta.cos() * across - theta.sin() * down,
            theta.sin() * across + theta.cos() * down,
        ]
        grid = torch.stack(turned, -1) * 2 / x.new_tensor([width, height])
        return functional.grid_sample(x, grid, padding_mode="border", align_corners=False)

    def _owners(self, shape: tuple[int, ...]) -> Tensor:
        """Say in which ring each pixel lies, ``(H * W,)``: distances, ranked and cut in parts."""
        squares = places_of(shape).square().sum(-1).flatten()
        ranks = squares.unique(return_inverse=True)[1]
        count = int(ranks.max()) + 1
        return ranks * min(self.rings, count) // count

    def _means(self, x: Tensor) -> Tensor:
        member = functional.one_hot(self._owners(x.shape[1:])).to(x)
        return x.flatten(2) @ (member / member.sum(0))

    def _spread(self, means: Tensor, shape: tuple[int, ...]) -> Tensor:
        return means[:, :, self._owners(shape)].reshape(len(means), *shape)


def places_of(shape: tuple[int, ...]) -> Tensor:
    """Return where pixels lie from the centre, across and down, ``(H, W, 2)``."""
    height, width = shape[1:]
    down, across = (torch.arange(n).double() - (n - 1) / 2 for n in (height, width))
    return torch.stack(torch.meshgrid(across, down, indexing="xy"), -1)
