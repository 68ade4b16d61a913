r"""One backward step of Gaussian diffusion, from the estimate of the clean data.

For any schedule, with :math:`\alpha_{t|s} = \alpha_t / \alpha_s` and
:math:`\sigma_{t|s}^2 = \sigma_t^2 - \alpha_{t|s}^2 \sigma_s^2`, the posterior
:math:`q(x_s | x_t, x_0)` has the variance

.. math:: \tilde\sigma^2 = \sigma_{t|s}^2 \sigma_s^2 / \sigma_t^2 .

A step that adds noise of deviation :math:`\tau` puts

.. math:: x_s = \alpha_s \hat x_0 + \kappa \hat z + \tau w, \qquad
    \hat z = (x_t - \alpha_t \hat x_0) / \sigma_t .

With :math:`\kappa^2 = \sigma_s^2 - \tilde\sigma^2` its mean is the posterior's mean; with
:math:`\kappa^2 = \sigma_s^2 - \tau^2` its marginals are right for every :math:`\tau`, and
:math:`\tau = 0` is DDIM.

Sources: Song, Meng & Ermon 2021 (arXiv:2010.02502), eq. 7 and 12; Kingma et al. 2021
(arXiv:2107.00630) for the notation.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor

from genlab import GaussianDegradation
from genlab.protocols import Restores
from genlab.protocols.degradation import right_expand

__all__ = ["Amplitudes", "add_noise", "amplitudes", "backward_step"]


class Amplitudes(NamedTuple):
    """Amplitudes of a step from t to s in float64, each ``(B,)``.

    Args:
        alpha_t: Amplitude of the data at t.
        sigma_t: Amplitude of the noise at t.
        alpha_s: Amplitude of the data at s.
        sigma_s: Amplitude of the noise at s.
        forward: Deviation of the forward step from s to t.
        posterior: Deviation of the posterior at s.
    """

    alpha_t: Tensor
    sigma_t: Tensor
    alpha_s: Tensor
    sigma_s: Tensor
    forward: Tensor
    posterior: Tensor

    @property
    def ratio(self) -> Tensor:
        r"""How much noisier t is than s: the quotient of :math:`\sigma / \alpha`, at least 1."""
        return self.sigma_t * self.alpha_s / (self.alpha_t * self.sigma_s).abs()  # -0.0 is 0, too


def amplitudes(restorer: Restores, t: Tensor, s: Tensor) -> Amplitudes:
    """Return the amplitudes of a step.

    Args:
        restorer: Has a Gaussian degradation.
        t: Times ``(B,)``, larger than 0.
        s: Times ``(B,)``, smaller than ``t``.
    """
    degradation = cast(GaussianDegradation, restorer.degradation)
    t, s = t.double(), s.double()
    alpha_t, sigma_t = degradation.alpha(t), degradation.sigma(t)
    alpha_s, sigma_s = degradation.alpha(s), degradation.sigma(s)
    forward = (sigma_t.square() - (alpha_t / alpha_s * sigma_s).square()).clamp_min(0).sqrt()
    return Amplitudes(alpha_t, sigma_t, alpha_s, sigma_s, forward, forward * sigma_s / sigma_t)


def backward_step(x_t: Tensor, x_0: Tensor, a: Amplitudes, kappa: Tensor) -> Tensor:
    r"""Return :math:`\alpha_s \hat x_0 + \kappa \hat z`.

    Nothing is divided by :math:`\alpha_t`, so that a walk may start where no data is left.

    Args:
        x_t: Data at t, ``(B, *shape)``.
        x_0: The estimate of the clean data.
        a: The amplitudes of the step.
        kappa: Amplitude of the noise that is kept, ``(B,)``.
    """
    of_x_t = kappa / a.sigma_t
    of_x_0 = a.alpha_s - of_x_t * a.alpha_t
    return (right_expand(of_x_t, x_t) * x_t).addcmul(right_expand(of_x_0, x_t), x_0)


def add_noise(x: Tensor, tau: Tensor, generator: torch.Generator) -> Tensor:
    r"""Return :math:`x + \tau w` with standard normal w.

    Args:
        x: Data ``(B, *shape)``.
        tau: Amplitude of the fresh noise, ``(B,)``.
        generator: Source of the noise, on the device of ``x``.
    """
    w = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
    return x.addcmul(right_expand(tau, x), w)
