r"""Expectation-maximisation of Gaussian mixtures, in products of large matrices.

A round takes the responsibilities of the components for the examples, and then their moments:

.. math:: r_{ik} \propto w_k \, \mathcal{N}(u_i; \mu_k, \Sigma_k), \quad \sum_k r_{ik} = 1, \quad
    n_k = \sum_i r_{ik}, \quad \mu_k = \frac{1}{n_k} \sum_i r_{ik} u_i, \quad
    \Sigma_k = \frac{1}{n_k} \sum_i r_{ik} (u_i - \mu_k) (u_i - \mu_k)^T + \rho I

where responsibilities of less than 1e-4 count as none, which spares most of the second moments.

Source: Dempster, Laird & Rubin 1977, "Maximum likelihood from incomplete data via the EM algorithm",
J. Royal Statistical Society B 39.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from sklearn.cluster import KMeans
from torch import Tensor

__all__ = ["Mixture", "first_mixture", "improved"]

_NUMBERS = 1 << 21  # of the products of examples and components in memory at once
_NONE = 1e-4  # responsibility that does not count
_TINY = 1e-6  # examples that a component has at least, so that its moments are finite


@dataclass(frozen=True)
class Mixture:
    """A mixture of normal distributions in D dimensions.

    Args:
        weights: ``(K,)`` in float64.
        means: ``(K, D)`` in float64.
        covariances: ``(K, D, D)`` in float64.
    """

    weights: Tensor
    means: Tensor
    covariances: Tensor

    @property
    def factors(self) -> Tensor:
        """The lower Cholesky factors of the covariances, ``(K, D, D)``."""
        found: Tensor = torch.linalg.cholesky(self.covariances)
        return found

    def log_prob(self, u: Tensor) -> Tensor:
        """Return log densities ``(N,)`` of float32 data ``(N, D)``."""
        return torch.cat([joint.logsumexp(1) for joint in _joint(self, u)])


def first_mixture(
    u: Tensor, components: int, *, ridge: float, diagonal: bool, seed: int
) -> Mixture:
    """Return a mixture of which each component has a cluster of k-means.

    Args:
        u: Data ``(N, D)`` in float32.
        components: How many components.
        ridge: Variance added in every direction.
        diagonal: Whether covariances are diagonal.
        seed: Seed of the first centres.
    """
    found = KMeans(components, n_init=1, max_iter=20, random_state=seed).fit(u.numpy()).labels_
    own = torch.nn.functional.one_hot(torch.from_numpy(found).long(), components).float()
    return _of_moments(u, own, ridge=ridge, diagonal=diagonal)


def improved(
    mixture: Mixture, u: Tensor, *, rounds: int, tol: float, ridge: float, diagonal: bool
) -> Mixture:
    """Return a mixture after rounds of expectation-maximisation.

    Args:
        mixture: Where to begin.
        u: Data ``(N, D)`` in float32.
        rounds: Rounds at most.
        tol: Gain of the mean log density, in nats, below which there are no more rounds.
        ridge: Variance added in every direction.
        diagonal: Whether covariances are diagonal.
    """
    before = -math.inf
    for _ in range(rounds):
        parts = [(joint.softmax(1), joint.logsumexp(1)) for joint in _joint(mixture, u)]
        responsibilities, each = (torch.cat(of) for of in zip(*parts, strict=True))
        mixture = _of_moments(u, responsibilities, ridge=ridge, diagonal=diagonal)
        now = float(each.double().mean())
        if now - before < tol:
            break
        before = now
    return mixture


def _of_moments(u: Tensor, responsibilities: Tensor, *, ridge: float, diagonal: bool) -> Mixture:
    """Return the mixture whose components have the moments of the examples that they are responsible for."""
    k, d = responsibilities.shape[1], u.shape[1]
    count = torch.zeros(k, dtype=torch.float64)
    means = torch.zeros(k, d, dtype=torch.float64)
    covariances = torch.zeros(k, d, d, dtype=torch.float64)
    for index in range(k):
        own = responsibilities[:, index]
        rows = (own > _NONE).nonzero()[:, 0]
        weights, chosen = own[rows, None], u[rows]
        count[index] = weights.double().sum() + _TINY
        means[index] = (weights * chosen).sum(0).double() / count[index]
        apart = chosen - means[index].float()
        covariances[index] = ((weights * apart).T @ apart).double() / count[index]
    if diagonal:
        covariances = torch.diag_embed(covariances.diagonal(dim1=1, dim2=2))
    covariances = covariances + ridge * torch.eye(d, dtype=torch.float64)
    return Mixture(count / count.sum(), means, covariances)


def _joint(mixture: Mixture, u: Tensor) -> Iterator[Tensor]:
    """Give log densities under each component with its weight, ``(n, K)``, for parts of the data."""
    k, d = mixture.means.shape
    factors = mixture.factors
    whiten = torch.linalg.solve_triangular(
        factors, torch.eye(d, dtype=torch.float64).expand(k, d, d), upper=False
    )
    centres = (whiten @ mixture.means[:, :, None]).flatten().float()
    together = whiten.reshape(k * d, d).T.float()
    log_det = factors.diagonal(dim1=1, dim2=2).log().sum(1)
    constant = (mixture.weights.log() - log_det - 0.5 * d * math.log(2 * math.pi)).float()
    for part in u.split(max(_NUMBERS // (k * d), 1)):
        white = (part @ together).sub_(centres).square_().view(-1, k, d)
        yield constant - 0.5 * white.sum(2)
