"""Twenty-five Gaussians on a grid."""

from __future__ import annotations

from typing import final

import torch
from pydantic import PositiveFloat

from genlab_plugins.datasets.checks import Points, Seed
from genlab_plugins.datasets.mixture import Covariance, GaussianModes, Weight

__all__ = ["TwentyFiveGaussians"]


@final
class TwentyFiveGaussians(GaussianModes):
    r"""Twenty-five Gaussians on a 5 x 5 grid, labelled by mode.

    .. math:: p(r) = \sum_{k=0}^{24} w_k \, \mathcal{N}(r; \mu_k, \Sigma_k), \qquad
        \mu_{5i + j} = h \, (i - 2, j - 2)

    Source: Dumoulin et al. 2016 (arXiv:1606.00704).

    Args:
        step: Distance h between neighbours on the grid.
        sigma: Standard deviation of every mode, in the units of the step.
        weights: Twenty-five weights, which are normalised; None: all equal.
        covariances: Twenty-five spreads, in the units of the step, each a standard deviation, a pair
            of them, or a 2 x 2 covariance matrix; None: ``sigma``.
        train: Points in the training split.
        test: Points in the test split.
        seed: Seed of both splits.

    Raises:
        RequestError: The weights or the covariances do not fit twenty-five modes.
    """

    def __init__(
        self,
        *,
        step: PositiveFloat = 2.0,
        sigma: PositiveFloat = 0.05,
        weights: tuple[Weight, ...] | None = None,
        covariances: tuple[Covariance, ...] | None = None,
        train: Points = 50_000,
        test: Points = 10_000,
        seed: Seed = 0,
    ) -> None:
        line = step * torch.arange(-2.0, 3.0, dtype=torch.float64)
        super().__init__(
            torch.cartesian_prod(line, line),
            sigma=sigma,
            weights=weights,
            covariances=covariances,
            train=train,
            test=test,
            seed=seed,
        )
