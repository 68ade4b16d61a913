"""Eight Gaussians on a circle."""

from __future__ import annotations

import math
from typing import final

import torch
from pydantic import PositiveFloat

from genlab_plugins.datasets.checks import Points, Seed
from genlab_plugins.datasets.mixture import Covariance, GaussianModes, Weight

__all__ = ["EightGaussians"]


@final
class EightGaussians(GaussianModes):
    r"""Eight Gaussians on a circle, labelled by mode.

    .. math:: p(r) = \sum_{k=0}^7 w_k \, \mathcal{N}(r; \mu_k, \Sigma_k), \qquad
        \mu_k = R (\cos \tfrac{\pi k}{4}, \sin \tfrac{\pi k}{4})

    Source: Grathwohl et al. 2018 (arXiv:1810.01367), whose division by 1.414 the standardisation
    undoes.

    Args:
        radius: Radius R of the circle.
        sigma: Standard deviation of every mode, in the units of the radius.
        weights: Eight weights, which are normalised; None: all equal.
        covariances: Eight spreads, in the units of the radius, each a standard deviation, a pair of
            them, or a 2 x 2 covariance matrix; None: ``sigma``.
        train: Points in the training split.
        test: Points in the test split.
        seed: Seed of both splits.

    Raises:
        RequestError: The weights or the covariances do not fit eight modes.
    """

    def __init__(
        self,
        *,
        radius: PositiveFloat = 4.0,
        sigma: PositiveFloat = 0.5,
        weights: tuple[Weight, ...] | None = None,
        covariances: tuple[Covariance, ...] | None = None,
        train: Points = 50_000,
        test: Points = 10_000,
        seed: Seed = 0,
    ) -> None:
        angle = math.pi / 4 * torch.arange(8, dtype=torch.float64)
        super().__init__(
            radius * torch.stack([angle.cos(), angle.sin()], -1),
            sigma=sigma,
            weights=weights,
            covariances=covariances,
            train=train,
            test=test,
            seed=seed,
        )
