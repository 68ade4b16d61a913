"""The logit, continued beyond the unit interval."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genlab_plugins.densities.flows.transform import Transform

__all__ = ["Logit"]


class Logit(Transform):
    r"""The logit between :math:`\delta` and :math:`1 - \delta`, and its tangents outside.

    .. math:: z = \log \frac{q}{1 - q} + \frac{x - q}{\delta (1 - \delta)}, \qquad
        q = \min(\max(x, \delta), 1 - \delta)

    A plain logit is infinite at 0 and 1 and undefined beyond, and in floating point its inverse cannot
    be undone far out. With the tangents the map takes the whole line to the whole line.

    Source: Dinh, Sohl-Dickstein & Bengio 2017 (arXiv:1605.08803), section 4.1, for the logit.

    Args:
        delta: Where the tangents begin.
    """

    def __init__(self, delta: float) -> None:
        super().__init__()
        self.delta = delta
        self.slope = 1 / (delta * (1 - delta))
        self.end = math.log((1 - delta) / delta)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z and ``ladj``."""
        q = x.clamp(self.delta, 1 - self.delta)
        log_q, log_rest = q.log(), torch.log1p(-q)
        z = log_q - log_rest + (x - q) * self.slope
        return z, -(log_q + log_rest).sum(tuple(range(1, x.ndim)))

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return x and ``ladj``."""
        inner = z.clamp(-self.end, self.end)
        x = inner.sigmoid() + (z - inner) / self.slope
        slopes = torch.nn.functional.softplus(inner) + torch.nn.functional.softplus(-inner)
        return x, -slopes.sum(tuple(range(1, z.ndim)))
