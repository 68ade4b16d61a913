r"""One backward step of Gaussian diffusion, from the estimate of the clean data.

For any schedule, with :math:`\alpha_{t|s} = \alpha_t / \alpha_s` and
:math:`\sigma_{t|s}^2 = \sigma_t^2 - \alpha_{t|s}^2 \sigma_s^2`, the posterior
:math:`q(x_s | x_t, x_0)` has the variance

.. math:: \tilde\sigma^2 = \sigma_{t|s}^2 \sigma_s^2 / \sigma_t^2 .

A step that adds noise of variance :math:`\tau^2` and keeps the marginals right is

.. math:: x_s = \alpha_s \hat x_0 + \sqrt{\sigma_s^2 - \tau^2} \hat z + \tau w .

With :math:`\tau = \tilde\sigma` its mean is the posterior's mean; with :math:`\tau = 0` it is DDIM.
Source: Song, Meng & Ermon 2021 (arXiv:2010.02502), eq. 7 and 12; Kingma et al. 2021 (arXiv:2107.00630)
for the notation.
"""

from __future__ import annotations

from typing import NamedTuple, cast

from torch import Tensor

from genlab import GaussianDegradation
from genlab.protocols import Restores

__all__ = ["Amplitudes", "amplitudes"]


class Amplitudes(NamedTuple):
    """Amplitudes of a step from t to s, each with the trailing dimensions of the data."""

    alpha_s: Tensor
    sigma_s: Tensor
    posterior: Tensor
    forward: Tensor


def amplitudes(restorer: Restores, t: Tensor, s: Tensor, like: Tensor) -> Amplitudes:
    r"""Return :math:`\alpha_s, \sigma_s, \tilde\sigma, \sigma_{t|s}` of a step.

    Args:
        restorer: Has a Gaussian degradation.
        t: Times ``(B,)``.
        s: Times ``(B,)``, smaller.
        like: Data ``(B, *shape)``.
    """
    degradation = cast(GaussianDegradation, restorer.degradation)
    t, s = t.double(), s.double()
    alpha_t, sigma_t = degradation.alpha(t), degradation.sigma(t)
    alpha_s, sigma_s = degradation.alpha(s), degradation.sigma(s)
    forward = (sigma_t.square() - (alpha_t / alpha_s * sigma_s).square()).clamp_min(0).sqrt()
    all_four = (alpha_s, sigma_s, forward * sigma_s / sigma_t, forward)
    shape = (-1, *[1] * (like.ndim - 1))
    return Amplitudes(*(a.to(like.dtype).reshape(shape) for a in all_four))
