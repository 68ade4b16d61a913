r"""A set of Gaussian components with labels, shared by the densities that are fitted at once."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["GaussianComponents"]


_ROUNDING = 1e-10  # variance, against that, below which there is nothing but rounding
_LEAST = 0.1  # variance up to which directions that vary less are magnified


class GaussianComponents(nn.Module):
    r"""Weighted Gaussian components on standardised data, each owned by one class.

    .. math:: p(x) = \sum_k w_k \, \mathcal{N}(u; \mu_k, L_k L_k^T) \prod_i \frac{1}{r_i s_i}, \qquad
        u = \mathrm{diag}(s)^{-1} V^T \mathrm{diag}(r)^{-1} (x - m)

    with the deviations r of the features and the principal directions V of the features so scaled. A
    direction of variance :math:`\lambda_i` below .1 is magnified to it: :math:`s_i = \min(1, \sqrt{10
    \lambda_i})`. So the little variance that is added to u, to keep covariances regular, is little in
    every direction. Some directions of correlated features, such as the pixels of a smooth image, vary very
    little, and a restorer takes noise in them for detail.

    Args:
        features: Number D of features.
    """

    shift: Tensor
    spread: Tensor
    scale: Tensor
    directions: Tensor
    log_weights: Tensor
    means: Tensor
    factors: Tensor
    owners: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("shift", torch.zeros(features))
        self.register_buffer("spread", torch.ones(features))
        self.register_buffer("scale", torch.ones(features))
        self.register_buffer("directions", torch.eye(features))
        self.register_buffer("log_weights", torch.zeros(1))
        self.register_buffer("means", torch.zeros(1, features))
        self.register_buffer("factors", torch.eye(features)[None].clone())
        self.register_buffer("owners", torch.zeros(1, dtype=torch.int64))

    def standardise(self, x: Tensor) -> Tensor:
        """Set what data ``(N, D)`` is standardised by, and return the standardised data.

        A feature that never varies keeps the spread 1, and a direction in which features do not vary the
        scale of what rounding leaves.
        """
        self.shift, spread = x.mean(0), x.std(0, correction=0)
        self.spread = torch.where(spread > 1e-6 * x.abs().max(), spread, 1.0)
        scaled = ((x - self.shift) / self.spread).double()
        powers, directions = torch.linalg.eigh(scaled.T @ scaled / len(x))
        scale = (powers / _LEAST).clamp(_ROUNDING, 1).sqrt()
        self.scale, self.directions = scale.to(x), directions.to(x)
        return self._standardised(x)

    def _standardised(self, x: Tensor) -> Tensor:
        return (x - self.shift) / self.spread @ self.directions / self.scale

    def assign(self, weights: Tensor, means: Tensor, factors: Tensor, owners: Tensor) -> None:
        """Set the components of the standardised data.

        Args:
            weights: ``(K,)``, summing to one over all classes.
            means: ``(K, D)``.
            factors: Lower Cholesky factors of the covariances, ``(K, D, D)``.
            owners: The class of each component, int64 ``(K,)``.
        """
        like = self.shift
        self.log_weights = weights.log().to(like)
        self.means, self.factors = means.to(like), factors.to(like)
        self.owners = owners.to(like.device)

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return log densities ``(B,)`` of ``x`` ``(B, D)``, given the classes ``y`` if any."""
        total: Tensor = (self._each(x) + self._logits(y)).logsumexp(1)
        return total

    def joint_log_prob(self, x: Tensor, classes: int) -> Tensor:
        """Return ``log p(x, y = k)`` for every class, ``(B, classes)``."""
        weighted = (self._each(x) + self._logits(None))[:, None]
        own = self.owners == torch.arange(classes, device=x.device)[:, None]
        joint: Tensor = weighted.where(own, -torch.inf).logsumexp(2)
        return joint

    def _each(self, x: Tensor) -> Tensor:
        """Return the log densities of ``x`` under every component, ``(B, K)``."""
        u = self._standardised(x)[:, None] - self.means
        solved = torch.linalg.solve_triangular(
            self.factors, u.transpose(0, 1).mT, upper=False
        ).square()
        distance = solved.sum(1).T
        log_det = self.factors.diagonal(dim1=1, dim2=2).log().sum(1)
        features = x.shape[1]
        change = (self.scale * self.spread).log().sum()
        constant = 0.5 * features * math.log(2 * math.pi) + change
        each: Tensor = -0.5 * distance - log_det - constant
        return each

    def sample(self, n: int, y: Tensor | None = None, *, generator: torch.Generator) -> Tensor:
        """Draw ``(n, D)``, of the classes ``y`` ``(n,)`` if given."""
        probabilities = self._logits(y).exp().expand(n, -1)
        k = torch.multinomial(probabilities, 1, generator=generator)[:, 0]
        w = torch.randn(
            n, self.means.shape[1], generator=generator, device=k.device, dtype=self.means.dtype
        )
        u = self.means[k] + torch.einsum("nij,nj->ni", self.factors[k], w)
        return self.shift + self.spread * ((self.scale * u) @ self.directions.mT)

    def _logits(self, y: Tensor | None) -> Tensor:
        """Return log weights ``(1, K)``, or ``(B, K)`` renormalised within each class."""
        if y is None:
            return self.log_weights[None]
        own = self.owners[None] == y[:, None]
        return self.log_weights.where(own | (y[:, None] < 0), -torch.inf).log_softmax(1)

    def _load_from_state_dict(self, state: dict[str, Tensor], prefix: str, *rest: Any) -> None:
        for name in ("log_weights", "means", "factors", "owners"):
            if prefix + name in state:
                like: Tensor = getattr(self, name)
                setattr(self, name, torch.empty_like(state[prefix + name], device=like.device))
        super()._load_from_state_dict(state, prefix, *rest)
