r"""Churn: stepping back towards the noise before each step of an EDM sampler.

With the noise-to-signal ratio :math:`r_t = \sigma_t / \alpha_t` and :math:`u = x_t / \alpha_t`, in which
every Gaussian degradation is one that only adds noise,

.. math:: \hat r = (1 + \gamma) \, r_t, \qquad
    \hat u = u + S_{noise} \sqrt{\hat r^2 - r_t^2} \, w, \qquad w \sim \mathcal{N}(0, I)

where :math:`\gamma = \min(S_{churn} (t - s), \sqrt 2 - 1)` while :math:`r_t` lies in
:math:`[S_{tmin}, S_{tmax}]`, and 0 otherwise. The paper has :math:`S_{churn} / N` for N steps; on a
uniform grid the share :math:`t - s` of the trajectory is the same, and needs no N. The ratio never rises
above that at t = 1.

Source: Karras et al. 2022 (arXiv:2206.00364), algorithm 2, lines 4 to 6.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from genlab import Restores, cast_like, right_expand, time_at, to_float64
from genlab_plugins.samplers.gaussian_posterior import fresh_noise, gaussian_of

__all__ = ["Churn"]


@dataclass(frozen=True)
class Churn:
    r"""How much noise is added before a step.

    Args:
        amount: :math:`S_{churn}`; 0 is none.
        t_min: :math:`S_{tmin}`, a noise-to-signal ratio.
        t_max: :math:`S_{tmax}`, a noise-to-signal ratio; None is no limit.
        noise: :math:`S_{noise}`.
    """

    amount: float
    t_min: float
    t_max: float | None
    noise: float

    def __call__(
        self, restorer: Restores, x_t: Tensor, t: Tensor, s: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return the noisier data and its time.

        Args:
            restorer: Has a Gaussian degradation.
            x_t: Data at t, ``(B, *shape)``.
            t: Times ``(B,)``.
            s: Where the step will go, ``(B,)``.
            generator: Source of the noise.
        """
        if self.amount == 0:
            return x_t, t
        degradation = gaussian_of(restorer)
        begin, end = to_float64(t), to_float64(s)
        alpha, sigma = degradation.alpha(begin), degradation.sigma(begin)
        gamma = (self.amount * (begin - end)).clamp_max(math.sqrt(2) - 1)
        gamma = gamma * (sigma >= self.t_min * alpha) * (alpha > 0)
        if self.t_max is not None:
            gamma = gamma * (sigma <= self.t_max * alpha)
        t_hat = time_at(degradation, 2 * (alpha.log() - sigma.log() - gamma.log1p()))
        t_hat = torch.where(gamma > 0, t_hat, begin)
        alpha_hat, sigma_hat = degradation.alpha(t_hat), degradation.sigma(t_hat)
        scale = torch.where(gamma > 0, alpha_hat / alpha, 1.0)
        added = (sigma_hat.square() - (scale * sigma).square()).clamp_min(0).sqrt()
        x_hat = right_expand(scale, x_t) * x_t
        tau = right_expand(self.noise * added * (gamma > 0), x_hat)
        x_hat = x_hat + fresh_noise(x_hat, tau, generator)
        return x_hat, cast_like(t_hat, t)
