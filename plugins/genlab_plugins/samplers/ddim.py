r"""DDIM: implicit models for Gaussian noise."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from genlab import DiagonalDegradation, Restores
from genlab_plugins.samplers.bases import GeneratorSampler
from genlab_plugins.samplers.gaussian_posterior import amplitudes, backward_step, fresh_noise
from genlab_plugins.samplers.grids import Grid

__all__ = ["DDIM"]


class DDIM(GeneratorSampler):
    r"""Denoising diffusion implicit models.

    With :math:`\hat z = (x_t - \alpha_t \hat x_0) / \sigma_t` and the deviation
    :math:`\tilde\sigma` of the posterior (see :mod:`genlab_plugins.samplers.gaussian_posterior`),

    .. math:: x_s = \alpha_s \hat x_0 + \sqrt{\sigma_s^2 - \tau^2} \, \hat z + \tau w, \qquad
        \tau = \eta \tilde\sigma, \quad w \sim \mathcal{N}(0, I),

    in each coordinate with its own schedule.

    Source: Song, Meng & Ermon 2021 (arXiv:2010.02502), eq. 12 and 16.

    Args:
        eta: Share of fresh noise: 0 is deterministic, 1 is ancestral sampling.
        grid: Times of the trajectory: ``"uniform"``, ``"quadratic"``, ``"cosine"``, ``"karras"`` or
            ``"log-snr"``.
    """

    requires = DiagonalDegradation
    usual_steps = 50

    def __init__(
        self, *, eta: Annotated[float, Field(ge=0, le=1)] = 0.0, grid: Grid = "uniform"
    ) -> None:
        self.eta = eta
        self.spacing = grid

    def step(
        self, restorer: Restores, x_t: Tensor, t: Tensor, s: Tensor, state: torch.Generator
    ) -> tuple[Tensor, torch.Generator]:
        """Walk from t to s."""
        x_0 = restorer(x_t, t)
        a = amplitudes(restorer, x_t, t, s)
        if self.eta == 0:
            return backward_step(restorer, x_t, x_0, a, a.sigma_s), state
        tau = self.eta * a.posterior
        kappa = (a.sigma_s.square() - tau.square()).clamp_min(0).sqrt()
        added = fresh_noise(x_t, tau, state)
        return backward_step(restorer, x_t, x_0, a, kappa, added), state
