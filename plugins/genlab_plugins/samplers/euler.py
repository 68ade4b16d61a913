r"""Euler's method for the probability-flow ODE, as in EDM."""

from __future__ import annotations

import torch
from pydantic import NonNegativeFloat
from torch import Tensor

from genlab import GaussianDegradation, Restores
from genlab_plugins.samplers.bases import GeneratorSampler
from genlab_plugins.samplers.churn import Churn
from genlab_plugins.samplers.gaussian_posterior import amplitudes, backward_step
from genlab_plugins.samplers.grids import Grid

__all__ = ["Euler"]


class Euler(GeneratorSampler):
    r"""Euler's method with churn, of first order.

    With :math:`u = x_t / \alpha_t` and :math:`r_t = \sigma_t / \alpha_t`, churned to :math:`\hat u` and
    :math:`\hat r` (see :mod:`genlab_plugins.samplers.churn`),

    .. math:: u_s = \hat u + (r_s - \hat r) \frac{\hat u - \hat x_0}{\hat r}
        \quad\Longleftrightarrow\quad
        x_s = \alpha_s \hat x_0 + \frac{\sigma_s}{\hat\sigma} (\hat x - \hat\alpha \hat x_0).

    The right-hand side is what is computed. It is finite where :math:`\alpha_t = 0`, so that a trajectory
    may start there. Without churn it is DDIM.

    Source: Karras et al. 2022 (arXiv:2206.00364), algorithm 2 without lines 9 to 12.

    Args:
        s_churn: Noise added over the whole trajectory; 0 is none.
        s_tmin: Smallest noise-to-signal ratio at which noise is added.
        s_tmax: Largest noise-to-signal ratio at which noise is added; None is no limit.
        s_noise: Amplitude of the added noise.
        grid: Times of the trajectory: ``"uniform"``, ``"quadratic"``, ``"cosine"``, ``"karras"`` or
            ``"log-snr"``.
    """

    requires = GaussianDegradation
    usual_steps = 50

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
        a = amplitudes(restorer, x_hat, t_hat, s)
        return backward_step(restorer, x_hat, restorer(x_hat, t_hat), a, a.sigma_s), state
