"""A spiral in the plane."""

from __future__ import annotations

import math
from typing import final

import torch
from pydantic import PositiveFloat
from torch import Tensor

from genlab import DataSpec
from genlab_plugins.datasets.checks import Points, Seed
from genlab_plugins.datasets.curves import BlurredCurves, KnownPoints

__all__ = ["SwissRoll"]


@final
class SwissRoll(KnownPoints):
    r"""A spiral of one and a half turns, blurred by Gaussian noise, without labels.

    .. math:: r = (t \cos t, t \sin t) + \sigma z, \qquad t \sim \mathcal{U}[1.5 \pi, 4.5 \pi]

    Source: the first and third coordinate of scikit-learn's ``make_swiss_roll``, as used by
    Sohl-Dickstein et al. 2015 (arXiv:1503.03585) and, with ``noise=1``, by Grathwohl et al. 2018
    (arXiv:1810.01367).

    Args:
        noise: Standard deviation sigma of the noise, in the units of t; the radius ends at 14.1.
        train: Points in the training split.
        test: Points in the test split.
        seed: Seed of both splits.
    """

    def __init__(
        self,
        *,
        noise: PositiveFloat = 0.5,
        train: Points = 50_000,
        test: Points = 10_000,
        seed: Seed = 0,
    ) -> None:
        self.noise = noise
        low, high = 1.5 * math.pi, 4.5 * math.pi
        self.curves = BlurredCurves((_spiral,), low, high, speed=math.hypot(1.0, high), noise=noise)
        super().__init__(
            DataSpec((2,), "vector"),
            *self.curves.moments(),
            torch.ones(1, dtype=torch.float64),
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


def _spiral(t: Tensor) -> Tensor:
    return torch.stack([t * t.cos(), t * t.sin()], -1)
