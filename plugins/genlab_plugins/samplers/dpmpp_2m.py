r"""DPM-Solver++(2M): a multistep solver of second order."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from genlab import GaussianDegradation, Restores, cast_like
from genlab_plugins.samplers.bases import GridSampler
from genlab_plugins.samplers.gaussian_posterior import amplitudes, backward_step
from genlab_plugins.samplers.grids import Grid

__all__ = ["DPMpp2M"]


class _Last(NamedTuple):
    """What a step remembers: its estimate, and the logarithm of the ratio it lowered, ``(B, 1, ...)``."""

    x_0: Tensor
    h: Tensor


class DPMpp2M(GridSampler):
    r"""DPM-Solver++(2M), of second order with one estimate per step.

    With :math:`\lambda_t = \log(\alpha_t / \sigma_t)`, the step :math:`h = \lambda_s - \lambda_t`, and the
    step :math:`h'` and the estimate :math:`\hat x_0'` of the step before,

    .. math:: x_s = \frac{\sigma_s}{\sigma_t} x_t + \alpha_s (1 - e^{-h}) D, \qquad
        D = \hat x_0 + \frac{h}{2 h'} (\hat x_0 - \hat x_0').

    The first step has no estimate before it and the last one, to s = 0, an infinite h: both take
    :math:`D = \hat x_0`. So does the second one where no data is left at t = 1, since :math:`h'` is
    infinite then.

    Source: Lu et al. 2022 (arXiv:2211.01095), algorithm 2.

    Args:
        grid: Times of the trajectory: ``"uniform"``, ``"quadratic"``, ``"cosine"``, ``"karras"`` or
            ``"log-snr"``.
    """

    requires = GaussianDegradation
    usual_steps = 20

    def __init__(self, *, grid: Grid = "uniform") -> None:
        self.spacing = grid

    def init(
        self,
        restorer: Restores,
        x_t: Tensor,
        t: Tensor,
        z: Tensor | None,
        *,
        generator: torch.Generator,
    ) -> None:
        """Return None: there is no step before the first one."""
        return

    def step(
        self, restorer: Restores, x_t: Tensor, t: Tensor, s: Tensor, state: _Last | None
    ) -> tuple[Tensor, _Last]:
        """Walk from t to s."""
        x_0 = restorer(x_t, t)
        a = amplitudes(restorer, x_t, t, s)
        h = a.ratio.log()
        ahead = x_0
        if state is not None:
            weight = torch.where(h.isfinite(), h / (2 * state.h), 0.0)
            ahead = x_0.addcmul(cast_like(weight, x_0), x_0 - state.x_0)
        return backward_step(restorer, x_t, ahead, a, a.sigma_s), _Last(x_0, h)
