"""A normal distribution, or one per class."""

from __future__ import annotations

import math
from typing import get_args

import torch
from pydantic import PositiveFloat
from torch import Tensor

from genlab import DataSpec, DensityTags, FittedDensity, Kind
from genlab_plugins.densities.components import GaussianComponents
from genlab_plugins.densities.labels import labelled

__all__ = ["Normal"]


class Normal(FittedDensity):
    r"""A normal distribution with full covariance; with classes, one for each.

    .. math:: p(x) = \sum_y p(y) \, \mathcal{N}(x; \mu_y, \Sigma_y)

    Fitted by moments.

    Args:
        spec: The data.
        ridge: Variance added to the standardised features, so that the covariance is never singular.
    """

    tags = DensityTags(conditional=True, data=frozenset(get_args(Kind)))

    def __init__(self, spec: DataSpec, *, ridge: PositiveFloat = 1e-4) -> None:
        super().__init__()
        self.shape, self.classes, self.ridge = spec.shape, spec.classes, ridge
        self.components = GaussianComponents(math.prod(spec.shape))

    def fit(self, x: Tensor, y: Tensor | None = None, *, generator: torch.Generator) -> None:
        """Set means and covariances by moments."""
        x, labels = labelled(x, y, self.classes)
        u = self.components.standardise(x.flatten(1)).double()
        owners = labels.unique()
        groups = [u[labels == k] for k in owners]
        means = torch.stack([g.mean(0) for g in groups])
        ridge = self.ridge * torch.eye(u.shape[1], dtype=u.dtype)
        covariances = [
            (g - m).mT @ (g - m) / len(g) + ridge for g, m in zip(groups, means, strict=True)
        ]
        weights = torch.tensor([len(g) / len(u) for g in groups])
        factors = torch.linalg.cholesky(torch.stack(covariances))
        self.components.assign(weights, means, factors, owners)

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return log densities ``(B,)`` in nats."""
        return self.components.log_prob(x.flatten(1), y)

    def joint_log_prob(self, x: Tensor) -> Tensor:
        """Return ``log p(x, y = k)`` for every class, ``(B, K)``."""
        return self.components.joint_log_prob(x.flatten(1), max(self.classes, 1))

    def sample(self, n: int, y: Tensor | None = None, *, generator: torch.Generator) -> Tensor:
        """Draw ``(n, *shape)``."""
        return self.components.sample(n, y, generator=generator).reshape(n, *self.shape)
