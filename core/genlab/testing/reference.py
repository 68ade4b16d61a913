r"""Degradations that keep every clause of the contract, small enough to be checked by eye.

They are what samplers are walked on, and a starting point for an author who wants to see one whole.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genlab.components.dataset import KINDS
from genlab.components.degradation import (
    DegradationTags,
    DiagonalDegradation,
    GaussianDegradation,
    InvertibleDegradation,
    LinearDegradation,
    right_expand,
)

__all__ = ["CosineNoise", "Fade", "NoisyFade"]


class CosineNoise(GaussianDegradation):
    r"""Gaussian noise along a circle.

    .. math:: \alpha_t = \cos(\omega t), \quad \sigma_t = \sin(\omega t), \qquad
        \omega = 0.99 \, \pi / 2

    so that :math:`\alpha_1 > 0`.
    """

    def alpha(self, t: Tensor) -> Tensor:
        """Return the amplitude of the data."""
        return (_OMEGA * t).cos()

    def sigma(self, t: Tensor) -> Tensor:
        """Return the amplitude of the noise."""
        return (_OMEGA * t).sin()


class Fade(LinearDegradation, InvertibleDegradation):
    r"""Fade to the mean.

    .. math:: x_t = x_0 + t \, (m - x_0), \qquad m = \operatorname{mean}(x_0)

    The mean is taken over the pixels of each channel, or over the coordinates of a vector. It is all that
    is left at t = 1.
    """

    tags = DegradationTags(data=frozenset(KINDS))

    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> None:
        """Return None: fading is deterministic."""
        return

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Fade each example to its own time."""
        return x_0 + right_expand(t, x_0) * (_mean(x_0) - x_0)

    def A(self, x: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return the faded data; the map is linear."""
        return self.degrade(x, t, z)

    def A_adjoint(self, y: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return the adjoint of :meth:`A`, which is :meth:`A`: taking the mean is symmetric."""
        return self.degrade(y, t, z)

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


class NoisyFade(DiagonalDegradation):
    r"""Noise over vectors whose differences fade faster than their mean.

    .. math:: x_t = V^T (\alpha_t \odot V x_0) + \sigma_t z, \qquad
        \alpha_{t, k} = \cos(\omega t)^{1 + k}, \quad \sigma_t = \sin(\omega t),
        \quad \omega = 0.99 \, \pi / 2

    with the cosines :math:`V_k`, of which :math:`V_0` is the mean.
    """

    tags = DegradationTags(stochastic=True, data=frozenset({"vector"}))

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Degrade each example to its own time."""
        if z is None:
            raise ValueError("noise needs the z that draw() returns")
        sigma = self.amplitudes(t, x_0)[1]
        faded = self.A(x_0, t, z) + sigma * z
        return torch.where(right_expand(t, x_0) > 0, faded, x_0)

    def A(self, x: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return the faded data."""
        return self.from_basis(self.amplitudes(t, x)[0] * self.to_basis(x))

    def A_adjoint(self, y: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return the adjoint of :meth:`A`, which is :meth:`A` itself."""
        return self.A(y, t, z)

    def invert(self, x_t: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return x_0 from x_t and its noise."""
        if z is None:
            raise ValueError("inverting noise needs the z that draw() returns")
        alpha, sigma = self.amplitudes(t, x_t)
        return self.from_basis(self.to_basis(x_t - sigma * z) / alpha)

    def noise(self, x_t: Tensor, x_0: Tensor, t: Tensor) -> Tensor:
        """Return the noise that explains ``x_t`` by ``x_0``."""
        sigma = self.amplitudes(t, x_t)[1]
        z = (x_t - self.A(x_0, t, None)) / sigma.clamp_min(1e-20)
        return torch.where(sigma > 0, z, 0.0)

    def to_basis(self, x: Tensor) -> Tensor:
        """Return the coordinates in the basis of the cosines."""
        return x @ _cosines(x).T

    def from_basis(self, c: Tensor) -> Tensor:
        """Return the data that has these coordinates."""
        return c @ _cosines(c)

    def amplitudes(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return the amplitude of each coordinate and that of the noise."""
        angle = _OMEGA * right_expand(t, like)
        k = torch.arange(like.shape[-1], device=like.device, dtype=like.dtype)
        return angle.cos() ** (1 + k), angle.sin()

    def summarize(self, x_1: Tensor) -> Tensor:
        """Return ``(B, 0)``: hardly anything is left."""
        return x_1.new_empty(len(x_1), 0)

    def expand(self, c: Tensor, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        """Return the noise at t = 1."""
        z = torch.randn((len(c), *shape), generator=generator, device=c.device, dtype=c.dtype)
        return math.sin(_OMEGA) * z


_OMEGA = 0.99 * math.pi / 2


def _mean(x: Tensor) -> Tensor:
    dims = tuple(range(2, x.ndim)) or (1,)
    return x.mean(dims, keepdim=True)


def _cosines(like: Tensor) -> Tensor:
    """Return the orthonormal cosines of as many points as a vector has coordinates, one in each row."""
    n = like.shape[-1]
    k, i = torch.meshgrid(
        *[torch.arange(n, device=like.device, dtype=like.dtype)] * 2, indexing="ij"
    )
    size = ((1 + (k > 0).to(k.dtype)) / n).sqrt()
    return size * (math.pi * k * (i + 0.5) / n).cos()
