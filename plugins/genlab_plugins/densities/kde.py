"""A kernel density estimate whose bandwidth held-out data chooses."""

from __future__ import annotations

import math
from typing import get_args

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from genlab import DataSpec, DensityTags, FittedDensity, Kind
from genlab_plugins.densities.empirical import Empirical
from genlab_plugins.densities.labels import labelled

__all__ = ["KDE"]

_BANDWIDTHS = torch.logspace(-2, 0.2, 34)  # candidates, in deviations of a feature
_SEARCHED = 2000  # examples that choose among them


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


def chosen_bandwidth(x: Tensor, examples: int, *, generator: torch.Generator) -> float:
    """Return the bandwidth under which held-out examples are likeliest, in deviations of a feature.

    Args:
        x: Data ``(N, *shape)``.
        examples: Number of examples that will be kept.
        generator: Source of randomness, on the CPU.
    """
    rows = x.flatten(1)[torch.randperm(len(x), generator=generator)[:_SEARCHED]].double()
    if len(rows) < 5:
        return 1.0
    deviation = rows.std(0, correction=0)
    varies = deviation > 1e-6 * deviation.mean()
    if not varies.any():
        return 1.0
    u = rows[:, varies] / deviation[varies]
    split = len(u) * 4 // 5
    square = torch.cdist(u[split:], u[:split]).square()
    h, features = _BANDWIDTHS.to(u), u.shape[1]
    scores = [(-0.5 * square / b**2).logsumexp(1).mean() - features * b.log() for b in h]
    best = float(h[torch.stack(scores).argmax()])
    return best * math.pow(split / min(len(x), examples), 1 / (features + 4))
