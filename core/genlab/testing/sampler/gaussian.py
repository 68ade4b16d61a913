r"""Walks over normal data, whose ideal restorer is known: the variance at the end must be right.

For data whose coordinates in the basis of a degradation are :math:`\mathcal{N}(0, v)`,

.. math:: \mathbb{E}[c_0 | c_t] = \frac{\alpha_t v}{\alpha_t^2 v + \sigma_t^2} c_t,

so that a walk that starts with the variance :math:`\alpha_1^2 v + \sigma_1^2` ends with the variance v, up to
the length of its steps.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genlab.components.degradation import DiagonalDegradation
from genlab.testing.check import require, seeded
from genlab.testing.sampler.case import Case, named

__all__ = ["GAUSSIAN"]

_STEPS = 300
_N = 20_000
_VARIANCES = (0.04, 0.36, 4.0)
_BIAS = 0.02
"""What steps of finite length are allowed, in the logarithm of the variance."""


def _variance_at_the_end(case: Case) -> None:
    """With the ideal restorer of normal data a walk ends with the data's variance, whatever it is."""
    allowed = _BIAS + 5 * math.sqrt(2 / _N)
    for degradation in case.degradations:
        if not isinstance(degradation, DiagonalDegradation):
            continue
        v = torch.tensor(_VARIANCES, dtype=torch.float64)
        ideal = _Ideal(degradation, v)
        generator, t = seeded(3), torch.ones(_N, dtype=torch.float64)
        c = torch.randn(_N, len(v), generator=generator, dtype=torch.float64)
        alpha, sigma = degradation.amplitudes(t, c)
        c = c / c.square().mean(0).sqrt() * (alpha.square() * v + sigma.square()).sqrt()
        x_1 = degradation.from_basis(c)
        z = degradation.noise(x_1, ideal(x_1, t), t)
        end = case.begin(degradation, ideal, x_1, t, z, 4).end(_STEPS)
        found = degradation.to_basis(end).square().mean(0)
        off = (found / v).log().abs()
        worst = int(off.argmax())
        require(
            float(off[worst]) <= allowed,
            f"data of variance {float(v[worst])} ends with {float(found[worst]):.4g} after {_STEPS} "
            f"steps, {named(degradation)}",
        )


class _Ideal:
    """The best estimate of normal data: Wiener's filter."""

    def __init__(self, degradation: DiagonalDegradation, variances: Tensor) -> None:
        self.degradation, self.variances = degradation, variances

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        v = self.variances
        alpha, sigma = self.degradation.amplitudes(t.to(x_t.dtype), x_t)
        gain = alpha * v / (alpha.square() * v + sigma.square())
        return self.degradation.from_basis(gain * self.degradation.to_basis(x_t))


GAUSSIAN = (_variance_at_the_end,)
