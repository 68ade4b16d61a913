"""What noise with blur has in common: its basis."""

from __future__ import annotations

import abc

import torch
from torch import Tensor

from genlab import DiagonalDegradation
from genlab_plugins.degradations.bases import from_cosines, to_cosines

__all__ = ["NoiseInCosines"]


class NoiseInCosines(DiagonalDegradation):
    r"""Noise, and images whose cosine coefficients fade each at its own rate (abstract).

    .. math:: x_t = A_t x_0 + \sigma_t z

    with a symmetric filter :math:`A_t`.
    """

    @abc.abstractmethod
    def _sigma(self, t: Tensor, like: Tensor) -> Tensor:
        """Return the amplitude of the noise, ``(B, 1, 1, 1)`` in the dtype of ``like``."""

    def to_basis(self, x: Tensor) -> Tensor:
        """Return the cosine coefficients of images."""
        return to_cosines(x)

    def from_basis(self, c: Tensor) -> Tensor:
        """Return the images that have these cosine coefficients."""
        return from_cosines(c)

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Blur each image to its own time and add the noise of that time."""
        if z is None:
            raise ValueError("noise with blur needs the noise z that draw() returns")
        return self.A(x_0, t, z) + self._sigma(t, x_0) * z

    def A_adjoint(self, y: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return the adjoint of :meth:`A`, which is :meth:`A`: the filter is symmetric."""
        return self.A(y, t, z)

    def noise(self, x_t: Tensor, x_0: Tensor, t: Tensor) -> Tensor:
        """Return the noise that explains ``x_t`` by ``x_0``, 0 at t = 0."""
        sigma = self._sigma(t, x_t)
        return torch.where(sigma > 0, (x_t - self.A(x_0, t, None)) / sigma.clamp_min(1e-20), 0.0)
