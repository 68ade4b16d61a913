r"""DDPM: ancestral sampling of Gaussian diffusion."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from genlab import DiagonalDegradation, Restores
from genlab_plugins.samplers.bases import GeneratorSampler
from genlab_plugins.samplers.gaussian_posterior import amplitudes, backward_step, fresh_noise
from genlab_plugins.samplers.grids import Grid

__all__ = ["DDPM"]


class DDPM(GeneratorSampler):
    r"""Denoising diffusion probabilistic models.

    .. math:: x_s = \tilde\mu(x_t, \hat x_0) + \tau w, \qquad
        \tilde\mu = \alpha_s \hat x_0 + \sqrt{\sigma_s^2 - \tilde\sigma^2} \hat z

    is the mean of :math:`q(x_s | x_t, \hat x_0)`; :math:`\tau` is the posterior's deviation
    :math:`\tilde\sigma` (``"small"``) or that of the forward step, :math:`\sigma_{t|s}`
    (``"large"``). The last step, to s = 0, adds no noise. Where every coordinate has a schedule of its
    own, as in blurring diffusion, so has its step.

    Sources: Ho, Jain & Abbeel 2020 (arXiv:2006.11239), eq. 7 and section 3.2; Hoogeboom & Salimans 2022
    (arXiv:2209.05557), section 3.2, for the coordinates.

    Args:
        variance: ``"small"`` (:math:`\tilde\beta_t`) or ``"large"`` (:math:`\beta_t`).
        grid: Times of the trajectory: ``"uniform"``, ``"quadratic"``, ``"cosine"``, ``"karras"`` or
            ``"log-snr"``.
    """

    requires = DiagonalDegradation
    usual_steps = 250

    def __init__(
        self, *, variance: Literal["small", "large"] = "small", grid: Grid = "uniform"
    ) -> None:
        self.variance = variance
        self.spacing = grid

    def step(
        self, restorer: Restores, x_t: Tensor, t: Tensor, s: Tensor, state: torch.Generator
    ) -> tuple[Tensor, torch.Generator]:
        """Walk from t to s."""
        x_0 = restorer(x_t, t)
        a = amplitudes(restorer, x_t, t, s)
        posterior = a.posterior
        kappa = (a.sigma_s.square() - posterior.square()).clamp_min(0).sqrt()
        tau = posterior if self.variance == "small" else a.forward * (a.sigma_s > 0)
        added = fresh_noise(x_t, tau, state)
        return backward_step(restorer, x_t, x_0, a, kappa, added), state
