r"""Trajectories over normal data, whose ideal restorer is known: the variance at the end must be right.

For data whose coordinates in the basis of a degradation are :math:`\mathcal{N}(0, v)`,

.. math:: \mathbb{E}[c_0 | c_t] = \frac{\alpha_t v}{\alpha_t^2 v + \sigma_t^2} c_t,

so that a trajectory that starts with the variance :math:`\alpha_1^2 v + \sigma_1^2` ends with the variance v,
up to the length of its steps.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genlab.components.degradation import DiagonalDegradation, GaussianDegradation
from genlab.testing.check import require, seeded
from genlab.testing.sampler.case import Case, named

__all__ = ["GAUSSIAN"]

_STEPS = 400
_VARIANCES = (0.04, 1.0, 25.0)
"""An error of a step by a factor f changes the variance v by about the power 1 - f: 1 alone would hide it."""
_BIAS = 0.05
"""What steps of finite length are allowed, in the logarithm of the variance."""
_MANY = 12_000
_FEWER = 2_000  # examples where every coordinate has a rate of its own, which is slow


def _variance_at_the_end(case: Case) -> None:
    """With the ideal restorer of normal data a trajectory ends with the data's variance, whatever it is."""
    for degradation in case.degradations:
        if not isinstance(degradation, DiagonalDegradation):
            continue
        ratios, again = (_log_ratios(case, degradation, 4, seed) for seed in (4, 5))
        chance = 0.0
        if not torch.allclose(ratios, again, rtol=0, atol=1e-6):  # fresh noise asks for many
            n = _MANY if isinstance(degradation, GaussianDegradation) else _FEWER
            ratios, chance = _log_ratios(case, degradation, n, 4), 5 * math.sqrt(2 / n)
        for v, ratio in zip(_VARIANCES, ratios.tolist(), strict=True):
            require(
                abs(ratio) <= _BIAS + chance,
                f"data of variance {v:g} ends with {v * math.exp(ratio):.4g} after {_STEPS} steps, "
                f"{named(degradation)}",
            )


def _log_ratios(case: Case, degradation: DiagonalDegradation, n: int, seed: int) -> Tensor:
    """Return the logarithm of the variance at the end of ``n`` trajectories over that of the data."""
    v = torch.tensor(_VARIANCES, dtype=torch.float64)
    ideal, t = _Ideal(degradation, v), torch.ones(n, dtype=torch.float64)
    c = torch.randn(n, len(v), generator=seeded(3), dtype=torch.float64)
    alpha, sigma = degradation.amplitudes(t, c)
    c = c / c.square().mean(0).sqrt() * (alpha.square() * v + sigma.square()).sqrt()
    x_1 = degradation.from_basis(c)
    z = degradation.noise(x_1, ideal(x_1, t), t)
    end = case.begin(degradation, ideal, x_1, t, z, seed).end(_STEPS)
    return (degradation.to_basis(end).square().mean(0) / v).log()


class _Ideal:
    """The best estimate of normal data: Wiener's filter."""

    def __init__(self, degradation: DiagonalDegradation, variances: Tensor) -> None:
        self.degradation, self.variances = degradation, variances

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Return the estimate; all examples are at one time."""
        v = self.variances
        alpha, sigma = self.degradation.amplitudes(t[:1].to(x_t.dtype), x_t[:1])
        gain = alpha * v / (alpha.square() * v + sigma.square())
        return self.degradation.from_basis(gain * self.degradation.to_basis(x_t))


GAUSSIAN = (_variance_at_the_end,)
