"""The examples themselves, slightly blurred."""

from __future__ import annotations

import math
from typing import get_args

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor

from genlab import DataSpec, DensityTags, FittedDensity, Kind
from genlab_plugins.densities.bandwidth import chosen_bandwidth
from genlab_plugins.densities.labels import labelled

__all__ = ["Empirical", "take_sizes"]

_NARROW = 0.05  # deviations of a feature


class Empirical(FittedDensity):
    r"""A kernel on each example: sampling is the smoothed bootstrap.

    .. math:: p(x) = \frac{1}{N} \sum_i \mathcal{N}\bigl(x; x_i, h^2 \operatorname{diag}(s^2)\bigr)

    where :math:`s` is the deviation of each feature. As a prior it draws what the degradation
    leaves of the training examples, so that only the way back from there is learned.

    Source: Silverman 1986, "Density estimation for statistics and data analysis", section 6.4.

    Args:
        spec: The data.
        bandwidth: Width h of the kernel in deviations of a feature. None: 0.05 for vectors, which what a
            degradation leaves is; for all other data, of which an example that was not seen lies far from all
            that were, that under which held-out examples are likeliest.
        examples: At most this many examples are kept.
    """

    tags = DensityTags(conditional=True, data=frozenset(get_args(Kind)))

    examples: Tensor
    labels: Tensor
    scale: Tensor

    def __init__(
        self,
        spec: DataSpec,
        *,
        bandwidth: PositiveFloat | None = None,
        examples: PositiveInt = 5000,
    ) -> None:
        super().__init__()
        self.shape, self.classes = spec.shape, spec.classes
        self.bandwidth = _NARROW if bandwidth is None and spec.kind == "vector" else bandwidth
        self.most = examples
        features = math.prod(spec.shape)
        self.register_buffer("examples", torch.zeros(1, features))
        self.register_buffer("labels", torch.zeros(1, dtype=torch.int64))
        self.register_buffer("scale", torch.ones(features))
        self.register_load_state_dict_pre_hook(take_sizes)

    def fit(self, x: Tensor, y: Tensor | None = None, *, generator: torch.Generator) -> None:
        """Keep examples, chosen at random where there are too many."""
        x, labels = labelled(x, y, self.classes)
        chosen = torch.randperm(len(x), generator=generator)[: self.most]
        rows = x.flatten(1)[chosen].to(self.scale)
        deviation = rows.std(0, correction=0)
        usual = deviation.mean().clamp_min(1e-6)
        self.examples = rows
        bandwidth = self.bandwidth or chosen_bandwidth(x, self.most, generator=generator)
        self.scale = bandwidth * torch.where(deviation > 1e-6 * usual, deviation, usual)
        self.labels = labels[chosen].to(self.scale.device)

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return log densities ``(B,)`` in nats."""
        each = self.each(x)
        if y is not None:
            each = each.where(self._fitting(y), -torch.inf)
        counts = torch.isfinite(each).sum(1).clamp_min(1)
        return each.logsumexp(1) - counts.log()

    def joint_log_prob(self, x: Tensor) -> Tensor:
        """Return ``log p(x, y = k)`` for every class, ``(B, K)``."""
        own = self.labels == torch.arange(max(self.classes, 1), device=x.device)[:, None]
        joint = self.each(x)[:, None].where(own, -torch.inf).logsumexp(2)
        return joint - math.log(len(self.examples))

    def sample(self, n: int, y: Tensor | None = None, *, generator: torch.Generator) -> Tensor:
        """Draw ``(n, *shape)``."""
        k = self.chosen(n, y, generator=generator)
        w = torch.randn(n, len(self.scale), generator=generator, device=self.scale.device)
        return (self.examples[k] + self.scale * w.to(self.scale)).reshape(n, *self.shape)

    def chosen(self, n: int, y: Tensor | None, *, generator: torch.Generator) -> Tensor:
        """Draw the numbers ``(n,)`` of examples with the labels asked for."""
        if y is None:
            device = self.scale.device
            return torch.randint(len(self.examples), (n,), generator=generator, device=device)
        return torch.multinomial(self._fitting(y).float(), 1, generator=generator)[:, 0]

    def each(self, x: Tensor) -> Tensor:
        """Return the log densities of ``x`` under the kernel of every example, ``(B, N)``."""
        u, v = x.flatten(1) / self.scale, self.examples / self.scale
        distance = torch.cdist(u, v, compute_mode="donot_use_mm_for_euclid_dist").square()
        constant = self.scale.log().sum() + 0.5 * len(self.scale) * math.log(2 * math.pi)
        return -0.5 * distance - constant

    def _fitting(self, y: Tensor) -> Tensor:
        """Return which example ``(B, N)`` has the label asked for; -1 takes any."""
        return (self.labels[None] == y[:, None]) | (y[:, None] < 0)


def take_sizes(module: torch.nn.Module, state: dict[str, Tensor], prefix: str, *_: object) -> None:
    """Give the buffers the sizes of a state that is about to be loaded."""
    for name, buffer in list(module.named_buffers(recurse=False)):
        if prefix + name in state:
            setattr(module, name, torch.empty_like(state[prefix + name], device=buffer.device))
