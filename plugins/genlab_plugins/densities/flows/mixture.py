"""A latent distribution of several normal ones."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from genlab_plugins.densities.flows.base import Base, Means

__all__ = ["MixtureBase"]

_NARROWEST = 0.05  # deviation of a component


class MixtureBase(Base):
    r"""Mixtures of normal distributions, one mixture per class.

    .. math:: p(z \mid y = k) = \sum_m \pi_{km} \, \mathcal{N}(z; \mu_{km}, \operatorname{diag}
        \sigma_{km}^2)

    A flow is continuous both ways, so it can't turn one hill into a ring, or into two: what it makes has a
    cut, or a bridge, and both cost likelihood and samples. Several hills can go around the ring.

    Sources: Stimper, Schoelkopf & Hernandez-Lobato 2022 (arXiv:2110.15828) on what a Gaussian can't become;
    Izmailov, Kirichenko, Finzi & Wilson 2020 (arXiv:1912.13025) for the classes.

    Args:
        features: Number D of dimensions.
        classes: Number of classes; 0 for none.
        components: Number of components of each class.
        means: Whether weights, means and deviations stay fixed or are learned.
    """

    mu: Tensor
    log_sigma: Tensor
    logits: Tensor

    def __init__(self, features: int, classes: int, components: int, means: Means) -> None:
        super().__init__(features, classes)
        count = max(classes, 1)
        spread = min(0.8, features**-0.5)
        mu = spread * torch.randn(count, components, features)
        log_sigma = torch.full_like(mu, 0.5 * math.log(1 - spread**2))
        for name, start in (
            ("mu", mu), ("log_sigma", log_sigma), ("logits", torch.zeros(count, components)),
        ):  # fmt: skip
            if means == "learned":
                self.register_parameter(name, nn.Parameter(start))
            else:
                self.register_buffer(name, start)

    def joint_log_prob(self, z: Tensor) -> Tensor:
        r"""Return :math:`\log p(z, y = k)` ``(B, K)`` of z ``(B, D)``, with K = 1 without classes."""
        log_sigma = self._log_sigma()
        with torch.autocast(z.device.type, enabled=False):
            precision = (-2 * log_sigma).exp()
            linear = self.mu * precision
            square = (self.mu * linear).sum(2)
            constant = -0.5 * square - log_sigma.sum(2) + self.logits.log_softmax(1)
            constant = constant - 0.5 * self.features * math.log(2 * math.pi)
            factors = torch.cat([-0.5 * precision, linear], 2).flatten(0, 1)
            each = torch.addmm(constant.flatten(), torch.cat([z.square(), z], 1), factors.mT)
        joint: Tensor = each.unflatten(1, self.logits.shape).logsumexp(2)
        return joint + self.log_w if self.classes else joint

    def place(self, noise: Tensor, k: Tensor | None, *, generator: torch.Generator) -> Tensor:
        """Draw a component for each, scale the noise and add its mean."""
        shares = self.logits.softmax(1)
        shares = shares.expand(len(noise), -1) if k is None else shares[k]
        m = torch.multinomial(shares, 1, generator=generator)[:, 0]
        at = (0 if k is None else k, m)
        return self.mu[at] + noise * self._log_sigma().exp()[at]

    def _log_sigma(self) -> Tensor:
        return self.log_sigma.clamp_min(math.log(_NARROWEST))
