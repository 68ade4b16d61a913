"""A Gaussian mixture, fitted by expectation-maximisation."""

from __future__ import annotations

import math
import warnings
from typing import Literal

import numpy as np
import torch
from pydantic import PositiveFloat, PositiveInt
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from torch import Tensor

from genlab import DataSpec, DensityTags, FittedDensity
from genlab_plugins.densities.components import GaussianComponents

__all__ = ["GMM"]


class GMM(FittedDensity):
    r"""A mixture of normal distributions; with classes, one mixture for each.

    .. math:: p(x) = \sum_k w_k \, \mathcal{N}(x; \mu_k, \Sigma_k)

    Fitted by scikit-learn's expectation-maximisation on standardised data. The number of components
    is doubled as long as the log-likelihood of held-out data grows.

    Args:
        spec: The data.
        components: Number of components per class, or None to choose it.
        most: Largest number of components that is tried.
        covariance: Shape of the covariances.
        ridge: Variance added to each standardised feature.
        examples: At most this many examples are looked at.
    """

    tags = DensityTags(fitted=True, conditional=True, data=frozenset({"vector", "image"}))

    def __init__(
        self,
        spec: DataSpec,
        *,
        components: PositiveInt | None = None,
        most: PositiveInt = 128,
        covariance: Literal["full", "diag"] = "full",
        ridge: PositiveFloat = 1e-3,
        examples: PositiveInt = 20_000,
    ) -> None:
        super().__init__()
        self.shape, self.classes = spec.shape, spec.classes
        self.count, self.most, self.covariance = components, most, covariance
        self.ridge, self.examples = ridge, examples
        self.components = GaussianComponents(math.prod(spec.shape))

    def fit(self, x: Tensor, y: Tensor | None = None, *, generator: torch.Generator) -> None:
        """Run expectation-maximisation, per class where there are classes and labels."""
        order = torch.randperm(len(x), generator=generator)[: self.examples]
        u = self.components.standardise(x.flatten(1)[order])
        labels = torch.zeros(len(u), dtype=torch.int64)
        if y is not None and self.classes:
            labels = y[order]
        seed = int(torch.randint(2**31, (1,), generator=generator))
        owners, parts = [], []
        for k in labels.unique().tolist():
            part = u[labels == k].double().numpy()
            mixture = self._mixture(part, seed)
            owners += [k] * mixture.n_components
            parts.append((mixture, len(part) / len(u)))
        self.components.assign(
            torch.cat([torch.from_numpy(m.weights_ * share) for m, share in parts]),
            torch.cat([torch.from_numpy(m.means_) for m, _ in parts]),
            torch.cat([_factors(m) for m, _ in parts]),
            torch.tensor(owners),
        )

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return log densities ``(B,)`` in nats."""
        return self.components.log_prob(x.flatten(1), y)

    def sample(self, n: int, y: Tensor | None = None, *, generator: torch.Generator) -> Tensor:
        """Draw ``(n, *shape)``."""
        return self.components.sample(n, y, generator=generator).reshape(n, *self.shape)

    def _mixture(self, u: np.ndarray, seed: int) -> GaussianMixture:
        if self.count is not None:
            return self._fitted(u, min(self.count, len(u)), seed)
        split = max(len(u) * 4 // 5, 1)
        best, best_score, k = 1, -math.inf, 1
        while k <= min(self.most, split):
            score = self._fitted(u[:split], k, seed).score(u[split:] if split < len(u) else u)
            if score <= best_score:
                break
            best, best_score, k = k, score, 2 * k
        return self._fitted(u, best, seed)

    def _fitted(self, u: np.ndarray, k: int, seed: int) -> GaussianMixture:
        mixture = GaussianMixture(
            k, covariance_type=self.covariance, reg_covar=self.ridge, max_iter=50, tol=1e-2,
            random_state=seed,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a good fit needs no convergence
            return mixture.fit(u)


def _factors(mixture: GaussianMixture) -> Tensor:
    covariances = torch.from_numpy(mixture.covariances_)
    diagonal = mixture.covariance_type == "diag"
    return torch.diag_embed(covariances.sqrt()) if diagonal else _cholesky(covariances)


def _cholesky(covariances: Tensor) -> Tensor:
    factors: Tensor = torch.linalg.cholesky(covariances)
    return factors
