r"""Variance-preserving noise schedules in continuous time.

A schedule is the function :math:`\log \bar\alpha(t)`, strictly decreasing from
:math:`\log \bar\alpha(0) = 0`. The papers define theirs at :math:`t = k / T`; between those times
:math:`\log \bar\alpha` is interpolated linearly, which agrees with the papers at every :math:`k`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["LogAlphaBar", "cosine", "linear"]


class LogAlphaBar:
    r"""A tabulated :math:`\log \bar\alpha`, linear between its nodes.

    .. math:: \log \bar\alpha(k / T) = \sum_{i \le k} \log(1 - \beta_i)

    Args:
        betas: The variances :math:`\beta_1 \dots \beta_T`, float64 ``(T,)``.
    """

    def __init__(self, betas: Tensor) -> None:
        steps = torch.log1p(-betas.double()).cumsum(0)
        self.table = torch.cat([steps.new_zeros(1), steps])

    def __call__(self, t: Tensor) -> Tensor:
        """Return float64 values at times ``t`` in [0, 1], with the shape of ``t``."""
        table = self.table = self.table.to(t.device)
        place = t.double() * (len(table) - 1)
        left = place.floor().clamp(0, len(table) - 2)
        index = left.long()
        return torch.lerp(table[index], table[index + 1], place - left)


def linear(steps: int = 1000, first: float = 1e-4, last: float = 0.02) -> LogAlphaBar:
    r"""Return the linear schedule: :math:`\beta_k` from ``first`` to ``last`` (Ho et al. 2020)."""
    return LogAlphaBar(torch.linspace(first, last, steps, dtype=torch.float64))


def cosine(steps: int = 1000, offset: float = 0.008, largest: float = 0.999) -> LogAlphaBar:
    r"""Return the cosine schedule (Nichol & Dhariwal 2021, arXiv:2102.09672).

    .. math:: \beta_k = \min\Bigl(1 - \frac{f(k / T)}{f((k - 1) / T)}, \beta_{max}\Bigr), \qquad
        f(t) = \cos^2\Bigl(\frac{t + s}{1 + s} \frac{\pi}{2}\Bigr)
    """
    k = torch.arange(steps + 1, dtype=torch.float64)
    f = torch.cos((k / steps + offset) / (1 + offset) * math.pi / 2).square()
    return LogAlphaBar((1 - f[1:] / f[:-1]).clamp(max=largest))
