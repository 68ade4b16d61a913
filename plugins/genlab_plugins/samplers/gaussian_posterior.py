r"""One backward step of Gaussian diffusion, from the estimate of the clean data.

In each coordinate of the basis in which data and noise are Gaussian with a schedule, with
:math:`\alpha_{t|s} = \alpha_t / \alpha_s` and
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
(arXiv:2107.00630) for the notation; Hoogeboom & Salimans 2022 (arXiv:2209.05557), eq. 20 to 22, for the
amplitudes of each coordinate.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from genlab import (
    DiagonalDegradation,
    GaussianDegradation,
    RequestError,
    Restores,
    cast_like,
    to_float64,
)

__all__ = [
    "Amplitudes",
    "amplitudes",
    "backward_step",
    "diagonal_of",
    "fresh_noise",
    "gaussian_of",
]


class Amplitudes(NamedTuple):
    """Amplitudes of a step from t to s, float64, of shapes that broadcast over the coordinates.

    Args:
        alpha_t: Amplitude of the data at t.
        sigma_t: Amplitude of the noise at t.
        alpha_s: Amplitude of the data at s.
        sigma_s: Amplitude of the noise at s.
    """

    alpha_t: Tensor
    sigma_t: Tensor
    alpha_s: Tensor
    sigma_s: Tensor

    @property
    def left(self) -> Tensor:
        """What the forward step from s to t leaves of the data."""
        return torch.where(self.alpha_s > 0, self.alpha_t / self.alpha_s, 0.0)

    @property
    def forward(self) -> Tensor:
        """Deviation of the forward step from s to t."""
        kept = (self.left * self.sigma_s).square()
        return (self.sigma_t.square() - kept).clamp_min(0).sqrt()

    @property
    def posterior(self) -> Tensor:
        """Deviation of the posterior at s."""
        return self.forward * self.sigma_s / self.sigma_t

    @property
    def ratio(self) -> Tensor:
        r"""How much noisier t is than s: the quotient of :math:`\sigma / \alpha`, at least 1."""
        return self.sigma_t * self.alpha_s / (self.alpha_t * self.sigma_s).abs()  # -0.0 is 0, too


def amplitudes(restorer: Restores, x_t: Tensor, t: Tensor, s: Tensor) -> Amplitudes:
    """Return the amplitudes of a step.

    Args:
        restorer: Has a diagonal degradation, such as a Gaussian one.
        x_t: Data at t, ``(B, *shape)``; only its shape counts.
        t: Times ``(B,)``, larger than 0.
        s: Times ``(B,)``, smaller than ``t``.
    """
    degradation = diagonal_of(restorer)
    t, s = to_float64(t), to_float64(s)
    like = torch.zeros((), dtype=torch.float64, device=t.device).expand(x_t.shape)
    of_t, of_s = (degradation.amplitudes(time, like) for time in (t, s))
    return Amplitudes(*of_t, *of_s)


def backward_step(
    restorer: Restores,
    x_t: Tensor,
    x_0: Tensor,
    a: Amplitudes,
    kappa: Tensor,
    added: Tensor | None = None,
) -> Tensor:
    r"""Return :math:`\alpha_s \hat x_0 + \kappa \hat z`, and fresh noise with it.

    Nothing is divided by :math:`\alpha_t`, so that a trajectory may start where no data is left.

    Args:
        restorer: Has a diagonal degradation.
        x_t: Data at t, ``(B, *shape)``.
        x_0: The estimate of the clean data.
        a: The amplitudes of the step.
        kappa: Amplitude of the noise that is kept, broadcasting over the coordinates.
        added: Coordinates ``(B, *shape)`` of the fresh noise; None for none.
    """
    basis = diagonal_of(restorer)
    of_x_t = kappa / a.sigma_t
    of_x_0 = a.alpha_s - of_x_t * a.alpha_t
    c_t, c_0 = basis.to_basis(x_t), basis.to_basis(x_0)
    c_s = (cast_like(of_x_t, c_t) * c_t).addcmul(cast_like(of_x_0, c_0), c_0)
    return basis.from_basis(c_s if added is None else c_s + added)


def fresh_noise(like: Tensor, tau: Tensor, generator: torch.Generator) -> Tensor:
    r"""Return :math:`\tau w` with standard normal w.

    Args:
        like: Data ``(B, *shape)``.
        tau: Amplitude of the noise, broadcasting over the data.
        generator: Source of the noise, on the device of the data.
    """
    w = torch.randn(like.shape, generator=generator, device=like.device, dtype=like.dtype)
    return cast_like(tau, like) * w


def diagonal_of(restorer: Restores) -> DiagonalDegradation:
    """Return the degradation of a restorer.

    Raises:
        RequestError: It is not diagonal.
    """
    degradation = restorer.degradation
    if not isinstance(degradation, DiagonalDegradation):
        raise RequestError(f"the step needs a DiagonalDegradation, and {degradation!r} is none")
    return degradation


def gaussian_of(restorer: Restores) -> GaussianDegradation:
    """Return the degradation of a restorer.

    Raises:
        RequestError: It is not Gaussian.
    """
    degradation = restorer.degradation
    if not isinstance(degradation, GaussianDegradation):
        raise RequestError(f"the step needs a GaussianDegradation, and {degradation!r} is none")
    return degradation
