"""The distribution of the latent space."""

from __future__ import annotations

import abc
import math
from typing import Literal

import torch
from torch import Tensor, nn

__all__ = ["Base", "GaussianBase", "Means"]

Means = Literal["fixed", "learned"]
"""Whether the means of the latent distributions stay where they are, or are learned."""

_NEAREST, _FARTHEST = 6.0, 8.0  # that the two nearest means may be apart, in deviations
_DRAWS = 64  # sets of means that are drawn to choose the one that is farthest apart


class Base(nn.Module, abc.ABC):
    r"""A distribution of z with one part for each class, all classes equally frequent (abstract).

    Args:
        features: Number D of dimensions.
        classes: Number of classes; 0 for none.
    """

    log_w: Tensor

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.features, self.classes = features, classes
        if classes:
            self.register_buffer("log_w", torch.full((classes,), -math.log(classes)))

    @abc.abstractmethod
    def joint_log_prob(self, z: Tensor) -> Tensor:
        r"""Return :math:`\log p(z, y = k)` ``(B, K)`` of z ``(B, D)``, with K = 1 without classes."""

    @abc.abstractmethod
    def place(self, noise: Tensor, k: Tensor | None, *, generator: torch.Generator) -> Tensor:
        """Turn unit normal noise into z.

        Args:
            noise: ``(n, D)``.
            k: Classes ``(n,)``; None where there are none.
            generator: Source of what else is random.
        """

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

    def sample(
        self, like: Tensor, y: Tensor | None, *, temperature: float, generator: torch.Generator
    ) -> Tensor:
        """Draw z.

        Args:
            like: A tensor of the shape ``(n, D)``, the device and the dtype of the result.
            y: Labels ``(n,)`` or None; None and -1 draw the class too.
            temperature: Factor of the noise around every mean.
            generator: Source of randomness.
        """
        n, device = len(like), like.device
        z = torch.randn(like.shape, generator=generator, device=device, dtype=like.dtype)
        z = z * temperature
        if not self.classes:
            return self.place(z, None, generator=generator)
        k = torch.multinomial(self.log_w.exp(), n, replacement=True, generator=generator)
        k = k if y is None else torch.where(y < 0, k, y)
        return self.place(z, k, generator=generator)


class GaussianBase(Base):
    r"""Unit normal distributions, one per class.

    .. math:: p(z \mid y = k) = \mathcal{N}(z; \mu_k, I), \qquad p(y = k) = w_k

    Without classes the mean is zero. With classes the means are random, and scaled where the nearest two
    have a distance of less than 6 or more than 8 deviations. That is enough to tell classes apart, since the
    boundary between two means is 3 or 4 deviations away from either, and no more than enough: unscaled, means
    in the 784 dimensions of a small image lie 40 deviations apart, and a flow spends its capacity on moving
    every pixel there.

    Source: Izmailov, Kirichenko, Finzi & Wilson 2020 (arXiv:1912.13025), FlowGMM, where they are unscaled;
    means that are constant over the places of an image: Ardizzone, Mackowiak, Rother & Koethe 2020
    (arXiv:2001.06448), IB-INN.

    Args:
        features: Number D of dimensions.
        classes: Number of classes; 0 for none.
        means: Whether the means stay fixed or are learned.
        channels: int64 ``(D,)``: dimensions with the same number share one entry of every mean, and those
            with -1 have the mean 0. None: every dimension has an entry of its own.
    """

    mu: Tensor
    channels: Tensor

    def __init__(
        self, features: int, classes: int, means: Means, channels: Tensor | None = None
    ) -> None:
        super().__init__(features, classes)
        if not classes:
            return
        own = torch.arange(features) if channels is None else channels
        self.register_buffer("channels", own, persistent=False)
        width = int(own.max()) + 1
        places = torch.bincount(own[own >= 0], minlength=width).double().mean().sqrt()
        mu = _spread(width, classes, float(places))
        if means == "learned":
            self.mu = nn.Parameter(mu)
        else:
            self.register_buffer("mu", mu)

    def joint_log_prob(self, z: Tensor) -> Tensor:
        r"""Return :math:`\log p(z, y = k)` ``(B, K)`` of z ``(B, D)``, with K = 1 without classes."""
        constant = 0.5 * self.features * math.log(2 * math.pi)
        square = z.square().sum(1, keepdim=True)
        if not self.classes:
            return -0.5 * square - constant
        mu = self._means()
        with torch.autocast(z.device.type, enabled=False):
            inner = z @ mu.mT
        return inner - 0.5 * (square + mu.square().sum(1)) + (self.log_w - constant)

    def place(self, noise: Tensor, k: Tensor | None, *, generator: torch.Generator) -> Tensor:
        """Add the means."""
        return noise if k is None else noise + self._means()[k]

    def _means(self) -> Tensor:
        """Return the means ``(K, D)``."""
        mu = self.mu[:, self.channels.clamp_min(0)]
        return mu * (self.channels >= 0)


def _spread(features: int, classes: int, unit: float) -> Tensor:
    """Draw means ``(K, D)`` from a unit normal distribution, the best spread of several sets.

    Args:
        features: D.
        classes: K.
        unit: How far apart in z are two means of the distance 1.
    """
    if classes == 1:
        return torch.zeros(1, features)
    draws = 1 if features > _DRAWS else _DRAWS
    sets = torch.randn(draws, classes, features)
    nearest = unit * torch.stack([torch.nn.functional.pdist(mu).min() for mu in sets])
    best = nearest.argmax()
    distance = nearest[best]
    return sets[best] * (distance.clamp(_NEAREST, _FARTHEST) / distance)
