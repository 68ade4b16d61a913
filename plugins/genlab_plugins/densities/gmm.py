"""A Gaussian mixture, fitted by expectation-maximisation."""

from __future__ import annotations

import math
from typing import Literal, TypedDict, get_args

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor

from genlab import DataSpec, DensityTags, FittedDensity, Kind
from genlab_plugins.densities.components import GaussianComponents
from genlab_plugins.densities.expectation import Mixture, first_mixture, improved
from genlab_plugins.densities.labels import labelled

__all__ = ["GMM"]

_SEARCHED = 6000  # examples on which the components are counted, shared out among the classes
_ENOUGH = 1500  # examples that a class gets at least
_PER_COMPONENT = (
    120  # examples, at least _SEARCHED in all, that all rounds but the last few look at
)
_ROUNDS, _LAST_ROUNDS = 20, 3
_TOL = 1e-2  # nats


class _Shape(TypedDict):
    ridge: float
    diagonal: bool


class GMM(FittedDensity):
    r"""A mixture of normal distributions; with classes, one mixture for each.

    .. math:: p(x) = \sum_k w_k \, \mathcal{N}(x; \mu_k, \Sigma_k)

    Fitted by expectation-maximisation on standardised data, from the clusters of k-means on: most rounds look
    at a part of the data, the last ones at all. Where the number of components is left open, it is doubled on
    a part of the data as long as the likelihood of held-out data grows; all of the data then gets as many
    examples per component.

    Args:
        spec: The data.
        components: Number of components per class, or None to choose it.
        most: Largest number of components that is chosen.
        covariance: Shape of the covariances.
        ridge: Variance added to the standardised features, at most a hundredth of what a direction varies by.
        examples: At most this many examples are looked at.
    """

    tags = DensityTags(conditional=True, data=frozenset(get_args(Kind)))

    def __init__(
        self,
        spec: DataSpec,
        *,
        components: PositiveInt | None = None,
        most: PositiveInt = 128,
        covariance: Literal["full", "diag"] = "full",
        ridge: PositiveFloat = 1e-3,
        examples: PositiveInt = 60_000,
    ) -> None:
        super().__init__()
        self.shape, self.classes = spec.shape, spec.classes
        self.count, self.most, self.covariance = components, most, covariance
        self.ridge, self.examples = ridge, examples
        self.components = GaussianComponents(math.prod(spec.shape))

    def fit(self, x: Tensor, y: Tensor | None = None, *, generator: torch.Generator) -> None:
        """Run expectation-maximisation, per class where there are classes and labels."""
        x, labels = labelled(x, y, self.classes)
        order = torch.randperm(len(x), generator=generator)[: self.examples]
        u, labels = self.components.standardise(x.flatten(1)[order]), labels[order]
        seed = int(torch.randint(2**31, (1,), generator=generator))
        owners, parts = [], []
        classes = labels.unique().tolist()
        searched = max(_SEARCHED // len(classes), _ENOUGH)
        for k in classes:
            part = u[labels == k].float().cpu()
            mixture = self._mixture(part, searched, seed)
            owners += [k] * len(mixture.weights)
            parts.append((mixture, len(part) / len(u)))
        self.components.assign(
            torch.cat([m.weights * share for m, share in parts]),
            torch.cat([m.means for m, _ in parts]),
            torch.cat([m.factors for m, _ in parts]),
            torch.tensor(owners),
        )

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return log densities ``(B,)`` in nats."""
        return self.components.log_prob(x.flatten(1), y)

    def joint_log_prob(self, x: Tensor) -> Tensor:
        """Return ``log p(x, y = k)`` for every class, ``(B, K)``."""
        return self.components.joint_log_prob(x.flatten(1), max(self.classes, 1))

    def sample(self, n: int, y: Tensor | None = None, *, generator: torch.Generator) -> Tensor:
        """Draw ``(n, *shape)``."""
        return self.components.sample(n, y, generator=generator).reshape(n, *self.shape)

    def _mixture(self, u: Tensor, searched: int, seed: int) -> Mixture:
        count = min(self.count or self._chosen(u[:searched], len(u), seed), len(u))
        part = max(_PER_COMPONENT * count, _SEARCHED)
        mixture = self._fitted(u[:part], count, seed)
        if len(u) <= part:
            return mixture
        return improved(mixture, u, rounds=_LAST_ROUNDS, tol=_TOL, **self._shape)

    def _chosen(self, u: Tensor, examples: int, seed: int) -> int:
        """Return the number of components that held-out data asks for."""
        split = len(u) * 4 // 5
        if split < 2:
            return 1
        best, best_score, k = 1, -math.inf, 1
        while k <= min(self.most, split):
            score = float(self._fitted(u[:split], k, seed).log_prob(u[split:]).double().mean())
            if score <= best_score:
                break
            best, best_score, k = k, score, 2 * k
        return min(round(best * max(examples / len(u), 1.0)), self.most)

    def _fitted(self, u: Tensor, k: int, seed: int) -> Mixture:
        first = first_mixture(u, k, seed=seed, **self._shape)
        return improved(first, u, rounds=_ROUNDS, tol=_TOL, **self._shape)

    @property
    def _shape(self) -> _Shape:
        return {"ridge": self.ridge, "diagonal": self.covariance == "diag"}
