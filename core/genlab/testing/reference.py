r"""Two degradations that keep every clause of the contract, small enough to be checked by eye.

They are what samplers are walked on, and a starting point for an author who wants to see one whole.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genlab.protocols import Degradation, DegradationTags, GaussianDegradation
from genlab.protocols.degradation import right_expand

__all__ = ["CosineNoise", "Fade"]


class CosineNoise(GaussianDegradation):
    r"""Gaussian noise along a circle.

    .. math:: \alpha_t = \cos(\omega t), \quad \sigma_t = \sin(\omega t), \qquad
        \omega = 0.99 \, \pi / 2

    so that :math:`\alpha_1 > 0`.
    """

    tags = DegradationTags(
        gaussian=True,
        additive=True,
        stochastic=True,
        linear=True,
        semigroup=True,
        invertible=True,
        data=frozenset({"image", "vector"}),
    )

    def alpha(self, t: Tensor) -> Tensor:
        """Return the amplitude of the data."""
        return (_OMEGA * t).cos()

    def sigma(self, t: Tensor) -> Tensor:
        """Return the amplitude of the noise."""
        return (_OMEGA * t).sin()

    def A(self, x: Tensor, t: Tensor) -> Tensor:
        """Return ``alpha(t) x``."""
        return right_expand(self.alpha(t), x) * x

    def A_adjoint(self, y: Tensor, t: Tensor) -> Tensor:
        """Return the adjoint of :meth:`A`, which is :meth:`A` itself."""
        return self.A(y, t)

    def invert(self, x_t: Tensor, t: Tensor, z: Tensor) -> Tensor:
        """Return x_0 from x_t and its noise."""
        return (x_t - right_expand(self.sigma(t), x_t) * z) / right_expand(self.alpha(t), x_t)


class Fade(Degradation):
    r"""Fade to the mean.

    .. math:: x_t = x_0 + t \, (m - x_0), \qquad m = \operatorname{mean}(x_0)

    The mean is taken over the pixels of each channel, or over the coordinates of a vector. It is all that
    is left at t = 1.
    """

    tags = DegradationTags(
        linear=True, semigroup=True, invertible=True, data=frozenset({"image", "vector"})
    )

    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> None:
        """Return None: fading is deterministic."""
        return

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Fade each example to its own time."""
        return x_0 + right_expand(t, x_0) * (_mean(x_0) - x_0)

    def A(self, x: Tensor, t: Tensor) -> Tensor:
        """Return the faded data; the map is linear."""
        return self.degrade(x, t, None)

    def A_adjoint(self, y: Tensor, t: Tensor) -> Tensor:
        """Return the adjoint of :meth:`A`, which is :meth:`A`: taking the mean is symmetric."""
        return self.degrade(y, t, None)

    def invert(self, x_t: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return x_0 from x_t, which has the same mean."""
        mean, t = _mean(x_t), right_expand(t, x_t)
        return mean + (x_t - mean) / (1 - t)

    def summarize(self, x_1: Tensor) -> Tensor:
        """Return the means, ``(B, C)``, or ``(B, 1)`` for vectors."""
        return _mean(x_1).flatten(1)

    def expand(self, c: Tensor, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        """Return data that is constant at its mean."""
        c = c.reshape(len(c), -1, *[1] * (len(shape) - 1))
        return c.expand(len(c), *shape).clone()


_OMEGA = 0.99 * math.pi / 2


def _mean(x: Tensor) -> Tensor:
    return x.mean((-2, -1), keepdim=True) if x.ndim == 4 else x.mean(-1, keepdim=True)
