"""A kernel density estimate whose bandwidth held-out data chooses."""

from __future__ import annotations

import math
from typing import get_args

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from genlab import DataSpec, DensityTags, FittedDensity, Kind
from genlab_plugins.densities.bandwidth import chosen_bandwidth
from genlab_plugins.densities.empirical import Empirical
from genlab_plugins.densities.labels import labelled

__all__ = ["KDE"]


class KDE(FittedDensity):
    r"""A Gaussian kernel on each example; with classes, an estimate for each.

    .. math:: p(x) = \frac{1}{N} \sum_i \mathcal{N}\bigl(x; x_i, h^2 \operatorname{diag}(s^2)\bigr), \qquad
        h = \arg\max_h \sum_{x \in \text{held out}} \log p_h(x)

    where :math:`s` is the deviation of each feature. Every class has its own h and s. The bandwidth that
    is found on part of the examples shrinks as :math:`N^{-1/(D + 4)}` to that of all of them.

    Source: Silverman 1986, "Density estimation for statistics and data analysis", sections 3.4 and 4.3.

    Args:
        spec: The data.
        examples: At most this many examples are kept of each class.
    """

    tags = DensityTags(conditional=True, data=frozenset(get_args(Kind)))

    log_w: Tensor

    def __init__(self, spec: DataSpec, *, examples: PositiveInt = 5000) -> None:
        super().__init__()
        self.shape, self.classes, self.examples = spec.shape, spec.classes, examples
        count = max(spec.classes, 1)
        self.kernels = nn.ModuleList(
            Empirical(spec.unlabelled(), examples=examples) for _ in range(count)
        )
        self.register_buffer("log_w", torch.full((count,), -math.log(count)))

    def fit(self, x: Tensor, y: Tensor | None = None, *, generator: torch.Generator) -> None:
        """Choose the bandwidth and keep examples, per class where there are classes and labels."""
        x, labels = labelled(x, y, self.classes)
        counts = labels.bincount(minlength=len(self.kernels))
        self.log_w = (counts / counts.sum()).log().to(self.log_w)
        for k, kernel in enumerate(self._kernels()):
            if counts[k]:
                part = x[labels == k]
                kernel.bandwidth = chosen_bandwidth(part, self.examples, generator=generator)
                kernel.fit(part, generator=generator)

    def joint_log_prob(self, x: Tensor) -> Tensor:
        """Return joint log densities ``(B, K)`` in nats."""
        each = [kernel.log_prob(x) for kernel in self._kernels()]
        return torch.stack(each, 1) + self.log_w

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return log densities ``(B,)`` in nats."""
        joint = self.joint_log_prob(x)
        if y is None or not self.classes:
            return joint.logsumexp(1)
        own = (joint - self.log_w).gather(1, y.clamp_min(0)[:, None])[:, 0]
        return torch.where(y < 0, joint.logsumexp(1), own)

    def sample(self, n: int, y: Tensor | None = None, *, generator: torch.Generator) -> Tensor:
        """Draw ``(n, *shape)``."""
        k = torch.multinomial(self.log_w.exp(), n, replacement=True, generator=generator)
        if y is not None and self.classes:
            k = torch.where(y < 0, k, y)
        x = self.log_w.new_empty(n, *self.shape)
        for index, kernel in enumerate(self._kernels()):
            chosen = k == index
            count = int(chosen.sum())
            if count:
                x[chosen] = kernel.sample(count, generator=generator)
        return x

    def _kernels(self) -> list[Empirical]:
        return [kernel for kernel in self.kernels if isinstance(kernel, Empirical)]
