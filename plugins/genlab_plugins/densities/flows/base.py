"""The distribution of the latent space."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

__all__ = ["GaussianBase"]

_NEAREST, _FARTHEST = 6.0, 8.0  # that the two nearest means may be apart, in deviations
_DRAWS = 64  # sets of means that are drawn to choose the one that is farthest apart


class GaussianBase(nn.Module):
    r"""Unit normal distributions, one per class.

    .. math:: p(z \mid y = k) = \mathcal{N}(z; \mu_k, I), \qquad p(y = k) = w_k

    Without classes the mean is zero. With classes the means are random, and scaled where the nearest two
    have a distance of less than 6 or more than 8 deviations. That is enough to tell classes apart, since the
    boundary between two means is 3 or 4 deviations away from either, and no more than enough: unscaled, means
    in the 784 dimensions of a small image lie 40 deviations apart, and a flow spends its capacity on moving
    every pixel there.

    Source: Izmailov, Kirichenko, Finzi & Wilson 2020 (arXiv:1912.13025), FlowGMM, where they are unscaled.

    Args:
        features: Number D of dimensions.
        classes: Number of classes; 0 for none.
        means: Whether the means stay fixed or are learned.
    """

    mu: Tensor
    log_w: Tensor

    def __init__(self, features: int, classes: int, means: Literal["fixed", "learned"]) -> None:
        super().__init__()
        self.features, self.classes = features, classes
        if not classes:
            return
        mu = _spread(features, classes)
        if means == "learned":
            self.mu = nn.Parameter(mu)
        else:
            self.register_buffer("mu", mu)
        self.register_buffer("log_w", torch.full((classes,), -math.log(classes)))

    def joint_log_prob(self, z: Tensor) -> Tensor:
        r"""Return :math:`\log p(z, y = k)` ``(B, K)`` of z ``(B, D)``, with K = 1 without classes."""
        constant = 0.5 * self.features * math.log(2 * math.pi)
        square = z.square().sum(1, keepdim=True)
        if not self.classes:
            return -0.5 * square - constant
        with torch.autocast(z.device.type, enabled=False):
            inner = z @ self.mu.mT
        return inner - 0.5 * (square + self.mu.square().sum(1)) + (self.log_w - constant)

    def log_prob(self, joint: Tensor, y: Tensor | None) -> Tensor:
        r"""Return :math:`\log p(\cdot \mid y)` ``(B,)``, or the marginal where y is None or -1.

        Args:
            joint: Joint log densities ``(B, K)``.
            y: Labels ``(B,)`` or None.
        """
        if not self.classes:
            return joint[:, 0]
        if y is None:
            return joint.logsumexp(1)
        own = (joint - self.log_w).gather(1, y.clamp_min(0)[:, None])[:, 0]
        return torch.where(y < 0, joint.logsumexp(1), own)

    def sample(self, like: Tensor, y: Tensor | None, *, generator: torch.Generator) -> Tensor:
        """Draw z.

        Args:
            like: A tensor of the shape ``(n, D)``, the device and the dtype of the result.
            y: Labels ``(n,)`` or None; None and -1 draw the class too.
            generator: Source of randomness.
        """
        n, device = len(like), like.device
        z = torch.randn(like.shape, generator=generator, device=device, dtype=like.dtype)
        if not self.classes:
            return z
        k = torch.multinomial(self.log_w.exp(), n, replacement=True, generator=generator)
        return z + self.mu[k if y is None else torch.where(y < 0, k, y)]


def _spread(features: int, classes: int) -> Tensor:
    """Draw means ``(K, D)`` from a unit normal distribution, the best spread of several sets."""
    if classes == 1:
        return torch.zeros(1, features)
    draws = 1 if features > _DRAWS else _DRAWS
    sets = torch.randn(draws, classes, features)
    nearest = torch.stack([torch.nn.functional.pdist(mu).min() for mu in sets])
    best = nearest.argmax()
    distance = nearest[best]
    return sets[best] * (distance.clamp(_NEAREST, _FARTHEST) / distance)
