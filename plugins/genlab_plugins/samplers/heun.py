r"""Heun's method for the probability-flow ODE, as in EDM."""

from __future__ import annotations

import torch
from pydantic import NonNegativeFloat
from torch import Tensor

from genlab import GaussianDegradation, Restores, cast_like
from genlab_plugins.samplers.bases import GeneratorSampler
from genlab_plugins.samplers.churn import Churn
from genlab_plugins.samplers.gaussian_posterior import amplitudes, backward_step
from genlab_plugins.samplers.grids import Grid

__all__ = ["Heun"]


class Heun(GeneratorSampler):
    r"""Heun's method with churn, of second order: two estimates per step.

    With :math:`u = x_t / \alpha_t` and :math:`r_t = \sigma_t / \alpha_t`, churned to :math:`\hat u` and
    :math:`\hat r` (see :mod:`genlab_plugins.samplers.churn`), and the slope
    :math:`d(u, r) = (u - \hat x_0) / r`,

    .. math:: u_s' = \hat u + (r_s - \hat r) \, d(\hat u, \hat r), \qquad
        u_s = \hat u + \tfrac12 (r_s - \hat r) \, (d(\hat u, \hat r) + d(u_s', r_s)).

    In terms of the two estimates this is

    .. math:: x_s = x_s' + \tfrac12 \alpha_s (\hat r / r_s - 1) \, (\hat x_0' - \hat x_0),

    which is what is computed. The last step, to s = 0, is Euler's. So is a step over which the ratio
    falls by more than a factor of 10, as it does from t = 1 where hardly any data is left, or none: there
    the slopes at both ends say nothing about the middle.

    Source: Karras et al. 2022 (arXiv:2206.00364), algorithm 2.

    Args:
        s_churn: Noise added over the whole trajectory; 0 is none.
        s_tmin: Smallest noise-to-signal ratio at which noise is added.
        s_tmax: Largest noise-to-signal ratio at which noise is added; None is no limit.
        s_noise: Amplitude of the added noise.
        grid: Times of the trajectory: ``"uniform"``, ``"quadratic"``, ``"cosine"``, ``"karras"`` or
            ``"log-snr"``.
    """

    requires = GaussianDegradation
    usual_steps = 25

    def __init__(
        self,
        *,
        s_churn: NonNegativeFloat = 0.0,
        s_tmin: NonNegativeFloat = 0.0,
        s_tmax: NonNegativeFloat | None = None,
        s_noise: NonNegativeFloat = 1.0,
        grid: Grid = "uniform",
    ) -> None:
        self.churn = Churn(s_churn, s_tmin, s_tmax, s_noise)
        self.spacing = grid

    def step(
        self, restorer: Restores, x_t: Tensor, t: Tensor, s: Tensor, state: torch.Generator
    ) -> tuple[Tensor, torch.Generator]:
        """Walk from t to s."""
        x_hat, t_hat = self.churn(restorer, x_t, t, s, state)
        x_0 = restorer(x_hat, t_hat)
        a = amplitudes(restorer, x_hat, t_hat, s)
        x_s = backward_step(restorer, x_hat, x_0, a, a.sigma_s)
        correctable = a.ratio <= _LARGEST_RATIO
        if not correctable.any():
            return x_s, state
        weight = torch.where(correctable, a.alpha_s * (a.ratio - 1) / 2, 0.0)
        return x_s.addcmul(cast_like(weight, x_s), restorer(x_s, s) - x_0), state


_LARGEST_RATIO = 10.0
