"""Two interleaved half circles."""

from __future__ import annotations

import math
from typing import final

import torch
from pydantic import PositiveFloat
from torch import Tensor

from genlab import DataSpec
from genlab_plugins.datasets.checks import Points, Seed
from genlab_plugins.datasets.curves import BlurredCurves, KnownPoints

__all__ = ["Moons"]


@final
class Moons(KnownPoints):
    r"""Two interleaved half circles, blurred by Gaussian noise.

    .. math:: r = \begin{cases} (\cos a, \sin a) & k = 0 \\
        (1 - \cos a, \tfrac12 - \sin a) & k = 1 \end{cases} \; + \; \sigma z, \qquad
        a \sim \mathcal{U}[0, \pi]

    Source: scikit-learn's ``make_moons``, with a continuous angle; Pedregosa et al. 2011
    (arXiv:1201.0490).

    Args:
        noise: Standard deviation sigma of the noise; the half circles have radius 1.
        train: Points in the training split.
        test: Points in the test split.
        seed: Seed of both splits.
    """

    def __init__(
        self,
        *,
        noise: PositiveFloat = 0.06,
        train: Points = 50_000,
        test: Points = 10_000,
        seed: Seed = 0,
    ) -> None:
        self.noise = noise
        self.curves = BlurredCurves((_outer, _inner), 0.0, math.pi, speed=1.0, noise=noise)
        mean = torch.tensor([0.5, 0.25], dtype=torch.float64)
        variance = torch.tensor([0.75, 0.5625 - 1 / math.pi], dtype=torch.float64) + noise**2
        super().__init__(
            DataSpec((2,), "vector", 2, ("outer", "inner")),
            mean,
            variance.sqrt(),
            torch.full((2,), 0.5, dtype=torch.float64),
            train=train,
            test=test,
            seed=seed,
        )

    def _draw(self, part: Tensor, generator: torch.Generator) -> Tensor:
        return self.curves.draw(part, generator)

    def _log_densities(self, r: Tensor) -> Tensor:
        return self.curves.log_densities(r)

    def _entropy(self) -> float:
        return self.curves.entropy()


def _outer(a: Tensor) -> Tensor:
    return torch.stack([a.cos(), a.sin()], -1)


def _inner(a: Tensor) -> Tensor:
    return torch.stack([1 - a.cos(), 0.5 - a.sin()], -1)
