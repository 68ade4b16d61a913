"""Two concentric circles."""

from __future__ import annotations

import math
from typing import Annotated, final

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor

from genlab import DataSpec
from genlab_plugins.datasets.checks import Points, Seed
from genlab_plugins.datasets.curves import KnownPoints, gauss_legendre

__all__ = ["Circles"]


@final
class Circles(KnownPoints):
    r"""Two concentric circles, blurred by Gaussian noise.

    .. math:: r = R_k (\cos a, \sin a) + \sigma z, \quad a \sim \mathcal{U}[0, 2 \pi], \qquad
        p(r | k) = \frac{1}{2 \pi \sigma^2} \exp\left(-\frac{|r|^2 + R_k^2}{2 \sigma^2}\right)
        I_0\left(\frac{|r| R_k}{\sigma^2}\right)

    with :math:`R_0 = 1` and :math:`R_1` the factor. Grathwohl et al. 2018 (arXiv:1810.01367) draw them
    with ``factor=0.5, noise=0.08``.

    Source: scikit-learn's ``make_circles``, with a continuous angle; Pedregosa et al. 2011
    (arXiv:1201.0490).

    Args:
        factor: Radius of the inner circle; the outer one has radius 1.
        noise: Standard deviation sigma of the noise.
        train: Points in the training split.
        test: Points in the test split.
        seed: Seed of both splits.
    """

    def __init__(
        self,
        *,
        factor: Annotated[float, Field(gt=0, lt=1)] = 0.4,
        noise: PositiveFloat = 0.06,
        train: Points = 50_000,
        test: Points = 10_000,
        seed: Seed = 0,
    ) -> None:
        self.noise = noise
        self.radii = torch.tensor([1.0, factor], dtype=torch.float64)
        variance = self.radii.square().mean() / 2 + noise**2
        super().__init__(
            DataSpec((2,), "vector", 2, ("outer", "inner")),
            torch.zeros(2, dtype=torch.float64),
            variance.sqrt().repeat(2),
            torch.full((2,), 0.5, dtype=torch.float64),
            train=train,
            test=test,
            seed=seed,
        )

    def _draw(self, part: Tensor, generator: torch.Generator) -> Tensor:
        a = 2 * math.pi * torch.rand(len(part), dtype=torch.float64, generator=generator)
        z = torch.randn(len(part), 2, dtype=torch.float64, generator=generator)
        on_circle = self.radii[part, None] * torch.stack([a.cos(), a.sin()], -1)
        return on_circle + self.noise * z

    def _log_densities(self, r: Tensor) -> Tensor:
        return self._radial(torch.linalg.vector_norm(r, dim=1))

    def _radial(self, rho: Tensor) -> Tensor:
        variance = self.noise**2
        away = (rho[:, None] - self.radii).square() / (2 * variance)
        scaled = torch.special.i0e(rho[:, None] * self.radii / variance)
        log_p: Tensor = scaled.log() - away - math.log(2 * math.pi * variance)
        return log_p

    def _entropy(self) -> float:
        reach = 1 + 10 * self.noise
        rho, w = gauss_legendre(0.0, reach, max(16, math.ceil(reach / self.noise)))
        log_p = (self._radial(rho) + self.shares.log()).logsumexp(1)
        return -float((w * 2 * math.pi * rho * log_p.exp() * log_p).sum())
